"""The scope of the current branch: what HEAD reaches, and what no branch reaches any more."""

from __future__ import annotations

from pathlib import Path

from support import git

from dver.experiments.branch_scope import baselines_elsewhere
from dver.git.git_repo import discover


def commit(repo: Path, text: str) -> str:
    git("commit", "--quiet", "--allow-empty", "-m", text, cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo).strip()


def test_only_baselines_of_other_branches_and_tags_are_elsewhere(git_repo: Path) -> None:
    first = git("rev-parse", "HEAD", cwd=git_repo).strip()
    git("checkout", "--quiet", "-b", "other", cwd=git_repo)
    on_other = commit(git_repo, "On another branch")
    tagged = commit(git_repo, "Tagged")
    git("tag", "v1", cwd=git_repo)
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=git_repo)
    git("checkout", "--quiet", "main", cwd=git_repo)
    amended = commit(git_repo, "Before it was amended")
    git("commit", "--quiet", "--amend", "--allow-empty", "-m", "Amended", cwd=git_repo)
    now = git("rev-parse", "HEAD", cwd=git_repo).strip()
    found = baselines_elsewhere(discover(git_repo), [first, on_other, tagged, amended, now, now])
    assert found == {on_other, tagged}


def test_before_the_first_commit_of_a_branch_nothing_fails(git_repo: Path) -> None:
    first = git("rev-parse", "HEAD", cwd=git_repo).strip()
    assert baselines_elsewhere(discover(git_repo), []) == frozenset()
    git("checkout", "--quiet", "--orphan", "empty", cwd=git_repo)
    assert baselines_elsewhere(discover(git_repo), [first]) == {first}
    assert baselines_elsewhere(discover(git_repo), ["1" * 40]) == frozenset()
