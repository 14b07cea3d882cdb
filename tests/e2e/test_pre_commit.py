"""`dver hook pre-commit`, run by a real `git commit`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from githooks import put_dver_on_path, write_hooks
from support import Run, git, make_git_repo

HEX = "ab" * 32


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the hook in place, and `data` committed."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    write_hooks(repo, ["pre-commit"])
    (repo / "data").write_text("one\n")
    run("add", "data", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    return repo


def _commit(*args: str | bytes, cwd: Path, rc: int = 0) -> str:
    """What `git commit` writes to stderr."""
    done = subprocess.run(["git", "commit", "-q", "-m", "A commit", *args], cwd=cwd, capture_output=True, timeout=120)
    shown = os.fsdecode(done.stderr)
    assert done.returncode == rc, shown
    assert "Traceback" not in shown
    return shown


def _pointer(hexadecimal: str = HEX) -> str:
    return f"kind: blob\noid: blake3:{hexadecimal}\nsize: 4\nversion: 1\n"


def _committed(repo: Path, path: str, rev: str = "HEAD") -> str:
    return git("show", f"{rev}:{path}", cwd=repo)


def test_a_good_commit_is_made_without_a_word(run: Run, repo: Path) -> None:
    (repo / "more").mkdir()
    (repo / "more/a").write_text("a\n")
    run("add", "more", cwd=repo)
    assert _commit(cwd=repo) == ""


def test_a_pointer_to_data_that_is_nowhere_is_refused(repo: Path) -> None:
    (repo / "gone.dver").write_text(_pointer())
    git("add", "gone.dver", cwd=repo)
    shown = _commit(cwd=repo, rc=1)
    assert "gone.dver: its data is not in the store" in shown
    assert "dver add gone" in shown


def test_a_tree_that_lacks_one_file_is_refused(run: Run, repo: Path) -> None:
    other = make_git_repo(repo.with_name("other"))
    run("init", cwd=other)
    (other / "set").mkdir()
    (other / "set/a").write_text("a\n")
    run("add", "set", cwd=other)
    shutil.copy(other / "set.dver", repo / "set.dver")
    git("add", "set.dver", cwd=repo)
    assert "set.dver" in _commit(cwd=repo, rc=1)


def test_a_pointer_whose_data_is_on_a_known_remote_is_fine(run: Run, repo: Path) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    (repo / "new").write_text("new\n")
    run("add", "new", cwd=repo)
    run("push", cwd=repo)
    shutil.rmtree(repo / ".git/dver/store")
    git("add", "-A", cwd=repo)
    _commit(cwd=repo)
    assert _committed(repo, "new.dver") == (repo / "new.dver").read_text()


def test_going_back_to_a_committed_pointer_is_fine_in_a_clone_that_never_pulled(run: Run, repo: Path) -> None:
    (repo / "data").write_text("two\n")
    run("add", "data", cwd=repo)
    _commit(cwd=repo)
    shutil.rmtree(repo / ".git/dver")
    (repo / "data").unlink()
    git("checkout", "-q", "HEAD~1", "--", "data.dver", cwd=repo)
    _commit(cwd=repo)
    assert _committed(repo, "data.dver") == _committed(repo, "data.dver", "HEAD~2")


def test_a_merge_may_bring_pointers_whose_data_was_never_pulled(run: Run, repo: Path) -> None:
    git("switch", "-qc", "side", cwd=repo)
    (repo / "side.dver").write_text(_pointer())
    (repo / "README").write_text("Side.\n")
    git("add", "side.dver", "README", cwd=repo)
    _commit("--no-verify", cwd=repo)
    git("switch", "-q", "main", cwd=repo)
    (repo / "README").write_text("Main.\n")
    _commit("-a", cwd=repo)
    git("merge", "-q", "side", cwd=repo, rc=1)
    (repo / "README").write_text("Both.\n")
    _commit("-a", cwd=repo)
    assert _committed(repo, "side.dver") == _pointer()


def test_a_pointer_with_conflict_markers_is_refused(repo: Path) -> None:
    content = (repo / "data.dver").read_text()
    (repo / "data.dver").write_text(f"<<<<<<< ours\n{content}=======\n{content}>>>>>>> theirs\n")
    shown = _commit("-a", cwd=repo, rc=1)
    assert "data.dver: cannot read the pointer" in shown
    assert "conflict markers" in shown


def test_a_pointer_that_is_no_yaml_or_is_huge_or_stands_for_git_itself_is_refused(repo: Path) -> None:
    (repo / "bad.dver").write_text("{")
    (repo / "huge.dver").write_bytes(bytes(2_000_000))
    (repo / ".git.dver").write_text(_pointer())
    git("add", "-A", cwd=repo)
    shown = _commit(cwd=repo, rc=1)
    assert all(name in shown for name in ("bad.dver", "huge.dver", ".git.dver"))


def test_a_large_file_is_refused_and_the_named_commands_mend_it(run: Run, repo: Path) -> None:
    run("config", "set", "hooks.max_file_size", "1kB", cwd=repo)
    (repo / "big file.bin").write_bytes(bytes(1001))
    git("add", "-A", cwd=repo)
    shown = _commit(cwd=repo, rc=1)
    (fix,) = [line for line in shown.splitlines() if "fix:" in line]
    subprocess.run(fix.partition("fix:")[2], shell=True, check=True, cwd=repo)
    _commit(cwd=repo)
    assert "big file.bin.dver" in git("ls-files", cwd=repo)


def test_the_commands_that_mend_fit_the_folder_one_stands_in(run: Run, repo: Path) -> None:
    run("config", "set", "hooks.max_file_size", "1kB", cwd=repo)
    (repo / "sub").mkdir()
    (repo / "sub/big").write_bytes(bytes(1001))
    git("add", "-A", cwd=repo)
    assert "git rm -q --cached -- big && dver add big" in _commit(cwd=repo / "sub", rc=1)


def test_a_large_file_that_was_committed_before_does_not_stand_in_the_way(run: Run, repo: Path) -> None:
    (repo / "big").write_bytes(bytes(1001))
    git("add", "big", cwd=repo)
    _commit(cwd=repo)
    run("config", "set", "hooks.max_file_size", "1kB", cwd=repo)
    _commit(cwd=repo)
    assert "max_file_size" in _committed(repo, ".dver/config.toml")
    assert len(_committed(repo, "big")) == 1001


def test_pointers_and_large_files_may_be_renamed_and_squashed(run: Run, repo: Path) -> None:
    (repo / "big").write_bytes(bytes(1001))
    git("add", "big", cwd=repo)
    _commit(cwd=repo)
    run("config", "set", "hooks.max_file_size", "1kB", cwd=repo)
    shutil.rmtree(repo / ".git/dver")
    git("mv", "big", "bigger", cwd=repo)
    git("mv", "data.dver", "moved.dver", cwd=repo)
    _commit(cwd=repo)
    git("switch", "-qc", "side", "HEAD~2", cwd=repo)
    git("merge", "-q", "--squash", "main", cwd=repo)
    _commit(cwd=repo)
    assert git("diff", "main", cwd=repo) == ""


def test_variables_that_name_the_repository_are_heeded(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "gone.dver").write_text(_pointer())
    git("add", "gone.dver", cwd=repo)
    monkeypatch.setenv("GIT_DIR", os.fspath(repo / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", os.fspath(repo))
    assert "gone.dver" in _commit(cwd=repo.parent, rc=1)


def test_a_bare_environment_is_enough(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "gone.dver").write_text(_pointer())
    git("add", "gone.dver", cwd=repo)
    for name in os.environ:
        if name not in ("PATH", "GIT_CONFIG_GLOBAL"):
            monkeypatch.delenv(name)
    assert "gone.dver" in _commit(cwd=repo, rc=1)


def test_a_path_that_git_and_dver_track_is_refused(repo: Path) -> None:
    git("add", "-f", "data", cwd=repo)
    shown = _commit(cwd=repo, rc=1)
    assert "data: it is tracked by Git and by dver" in shown
    git("rm", "-q", "--cached", "--", "data", cwd=repo)
    _commit("--allow-empty", cwd=repo)


def test_a_file_of_a_tracked_directory_that_is_forced_into_git_is_refused(run: Run, repo: Path) -> None:
    (repo / "set").mkdir()
    (repo / "set/a").write_text("a\n")
    run("add", "set", cwd=repo)
    git("add", "-f", "set/a", cwd=repo)
    assert "git rm -q -r --cached -- set" in _commit(cwd=repo, rc=1)


def test_data_that_changed_without_its_pointer_is_named_and_the_commit_is_made(repo: Path) -> None:
    (repo / "data").write_text("changed\n")
    (repo / "README").write_text("Changed.\n")
    assert "data has unrecorded changes: dver add data" in _commit("-a", cwd=repo)
    assert git("status", "--short", cwd=repo) == ""


@pytest.mark.parametrize("how", [["-a"], ["README"], ["--amend", "-a"], ["-i", "README"]])
def test_data_that_changed_is_part_of_the_commit_where_it_is_to_be_added(run: Run, repo: Path, how: list[str]) -> None:
    run("config", "set", "--local", "hooks.pre_commit", "add", cwd=repo)
    (repo / "data").write_text("changed\n")
    (repo / "README").write_text("Changed.\n")
    assert "added data" in _commit(*how, cwd=repo)
    assert git("status", "--short", cwd=repo) == ""
    assert _committed(repo, "data.dver") == (repo / "data.dver").read_text()
    assert run("status", cwd=repo).rc == 0
    assert "size: 8" in _committed(repo, "data.dver")


def test_data_that_only_did_not_follow_its_pointer_is_never_added(run: Run, repo: Path) -> None:
    run("config", "set", "--local", "hooks.pre_commit", "add", cwd=repo)
    (repo / "data").write_text("version two\n")
    run("add", "data", cwd=repo)
    _commit(cwd=repo)
    git("checkout", "-q", "HEAD~1", "--", "data.dver", cwd=repo)
    wanted = (repo / "data.dver").read_text()
    assert "dver checkout data" in _commit(cwd=repo)
    assert _committed(repo, "data.dver") == wanted


@pytest.mark.parametrize("how", [["-a"], ["sub dir/ö.dver"]])
def test_strange_names_and_linked_worktrees_and_subfolders_are_no_obstacle(
    run: Run, repo: Path, how: list[str]
) -> None:
    tree = repo.with_name("a tree")
    git("worktree", "add", "-q", "-b", "side", tree, cwd=repo)
    (tree / "sub dir").mkdir()
    for name in ("ö", "new\nline", "sp ace "):
        (tree / "sub dir" / name).write_text(name)
        run("add", name, cwd=tree / "sub dir")
    shown = _commit(*(one.removeprefix("sub dir/") for one in how), cwd=tree / "sub dir")
    assert shown == ""


def test_the_first_commit_of_a_repository_is_checked(run: Run, repo: Path) -> None:
    first = repo.with_name("first")
    git("init", "-q", first, cwd=repo)
    run("init", cwd=first)
    shutil.copy(repo / ".git/hooks/pre-commit", first / ".git/hooks/pre-commit")
    (first / "gone.dver").write_text(_pointer())
    git("add", "-A", cwd=first)
    assert "gone.dver" in _commit(cwd=first, rc=1)
    git("rm", "-q", "--cached", "gone.dver", cwd=first)
    (first / "gone.dver").unlink()
    _commit(cwd=first)


def test_a_submodule_is_a_repository_like_any_other(run: Run, repo: Path) -> None:
    outer = make_git_repo(repo.with_name("outer"))
    git("submodule", "--quiet", "add", repo, "inner", cwd=outer)
    inner = outer / "inner"
    write_hooks(inner, ["pre-commit"])
    (inner / "gone.dver").write_text(_pointer())
    git("add", "-A", cwd=inner)
    assert "gone.dver" in _commit(cwd=inner, rc=1)


def test_one_file_added_to_a_directory_that_is_here_in_part_can_be_committed(run: Run, repo: Path) -> None:
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    (repo / "set").mkdir()
    for name in "ab":
        (repo / "set" / name).write_text(f"{name}\n")
    run("add", "set", cwd=repo)
    _commit(cwd=repo)
    run("push", cwd=repo)
    clone = repo.with_name("clone")
    git("clone", "-q", repo, clone, cwd=repo)
    run("pull", "set/a", cwd=clone)
    shutil.copy(repo / ".git/hooks/pre-commit", clone / ".git/hooks/pre-commit")
    (clone / "set/c").write_text("c\n")
    run("add", "set/c", cwd=clone)
    _commit(cwd=clone)
    assert "files: 3\n" in _committed(clone, "set.dver")


def test_a_repository_without_a_project_is_left_alone(repo: Path) -> None:
    plain = make_git_repo(repo.with_name("plain"))
    shutil.copy(repo / ".git/hooks/pre-commit", plain / ".git/hooks/pre-commit")
    (plain / "x.dver").write_text("anything")
    git("add", "x.dver", cwd=plain)
    assert _commit(cwd=plain) == ""


def test_a_link_in_the_place_of_data_is_not_added_to_a_commit(run: Run, repo: Path, tmp_path: Path) -> None:
    run("config", "set", "hooks.pre_commit", "add", cwd=repo)
    before = _committed(repo, "data.dver")
    (repo / "data").rename(tmp_path / "large disk")
    (repo / "data").symlink_to(tmp_path / "large disk")
    git("add", "-A", cwd=repo)
    assert "data has unrecorded changes: dver add data" in _commit(cwd=repo)
    assert _committed(repo, "data.dver") == before
    assert "is tracked, but is a symbolic link now" in run("add", "data", cwd=repo, rc=2).err
