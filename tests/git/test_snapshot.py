from __future__ import annotations

import os
from pathlib import Path

from support import git, make_git_repo

from dver.git.git_repo import GitRepo, discover
from dver.git.snapshot import snapshot_worktree, temporary_index, with_files_of_worktree


def files_of(repo: GitRepo, tree: str) -> list[str]:
    return git("ls-tree", "-r", "--name-only", tree, cwd=repo.worktree).splitlines()


def test_a_snapshot_has_tracked_and_untracked_files_and_leaves_the_index_alone(git_repo: Path) -> None:
    (git_repo / ".gitignore").write_text("ignored\n")
    (git_repo / "staged").write_text("staged")
    git("add", "staged", cwd=git_repo)
    (git_repo / "staged").write_text("edited")
    (git_repo / "ignored").write_text("x")
    (git_repo / "new").write_text("new")
    (git_repo / "README").unlink()
    before = (git_repo / ".git" / "index").read_bytes()
    repo = discover(git_repo)
    tree = snapshot_worktree(repo, instead={b"pointer.dver": b"content"}).tree
    assert files_of(repo, tree) == [".gitignore", "new", "pointer.dver", "staged"]
    assert git("show", f"{tree}:staged", cwd=git_repo) == "edited"
    assert git("show", f"{tree}:pointer.dver", cwd=git_repo) == "content"
    assert (git_repo / ".git" / "index").read_bytes() == before
    assert os.listdir(git_repo / ".git" / "dver") == []


def test_large_untracked_files_are_left_out(git_repo: Path) -> None:
    (git_repo / "large [1]*").write_bytes(b"x" * 100)
    (git_repo / "large 1").write_bytes(b"x")
    found = snapshot_worktree(discover(git_repo), largest=50)
    assert found.left_out == (b"large [1]*",)
    assert files_of(discover(git_repo), found.tree) == ["README", "large 1"]


def test_a_conflict_is_taken_as_it_is_on_disk(git_repo: Path) -> None:
    git("branch", "other", cwd=git_repo)
    (git_repo / "README").write_text("ours\n")
    git("commit", "-qam", "ours", cwd=git_repo)
    git("checkout", "-q", "other", cwd=git_repo)
    (git_repo / "README").write_text("theirs\n")
    git("commit", "-qam", "theirs", cwd=git_repo)
    git("merge", "-", cwd=git_repo, rc=1)
    tree = snapshot_worktree(discover(git_repo)).tree
    assert "<<<<<<<" in git("show", f"{tree}:README", cwd=git_repo)


def test_chosen_files_are_updated_in_a_tree(git_repo: Path) -> None:
    repo = discover(git_repo)
    (git_repo / "out").mkdir()
    (git_repo / "out" / "gone").write_text("1")
    tree = snapshot_worktree(repo).tree
    (git_repo / "out" / "gone").unlink()
    (git_repo / "out" / "new").write_text("2")
    (git_repo / "README").write_text("edited meanwhile\n")
    updated = with_files_of_worktree(repo, tree, [b"out", b"missing"])
    assert files_of(repo, updated) == ["README", "out/new"]
    assert git("show", f"{updated}:README", cwd=git_repo) == "A project.\n"
    assert with_files_of_worktree(repo, tree, []) == tree


def test_no_hook_runs_for_a_temporary_index(git_repo: Path) -> None:
    hook = git_repo / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch called\n")
    hook.chmod(0o755)
    with temporary_index(discover(git_repo), tree="HEAD") as index:
        index.run(["update-index", "--refresh"])
    assert not (git_repo / "called").exists()


def test_line_endings_and_sparse_checkouts_do_not_stop_a_snapshot(git_repo: Path) -> None:
    (git_repo / "in").mkdir()
    (git_repo / "in" / "a").write_text("a")
    (git_repo / "out").mkdir()
    (git_repo / "out" / "b").write_text("b")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "two", cwd=git_repo)
    git("sparse-checkout", "set", "in", cwd=git_repo)
    git("config", "core.autocrlf", "input", cwd=git_repo)
    git("config", "core.safecrlf", "true", cwd=git_repo)
    (git_repo / "in" / "crlf").write_bytes(b"a\r\nb\r\n")
    (git_repo / "out").mkdir()
    (git_repo / "out" / "new").write_text("outside of the checkout")
    tree = snapshot_worktree(discover(git_repo)).tree
    assert files_of(discover(git_repo), tree) == ["README", "in/a", "in/crlf", "out/b", "out/new"]


def test_other_repositories_are_left_out(git_repo: Path) -> None:
    git("init", "-q", "without-commits", cwd=git_repo)
    make_git_repo(git_repo / "sub" / "with-one")
    found = snapshot_worktree(discover(git_repo))
    assert found.left_out == (b"sub/with-one", b"without-commits")
    assert files_of(discover(git_repo), found.tree) == ["README"]
