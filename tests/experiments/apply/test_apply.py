"""What a step does in workspaces of all kinds, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from applying import (
    Node,
    Version,
    apply_commit,
    assert_is_commit,
    assert_same,
    commit_of,
    new_project,
    put,
    snapshot,
    undo_step,
)
from support import git
from workspaces import Project, write

from dver.core.errors import ConflictError, MissingObjectError, UsageError
from dver.experiments.apply import execute
from dver.ops.exp.undo import SavedWorkspace, drop, list_saved
from dver.ops.track.init import init
from dver.workspace.checkout.restore import CheckoutSummary

BASE = Version({b"a": Node("-", b"a\n"), b"d/b": Node("-", b"b\n")}, 0)
WANTED = Version({b"a": Node("-", b"A\n"), b"new": Node("-", b"new\n")}, 1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "repo", BASE)


def check_both_ways(project: Project, commit: str, version: Version) -> None:
    """Apply and undo, and compare."""
    before = snapshot(project)
    apply_commit(project, commit)
    assert_is_commit(project, commit, version)
    undo_step(project)
    assert_same(snapshot(project), before)


def test_an_index_in_conflict_is_refused(project: Project) -> None:
    commit = commit_of(project, WANTED)
    project.git("checkout", "-qb", "other")
    write(project.root, {"a": b"theirs\n"})
    project.git("commit", "-qam", "theirs")
    project.git("checkout", "-q", "-")
    write(project.root, {"a": b"ours\n"})
    project.git("commit", "-qam", "ours")
    project.git("merge", "other", rc=1)
    before = snapshot(project)
    with pytest.raises(ConflictError, match="a in conflict") as refused:
        apply_commit(project, commit)
    assert refused.value.fix == "`git status` shows how to finish or abort it"
    assert_same(snapshot(project), before)
    write(project.root, {"a": b"both\n"})
    project.git("add", "a")
    check_both_ways(project, commit, WANTED)
    assert (project.root / ".git/MERGE_HEAD").exists()


def test_a_rebase_in_progress_and_a_detached_head_stay(project: Project) -> None:
    commit = commit_of(project, WANTED)
    write(project.root, {"a": b"second\n"})
    project.git("commit", "-qam", "second")
    project.git("-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "-qi", "HEAD~1")
    write(project.root, {"a": b"unsaved\n"})
    check_both_ways(project, commit, WANTED)
    assert (project.root / ".git/rebase-merge").is_dir()
    project.git("checkout", "-q", "a")
    project.git("rebase", "--continue")
    project.git("checkout", "-q", "--detach")
    check_both_ways(project, commit, WANTED)


def test_untracked_files_of_all_kinds_come_back(project: Project) -> None:
    commit = commit_of(project, WANTED)
    root = project.root
    write(root, {"notes": b"n\n", "deep/er/file": b"f\n", "secret": b"s\n", "out.log": b"ignored\n"})
    os.chmod(root / "secret", 0o600)
    os.chmod(root / "deep/er", 0o700)
    os.utime(root / "notes", ns=(1, 1))
    put(root, b"new", Node("l", b"nowhere"))
    put(root, b"large", Node("-", os.urandom(3 << 20)))
    before = snapshot(project)
    done = apply_commit(project, commit)
    assert done.untracked == (b"deep/er/file", b"large", b"notes", b"secret")
    assert not (root / "deep").exists()
    assert (root / "out.log").read_bytes() == b"ignored\n"
    undo_step(project)
    assert_same(snapshot(project), before)


def test_keep_untracked_leaves_files_that_are_not_in_the_way(project: Project) -> None:
    commit = commit_of(project, WANTED)
    write(project.root, {"notes": b"n\n", "new": b"mine\n"})
    before = snapshot(project)
    done = apply_commit(project, commit, keep_untracked=True)
    assert done.untracked == ()
    assert (project.root / "notes").read_bytes() == b"n\n"
    assert (project.root / "new").read_bytes() == b"new\n"
    undo_step(project)
    assert_same(snapshot(project), before)


def test_untracked_files_that_no_experiment_can_have_stay(project: Project) -> None:
    project.git("config", "core.bigFileThreshold", "1m")
    commit = commit_of(project, WANTED)
    put(project.root, b"huge.bin", Node("-", b""))
    os.truncate(project.root / "huge.bin", 20_000_000)
    done = apply_commit(project, commit)
    assert done.untracked == ()
    assert (project.root / "huge.bin").stat().st_size == 20_000_000
    undo_step(project)
    assert (project.root / "huge.bin").stat().st_size == 20_000_000


def test_ignored_files_that_an_experiment_does_not_ignore_stay(project: Project) -> None:
    wanted = [Version({b".gitignore": Node("-", b""), b"n": Node("-", b"%d\n" % number)}, None) for number in (1, 2)]
    commits = [commit_of(project, one, plain=True) for one in wanted]
    write(project.root, {"out.log": b"ignored\n", "sub/out.log": b"ignored, too\n"})
    original = snapshot(project)
    apply_commit(project, commits[0])
    write(project.root, {"since": b"s\n"})
    done = apply_commit(project, commits[1])
    assert done.untracked == (b"since",)
    assert (project.root / "out.log").read_bytes() == b"ignored\n"
    undo_step(project)
    assert (project.root / "since").read_bytes() == b"s\n"
    undo_step(project)
    assert_same(snapshot(project), original)


def test_directories_files_and_links_take_each_others_place(project: Project) -> None:
    wanted = Version({b"a/x": Node("-", b"x\n"), b"d": Node("l", b"a"), b"e": Node("-", b"e\n")}, None)
    commit = commit_of(project, wanted)
    write(project.root, {"e/ignored.log": b"i\n", "e/sub/other.log": b"o\n"})
    (project.root / "e/empty").mkdir()
    check_both_ways(project, commit, wanted)


def test_redo_removes_the_empty_directories_that_undo_made(project: Project) -> None:
    commit = commit_of(project, Version({b"e": Node("-", b"e\n")}, None))
    (project.root / "e/deep/empty").mkdir(parents=True)
    before = snapshot(project)
    apply_commit(project, commit)
    (project.root / "e").unlink()
    after = snapshot(project)
    undo_step(project)
    assert_same(snapshot(project), before)
    undo_step(project, redo=True)
    assert_same(snapshot(project), after)
    undo_step(project)
    assert_same(snapshot(project), before)


def test_undo_removes_the_directories_of_files_that_were_deleted_since(project: Project) -> None:
    commit = commit_of(project, Version({b"new/deep/file": Node("-", b"f\n")}, None))
    before = snapshot(project)
    apply_commit(project, commit)
    (project.root / "new/deep/file").unlink()
    after = snapshot(project)
    undo_step(project)
    assert_same(snapshot(project), before)
    undo_step(project, redo=True)
    assert_same(snapshot(project), after)


def test_data_and_files_of_git_take_each_others_place(project: Project) -> None:
    wanted = Version({b"data/q": Node("-", b"git\n"), b"a": Node("-", b"a\n")}, None)
    commit = commit_of(project, wanted)
    write(project.root, {"data/unsaved": b"u\n"})
    check_both_ways(project, commit, wanted)
    other = new_project(project.root.parent / "other", wanted)
    check_both_ways(other, commit_of(other, BASE), BASE)


def test_a_special_file_in_the_way_is_refused(project: Project) -> None:
    commit = commit_of(project, WANTED)
    os.mkfifo(project.root / "new")
    with pytest.raises(ConflictError, match="'new' is in the way"):
        apply_commit(project, commit)
    assert (project.root / "a").read_bytes() == b"a\n"
    assert list_saved_of(project) == []


def test_a_nested_repository_stays_and_nothing_is_written_into_it(project: Project) -> None:
    commit = commit_of(project, WANTED)
    nested = project.root / "nested"
    git("init", "-q", str(nested), cwd=project.root)
    write(nested, {"file": b"f\n"})
    before = snapshot(project)
    apply_commit(project, commit)
    assert (project.root / "new").exists()
    undo_step(project)
    assert_same(snapshot(project), before)
    assert (nested / "file").read_bytes() == b"f\n"
    inside = commit_of(project, Version({b"nested/file": Node("-", b"other\n")}, None))
    with pytest.raises(ConflictError, match="'nested' is a Git repository of its own"):
        apply_commit(project, inside)
    assert (nested / "file").read_bytes() == b"f\n"


def test_a_submodule_stays_and_is_reported(project: Project, tmp_path: Path) -> None:
    library = new_project(tmp_path / "library", Version({}, None))
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.root), "lib")
    project.git("commit", "-qm", "submodule")
    first = project.git("rev-parse", "HEAD").strip()
    library.commit("next")
    git("-c", "protocol.file.allow=always", "pull", "-q", cwd=project.root / "lib")
    project.git("commit", "-qam", "moved")
    before = snapshot(project)
    done = apply_commit(project, first)
    assert done.submodules == (b"lib",)
    assert project.git("status", "--porcelain") == "MM lib\n"
    undo_step(project)
    assert_same(snapshot(project), before)


def test_line_endings_and_filters_are_those_of_git(project: Project) -> None:
    project.git("config", "core.autocrlf", "true")
    project.git("config", "core.safecrlf", "true")
    project.git("config", "filter.up.clean", "tr a-z A-Z")
    project.git("config", "filter.up.smudge", "tr A-Z a-z")
    wanted = Version({b"a": Node("-", b"A\n"), b".gitattributes": Node("-", b"*.up filter=up\n")}, 0)
    commit = commit_of(project, wanted)
    write(project.root, {"a": b"mixed\r\nendings\n", ".gitattributes": b"*.up filter=up\n", "x.up": b"Mixed\n"})
    project.git("-c", "core.safecrlf=false", "add", ".gitattributes")
    before = snapshot(project)
    apply_commit(project, commit)
    assert (project.root / "a").read_bytes() == b"A\r\n"
    undo_step(project)
    assert_same(snapshot(project), before)


def test_files_that_a_sparse_checkout_leaves_out_stay_away(project: Project) -> None:
    wanted = Version({b"a": Node("-", b"A\n"), b"d/b": Node("-", b"B\n"), b"d/c": Node("-", b"C\n")}, 0)
    commit = commit_of(project, wanted)
    project.git("sparse-checkout", "set", "--cone", ".dver")
    assert not (project.root / "d").exists()
    before = snapshot(project)
    apply_commit(project, commit)
    assert not (project.root / "d/b").exists()
    assert (project.root / "d/c").read_bytes() == b"C\n"
    assert project.git("write-tree") == project.git("rev-parse", f"{commit}^{{tree}}")
    assert [line for line in project.git("status", "--porcelain").splitlines() if line[1] != " "] == []
    undo_step(project)
    assert_same(snapshot(project), before)


def test_assumed_unchanged_and_intended_files_come_back(project: Project) -> None:
    commit = commit_of(project, WANTED)
    write(project.root, {"d/b": b"local only\n", "later": b"l\n"})
    project.git("update-index", "--assume-unchanged", "d/b")
    project.git("add", "-N", "later")
    check_both_ways(project, commit, WANTED)
    assert project.git("ls-files", "-v", "d/b").startswith("h")


def test_a_split_index_comes_back(project: Project) -> None:
    commit = commit_of(project, WANTED)
    project.git("update-index", "--split-index")
    before = snapshot(project)
    apply_commit(project, commit)
    for file in (project.root / ".git").glob("sharedindex.*"):
        file.unlink()  # as Git does in time
    undo_step(project)
    assert_same(snapshot(project), before)
    assert project.git("ls-files", "a") == "a\n"


def test_an_unnoticeable_edit_is_noticed(project: Project) -> None:
    """Same size and same time as in the index: Git compares the time of the index."""
    commit = commit_of(project, WANTED)
    file, index = project.root / "d/b", project.root / ".git/index"
    when = index.stat().st_mtime_ns
    os.utime(file, ns=(when, when))
    project.git("update-index", "-q", "--refresh")
    file.write_bytes(b"X\n")
    os.utime(file, ns=(when, when))
    os.utime(index, ns=(when, when))
    before = snapshot(project)
    apply_commit(project, commit)
    undo_step(project)
    assert_same(snapshot(project), before)


def test_a_locked_index_is_refused(project: Project) -> None:
    commit = commit_of(project, WANTED)
    (project.root / ".git/index.lock").touch()
    with pytest.raises(ConflictError, match="index is locked"):
        apply_commit(project, commit)
    assert (project.root / "a").read_bytes() == b"a\n"


def test_a_file_that_is_edited_during_the_step_stays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = commit_of(project, WANTED)
    real = execute.Execution.clear

    def edited(self: execute.Execution) -> None:
        write(project.root, {"a": b"edited just now\n", "new": b"made just now\n"})
        real(self)

    monkeypatch.setattr(execute.Execution, "clear", edited)
    done = apply_commit(project, commit)
    assert done.kept == (b"a", b"new")
    assert (project.root / "a").read_bytes() == b"edited just now\n"
    assert (project.root / "new").read_bytes() == b"made just now\n"


def test_missing_data_is_an_error_before_anything_changes(project: Project, tmp_path: Path) -> None:
    write(project.root, {"more": b"of this\n"})
    write(project.root, {"data/x": b"only here\n"})
    project.add("data", force=True)
    project.git("add", "-A")
    commit = project.git("commit-tree", project.git("write-tree").strip(), "-p", "HEAD", "-m", "exp").strip()
    project.git("reset", "-q", "--hard")
    clone = project.clone(tmp_path / "clone", share=False)
    git("fetch", "-q", str(project.root), commit, cwd=clone.root)
    before = snapshot(clone)
    done = apply_commit(clone, commit)  # the clone has no data, so it stays away
    assert done.left_out == (b"data",)
    undo_step(clone)
    assert_same(snapshot(clone), before)
    write(clone.root, {"data/mine": b"some data\n"})
    before = snapshot(clone)
    with pytest.raises(MissingObjectError) as refused:
        apply_commit(clone, commit)
    assert refused.value.fix == "dver pull"
    assert_same(snapshot(clone), before)


def test_undo_walks_back_and_redo_walks_forward(project: Project) -> None:
    first = commit_of(project, WANTED)
    second = commit_of(project, Version({b"a": Node("-", b"second\n")}, 2))
    write(project.root, {"a": b"mine\n"})
    original = snapshot(project)
    apply_commit(project, first)
    apply_commit(project, first)  # nothing changes, so there is nothing more to undo
    after_first = snapshot(project)
    apply_commit(project, second)
    after_second = snapshot(project)
    undo_step(project)
    assert_same(snapshot(project), after_first)
    undo_step(project)
    assert_same(snapshot(project), original)
    with pytest.raises(UsageError, match="nothing to undo"):
        undo_step(project)
    undo_step(project, redo=True)
    assert_same(snapshot(project), after_first)
    undo_step(project, redo=True)
    assert_same(snapshot(project), after_second)
    with pytest.raises(UsageError, match="nothing to redo"):
        undo_step(project, redo=True)
    undo_step(project, 1)
    assert_same(snapshot(project), original)


@pytest.mark.parametrize("node", [Node("-", b"b\n"), Node("l", b"a"), Node("-", b"large\n" * 200_000)])
def test_redo_brings_back_the_time_of_a_file_that_was_written_again(tmp_path: Path, node: Node) -> None:
    project = new_project(tmp_path / "again", Version({b"a": Node("-", b"a\n"), b"b": node}, None))
    apply_commit(project, commit_of(project, Version({b"a": Node("-", b"A\n")}, None)))
    put(project.root, b"b", node)  # as it was before the apply, at another time
    after = snapshot(project)
    undo_step(project)
    if node.mode == "-":  # an edit of a file that stays does not reach its record
        with (project.root / "b").open("r+b") as file:
            file.write(b"x")
        (project.root / "b").write_bytes(node.content)
    undo_step(project, redo=True)
    assert_same(snapshot(project), after)


def test_undo_refuses_another_head(project: Project) -> None:
    commit = commit_of(project, WANTED)
    write(project.root, {"a": b"mine\n"})
    before = snapshot(project)
    apply_commit(project, commit)
    project.git("commit", "-qm", "keep it")
    with pytest.raises(ConflictError, match="HEAD has moved"):
        undo_step(project)
    project.git("reset", "-q", "--soft", "HEAD^")
    undo_step(project)
    assert_same(snapshot(project), before)


def test_records_with_unsaved_work_are_kept_and_others_expire(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dver.experiments.apply.records.KEEP", 2)
    commits = [commit_of(project, WANTED), commit_of(project, Version({b"a": Node("-", b"second\n")}, 2))]
    write(project.root, {"a": b"mine\n"})
    original = snapshot(project)
    for number in range(5):
        apply_commit(project, commits[number % 2])
    assert [(one.number, one.unsaved) for one in list_saved_of(project)] == [(1, True), (4, False), (5, False)]
    refs = project.git("for-each-ref", "--format=%(refname)", "refs/dver/undo").split()
    assert refs == [f"refs/dver/undo/main/{number}" for number in (1, 4, 5)]
    undo_step(project, 1)
    assert_same(snapshot(project), original)
    with project.opened() as repo:
        drop(repo, 1)
    assert 1 not in [one.number for one in list_saved_of(project)]


def test_a_linked_worktree_has_records_of_its_own(project: Project, tmp_path: Path) -> None:
    commit = commit_of(project, WANTED)
    project.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = Project(tmp_path / "linked")
    linked.checkout()
    write(linked.root, {"a": b"mine\n", "data/x": b"mine, too\n"})
    before, main = snapshot(linked), snapshot(project)
    index = Path(linked.git("rev-parse", "--path-format=absolute", "--git-path", "index").strip())
    content = index.read_bytes()
    apply_commit(linked, commit)
    assert list_saved_of(project) == []
    undo_step(linked)
    assert_same(snapshot(linked), before)
    assert index.read_bytes() == content
    assert_same(snapshot(project), main)


def list_saved_of(project: Project) -> list[SavedWorkspace]:
    """The saved workspaces."""
    with project.opened() as repo:
        return list(list_saved(repo))


def test_other_projects_of_the_repository_keep_their_data(project: Project) -> None:
    inner = Project(project.root / "inner")
    inner.root.mkdir()
    with project.opened():
        init(inner.root, hooks=False)
    write(inner.root, {"set/x": b"1\n"})
    inner.add("set")
    project.git("add", "-A")
    project.git("commit", "-qm", "two projects")
    write(inner.root, {"set/x": b"2\n"})
    inner.add("set")
    project.git("add", "-A")
    commit = project.git("commit-tree", project.git("write-tree").strip(), "-p", "HEAD", "-m", "x").strip()
    project.git("reset", "-q", "--hard")
    inner.checkout(force=True)
    write(project.root, {"data/mine": b"unsaved\n"})
    before = snapshot(project)
    done = apply_commit(inner, commit)
    assert (inner.root / "set/x").read_bytes() == b"2\n"
    assert (project.root / "data/mine").read_bytes() == b"unsaved\n"
    assert done.elsewhere == ()
    with pytest.raises(UsageError, match="another project") as refused:
        undo_step(project)
    assert refused.value.fix == "dver exp undo --cd inner 1"
    undo_step(inner)
    assert_same(snapshot(project), before, exact=False)  # the times of data are new


def test_data_that_is_edited_during_the_step_stays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = commit_of(project, WANTED)
    real = execute.Execution.check_out_data

    def edited(self: execute.Execution) -> CheckoutSummary:
        write(project.root, {"data/x": b"edited just now\n", "data/z": b"made just now\n"})
        return real(self)

    monkeypatch.setattr(execute.Execution, "check_out_data", edited)
    done = apply_commit(project, commit)
    assert {one.path for one in done.data.kept} == {b"data/x", b"data/z"}
    assert (project.root / "data/x").read_bytes() == b"edited just now\n"
    assert (project.root / "data/z").read_bytes() == b"made just now\n"


def test_a_branch_without_commits_is_no_obstacle(project: Project) -> None:
    commit = commit_of(project, WANTED)
    project.git("checkout", "-q", "--orphan", "fresh")
    check_both_ways(project, commit, WANTED)
    project.git("rm", "-rq", "--cached", ".")
    (project.root / ".git/index").unlink()
    check_both_ways(project, commit, WANTED)
