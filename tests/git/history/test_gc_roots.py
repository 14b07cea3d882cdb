"""What a clone may still need: every place in Git that can hold on to a pointer, and what cannot be read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import git

from dver.core.errors import RepositoryError
from dver.core.oid import Oid
from dver.git.git_repo import discover
from dver.git.history import gc_roots
from dver.git.worktrees import clone_at


def pointer(name: str) -> str:
    return f"version: 1\nkind: blob\noid: {Oid.of(name.encode())}\nsize: {len(name)}\nfiles: 1\n"


def put(repo: Path, name: str, path: str = "data.dver") -> None:
    (repo / path).parent.mkdir(parents=True, exist_ok=True)
    (repo / path).write_text(pointer(name))


def commit(repo: Path, name: str, path: str = "data.dver") -> str:
    put(repo, name, path)
    git("add", path, cwd=repo)
    git("commit", "--quiet", "-m", name, cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo).strip()


def needed(repo: Path) -> set[str]:
    """The names that `pointer` was given, of all that the clone needs."""
    here = discover(repo)
    found = gc_roots.read_roots(here)
    contents = [*dict(gc_roots.read_pointer_blobs(here, found.blobs)).values(), *found.files.values()]
    return {name for name in NAMES for content in contents if str(Oid.of(name.encode())).encode() in content}


NAMES = ("one", "two", "three", "four", "five", "six")


@pytest.fixture
def repo(git_repo: Path) -> Path:
    commit(git_repo, "one")
    return git_repo


def forget_reflogs(repo: Path) -> None:
    shutil.rmtree(repo / ".git/logs", ignore_errors=True)
    for name in ("ORIG_HEAD", "FETCH_HEAD"):
        (repo / ".git" / name).unlink(missing_ok=True)


def test_every_version_in_the_history_of_every_ref_is_needed(repo: Path) -> None:
    commit(repo, "two")
    git("checkout", "--quiet", "-b", "other", "HEAD~1", cwd=repo)
    commit(repo, "three", "folder/data.dver")
    git("tag", "-a", "-m", "kept", "kept", cwd=repo)
    git("checkout", "--quiet", "main", cwd=repo)
    git("branch", "-D", "other", cwd=repo)
    git("update-ref", "refs/odd/place", commit(repo, "four"), cwd=repo)
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=repo)
    forget_reflogs(repo)
    assert needed(repo) == {"one", "two", "three", "four"}


def test_what_nothing_holds_on_to_is_not_needed(repo: Path) -> None:
    commit(repo, "two")
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=repo)
    forget_reflogs(repo)
    assert needed(repo) == {"one"}


def test_what_a_reflog_remembers_is_needed(repo: Path) -> None:
    commit(repo, "two")
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=repo)
    git("checkout", "--quiet", "-b", "gone", cwd=repo)
    commit(repo, "three")
    git("checkout", "--quiet", "main", cwd=repo)
    git("branch", "-D", "gone", cwd=repo)
    assert needed(repo) == {"one", "two", "three"}


def test_the_reflog_counts_while_head_is_an_unborn_branch(repo: Path) -> None:
    commit(repo, "two")
    git("checkout", "--quiet", "--orphan", "fresh", cwd=repo)
    git("rm", "--quiet", "-rf", ".", cwd=repo)
    git("branch", "-D", "main", cwd=repo)
    assert needed(repo) == {"one", "two"}


def test_a_repository_without_any_commit_needs_what_is_staged_and_what_is_on_disk(tmp_path: Path) -> None:
    git("init", "--quiet", "new", cwd=tmp_path)
    assert needed(tmp_path / "new") == set()
    put(tmp_path / "new", "one")
    git("add", ".", cwd=tmp_path / "new")
    put(tmp_path / "new", "two")
    put(tmp_path / "new", "three", "untracked.dver")
    assert needed(tmp_path / "new") == {"one", "two", "three"}


def test_every_entry_of_the_stash_counts(repo: Path) -> None:
    for name in ("two", "three"):
        put(repo, name)
        git("stash", "push", "--quiet", cwd=repo)
    put(repo, "four", "untracked.dver")
    git("stash", "push", "--quiet", "--include-untracked", cwd=repo)
    assert needed(repo) == {"one", "two", "three", "four"}


def test_the_sides_of_an_unfinished_merge_count(repo: Path) -> None:
    git("checkout", "--quiet", "-b", "theirs", cwd=repo)
    commit(repo, "two")
    git("checkout", "--quiet", "main", cwd=repo)
    commit(repo, "three")
    git("merge", "--quiet", "theirs", cwd=repo, rc=1)
    git("branch", "-D", "theirs", cwd=repo)
    forget_reflogs(repo)
    assert (repo / ".git/MERGE_HEAD").exists()
    assert needed(repo) == {"one", "two", "three"}
    (repo / ".git/MERGE_HEAD").write_text("1" * 40 + "\n")
    with pytest.raises(RepositoryError, match="MERGE_HEAD"):
        needed(repo)


@pytest.mark.parametrize("backend", ["--merge", "--apply"])
def test_what_a_rebase_in_progress_needs_counts(repo: Path, backend: str) -> None:
    git("checkout", "--quiet", "-b", "side", cwd=repo)
    for name in ("two", "three"):
        commit(repo, name)
    git("checkout", "--quiet", "main", cwd=repo)
    commit(repo, "four")
    git("checkout", "--quiet", "side", cwd=repo)
    put(repo, "five")
    git("rebase", "--quiet", "--autostash", backend, "main", cwd=repo, rc=None)
    forget_reflogs(repo)
    git("update-ref", "--no-deref", "-d", "refs/heads/side", cwd=repo)  # the branch that is being moved
    assert (repo / ".git/rebase-merge").exists() or (repo / ".git/rebase-apply").exists()
    assert needed(repo) == {"one", "two", "three", "four", "five"}


def test_what_a_bisect_remembers_counts(repo: Path) -> None:
    commits = [commit(repo, name) for name in ("two", "three", "four")]
    git("bisect", "start", commits[2], commits[0], cwd=repo)
    git("update-ref", "-d", "refs/heads/main", cwd=repo)
    forget_reflogs(repo)
    assert needed(repo) == {"one", "two", "three", "four"}


def test_a_detached_head_and_the_index_of_another_worktree_count(repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", tmp_path / "second", cwd=repo)
    commit(tmp_path / "second", "two")
    put(tmp_path / "second", "three")
    git("add", ".", cwd=tmp_path / "second")
    put(tmp_path / "second", "four")
    shutil.rmtree(repo / ".git/worktrees/second/logs")
    for where in (repo, tmp_path / "second"):
        assert needed(where) == {"one", "two", "three", "four"}


def test_an_operation_in_progress_in_another_worktree_counts(repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "-b", "second", tmp_path / "second", cwd=repo)
    first = commit(tmp_path / "second", "two")
    last = [commit(tmp_path / "second", name) for name in ("three", "four")][-1]
    git("bisect", "start", last, first, cwd=tmp_path / "second")
    git("update-ref", "-d", "refs/heads/second", cwd=repo)
    shutil.rmtree(repo / ".git/worktrees/second/logs")
    (repo / ".git/worktrees/second/BISECT_LOG").unlink()
    assert needed(repo) == {"one", "two", "three", "four"}


def test_the_main_worktree_counts_where_another_one_asks(repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", tmp_path / "second", cwd=repo)
    git("checkout", "--quiet", "--detach", cwd=repo)
    commit(repo, "two")
    shutil.rmtree(repo / ".git/logs")
    put(repo, "three", "untracked.dver")
    assert needed(tmp_path / "second") == {"one", "two", "three"}


def test_a_worktree_whose_folder_is_gone_still_counts_with_its_head_and_index(repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", tmp_path / "second", cwd=repo)
    commit(tmp_path / "second", "two")
    put(tmp_path / "second", "three")
    git("add", ".", cwd=tmp_path / "second")
    shutil.rmtree(repo / ".git/worktrees/second/logs")
    shutil.rmtree(tmp_path / "second")
    assert needed(repo) == {"one", "two", "three"}


def test_a_locked_worktree_whose_folder_is_away_stops_it(repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "--lock", "--detach", tmp_path / "second", cwd=repo)
    (tmp_path / "second").rename(tmp_path / "unplugged")
    with pytest.raises(RepositoryError, match="second") as caught:
        needed(repo)
    assert caught.value.fix
    assert "prune" in caught.value.fix
    (tmp_path / "unplugged").rename(tmp_path / "second")
    assert needed(repo) == {"one"}


def test_a_bare_clone_with_worktrees_counts_with_all_of_them(repo: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", "--bare", repo, tmp_path / "bare.git", cwd=repo)
    for name in ("two", "three"):
        git("worktree", "add", "--quiet", "--detach", tmp_path / name, cwd=tmp_path / "bare.git")
        put(tmp_path / name, name)
    assert needed(tmp_path / "two") == {"one", "two", "three"}


def test_a_submodule_is_a_repository_of_its_own(repo: Path, tmp_path: Path) -> None:
    git("init", "--quiet", "super", cwd=tmp_path)
    git("submodule", "--quiet", "add", repo, "sub", cwd=tmp_path / "super")
    commit(tmp_path / "super", "two")
    sub = tmp_path / "super/sub"
    git("worktree", "add", "--quiet", "--detach", tmp_path / "second", cwd=sub)
    put(sub, "three")
    assert needed(tmp_path / "super") == {"two"}
    assert needed(sub) == needed(tmp_path / "second") == {"one", "three"}


def test_pointers_of_all_projects_of_a_repository_count(repo: Path) -> None:
    commit(repo, "two", "a/data.dver")
    commit(repo, "three", "b/deep/data.dver")
    assert needed(repo) == needed(repo / "a") == {"one", "two", "three"}


def test_a_shallow_clone_counts_as_far_as_it_goes(repo: Path, tmp_path: Path) -> None:
    commit(repo, "two")
    git("clone", "--quiet", "--depth=1", repo.as_uri(), tmp_path / "shallow", cwd=tmp_path)
    assert needed(tmp_path / "shallow") == {"two"}


def test_intent_to_add_is_no_pointer_yet(repo: Path) -> None:
    put(repo, "two", "new.dver")
    git("add", "--intent-to-add", "new.dver", cwd=repo)
    assert needed(repo) == {"one", "two"}


def test_names_that_are_no_text_count(repo: Path) -> None:
    place = os.path.join(os.fsencode(repo), b"\xff \n.dver")
    with open(place, "w") as file:
        file.write(pointer("two"))
    git("add", ".", cwd=repo)
    git("commit", "--quiet", "-m", "odd", cwd=repo)
    os.unlink(place)
    assert needed(repo) == {"one", "two"}


def test_orig_head_may_name_what_git_has_deleted(repo: Path) -> None:
    (repo / ".git/ORIG_HEAD").write_text("1" * 40 + "\n")
    assert needed(repo) == {"one"}


Break = Callable[[Path], object]


def break_ref(repo: Path) -> None:
    (repo / ".git/refs/heads/broken").write_text("1" * 40 + "\n")


def garble_ref(repo: Path) -> None:
    (repo / ".git/refs/heads/broken").write_text("garbage\n")


def break_reflog(repo: Path) -> None:
    with open(repo / ".git/logs/HEAD", "a") as log:
        log.write(f"{'1' * 40} {'2' * 40} A <a@example.org> 1 +0000\tbroken\n")


def garble_reflog(repo: Path) -> None:
    with open(repo / ".git/logs/HEAD", "a") as log:
        log.write("garbage\n")


def break_head_of_other(repo: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", "broken", cwd=repo)
    (repo / ".git/worktrees/broken/HEAD").write_text("1" * 40 + "\n")


def garble_head_of_other(repo: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", "broken", cwd=repo)
    (repo / ".git/worktrees/broken/HEAD").write_text("garbage\n")


def garble_index_of_other(repo: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", "broken", cwd=repo)
    (repo / ".git/worktrees/broken/index").write_bytes(b"garbage")


def lose_commit(repo: Path) -> None:
    first = git("rev-parse", "HEAD", cwd=repo).strip()
    commit(repo, "two")
    shutil.rmtree(repo / ".git/logs")
    (repo / ".git/objects" / first[:2] / first[2:]).unlink()


def lose_tree(repo: Path) -> None:
    tree = git("rev-parse", "HEAD^{tree}", cwd=repo).strip()
    (repo / ".git/objects" / tree[:2] / tree[2:]).unlink()


def lose_pointer(repo: Path) -> None:
    blob = git("rev-parse", "HEAD:data.dver", cwd=repo).strip()
    (repo / ".git/objects" / blob[:2] / blob[2:]).unlink()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (break_ref, "refs/heads/broken"),
        (garble_ref, "refs/heads/broken"),
        (break_reflog, "logs/HEAD"),
        (garble_reflog, "logs/HEAD"),
        (break_head_of_other, "worktrees/broken/HEAD"),
        (garble_head_of_other, "worktrees/broken/HEAD"),
        (garble_index_of_other, "broken"),
        (lose_commit, "history"),
        (lose_tree, "history"),
        (lose_pointer, "data.dver"),
    ],
)
def test_what_cannot_be_read_stops_it_and_is_named(repo: Path, damage: Break, named: str) -> None:
    damage(repo)
    with pytest.raises(RepositoryError) as caught:
        needed(repo)
    assert named in f"{caught.value.what} {caught.value.why}"
    assert caught.value.fix


def test_few_processes_whatever_the_number_of_commits(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    started = []
    start = subprocess.Popen.__init__

    def noting(self: object, args: list[str], *rest: object, **named: object) -> None:
        started.append(args)
        start(self, args, *rest, **named)

    for number in range(20):
        commit(repo, "two" if number % 2 else "three", f"data{number}.dver")
    monkeypatch.setattr(subprocess.Popen, "__init__", noting)
    assert needed(repo) == {"one", "two", "three"}
    assert len(started) <= 8


def test_another_clone_is_read_without_running_what_its_configuration_names(repo: Path, tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho\n")
    hook.chmod(0o755)
    git("config", "core.fsmonitor", hook, cwd=repo)
    git("status", cwd=repo)
    (tmp_path / "ran").unlink()  # git itself has run it
    git("worktree", "add", "--quiet", "--detach", tmp_path / "second", cwd=repo)
    put(tmp_path / "second", "two")
    put(repo, "three", "untracked.dver")
    (tmp_path / "ran").unlink(missing_ok=True)
    other = clone_at(repo / ".git")
    found = gc_roots.read_roots(other)
    contents = [*dict(gc_roots.read_pointer_blobs(other, found.blobs)).values(), *found.files.values()]
    assert {pointer(name).encode() for name in ("one", "two", "three")} == set(contents)
    assert not (tmp_path / "ran").exists()


def test_another_clone_that_is_bare_or_gone(repo: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", "--bare", repo, tmp_path / "bare.git", cwd=tmp_path)
    assert len(gc_roots.read_roots(clone_at(tmp_path / "bare.git")).blobs) == 1
    with pytest.raises(RepositoryError, match="nowhere"):
        clone_at(tmp_path / "nowhere")


def test_unreachable_commits_tell_who_used_a_pointer_last(repo: Path) -> None:
    lost = [commit(repo, name) for name in ("two", "three")]
    git("reset", "--quiet", "--hard", "HEAD~2", cwd=repo)
    forget_reflogs(repo)
    here = discover(repo)
    gone = gc_roots.unreachable_commits(here, gc_roots.read_roots(here).commits)
    assert set(gone) == set(lost)
    used = {
        (path, dict(gc_roots.read_pointer_blobs(here, {blob: path}))[blob]): by
        for (path, blob), by in gc_roots.last_uses(here, gone).items()
    }
    assert used == {(b"data.dver", pointer(name).encode()): by for name, by in zip(("two", "three"), lost, strict=True)}


def test_what_a_replacement_hides_and_what_it_shows_count(repo: Path) -> None:
    two = commit(repo, "two")
    commit(repo, "three")
    put(repo, "four")
    git("add", "data.dver", cwd=repo)
    tree = git("write-tree", cwd=repo).strip()
    made = git("commit-tree", tree, "-m", "four", cwd=repo).strip()
    git("reset", "--quiet", "--hard", cwd=repo)
    git("replace", two, made, cwd=repo)
    assert needed(repo) == {"one", "two", "three", "four"}


def test_what_grafts_hide_counts(repo: Path) -> None:
    commit(repo, "two")
    three = commit(repo, "three")
    (repo / ".git/info/grafts").write_text(f"{three}\n")
    assert needed(repo) == {"one", "two", "three"}


def test_a_pointer_that_is_replaced_counts_with_both_contents(repo: Path) -> None:
    blob = git("rev-parse", "HEAD:data.dver", cwd=repo).strip()
    commit(repo, "three")
    put(repo, "two")
    other = git("hash-object", "-w", "data.dver", cwd=repo).strip()
    git("checkout", "--quiet", "data.dver", cwd=repo)
    git("replace", blob, other, cwd=repo)
    here = discover(repo)
    contents = [content for _, content in gc_roots.read_pointer_blobs(here, gc_roots.read_roots(here).blobs)]
    assert {pointer(name).encode() for name in ("one", "two", "three")} == set(contents)


def test_replacements_in_packed_refs_count(repo: Path) -> None:
    two = commit(repo, "two")
    commit(repo, "three")
    git("replace", two, git("rev-parse", f"{two}~1", cwd=repo).strip(), cwd=repo)
    git("pack-refs", "--all", "--prune", cwd=repo)
    assert needed(repo) == {"one", "two", "three"}
