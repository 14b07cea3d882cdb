"""What a report compares by default: in clones as people and as the jobs of GitHub and GitLab have them."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import git, make_git_repo

from dver.core.errors import UsageError
from dver.git.git_repo import discover
from dver.reports.pull_request.base import compared_versions
from dver.reports.pull_request.model import ReportedVersion

Versions = tuple[ReportedVersion, ReportedVersion]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """`main` with two commits after the one where `feature`, with two commits, began, and the merge of both."""
    root = make_git_repo(tmp_path / "origin")
    git("branch", "-M", "main", cwd=root)
    git("switch", "-q", "-c", "feature", cwd=root)
    commit(root, "f1"), commit(root, "f2")
    git("switch", "-q", "main", cwd=root)
    commit(root, "m1"), commit(root, "m2")
    git("switch", "-q", "--detach", cwd=root)
    git("merge", "-q", "--no-ff", "-m", "merge", "feature", cwd=root)
    git("update-ref", "refs/pull/7/merge", "HEAD", cwd=root)
    git("switch", "-q", "main", cwd=root)
    return root


def commit(root: Path, name: str) -> None:
    (root / name).write_text(name)
    git("add", name, cwd=root)
    git("commit", "-q", "-m", name, cwd=root)


def id_of(root: Path, rev: str) -> str:
    return git("rev-parse", rev, cwd=root).strip()


def clone(origin: Path, *args: str, branch: str = "feature") -> Path:
    to = origin.parent / "clone"
    git("clone", "-q", "--branch", branch, *args, f"file://{origin}", str(to), cwd=origin.parent)
    return to


def checkout_of_action(origin: Path, depth: int) -> tuple[Path, Mapping[str, str]]:
    """A clone as GitHub's checkout action makes it for a pull request, and the variables of the job."""
    to = origin.parent / "work"
    to.mkdir()
    git("init", "-q", cwd=to)
    git("remote", "add", "origin", f"file://{origin}", cwd=to)
    merge = id_of(origin, "refs/pull/7/merge")
    git("fetch", "-q", "--no-tags", f"--depth={depth}", "origin", f"+{merge}:refs/remotes/pull/7/merge", cwd=to)
    git("checkout", "-q", "--force", "refs/remotes/pull/7/merge", cwd=to)
    env = {"GITHUB_BASE_REF": "main", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": merge}
    return to, env


def compared(root: Path, against: str | None = None, env: Mapping[str, str] | None = None) -> Versions:
    return compared_versions(discover(root), against, env or {})


def type_fix(root: Path, error: UsageError) -> None:
    """Run the command at the end of the fix, as a user would."""
    assert error.fix is not None
    command = error.fix[error.fix.index("git fetch") :]
    subprocess.run(shlex.split(command), cwd=root, check=True, capture_output=True)


def test_the_merge_base_of_the_default_branch_of_the_remote(origin: Path) -> None:
    root = clone(origin)

    old, new = compared(root)

    assert (old.name, old.commit) == ("origin/main", id_of(origin, "main~2"))
    assert id_of(root, old.rev) == old.commit
    assert (new.name, new.commit) == ("HEAD", id_of(origin, "feature"))


def test_a_clone_without_a_remote_uses_its_own_main(origin: Path) -> None:
    git("switch", "-q", "feature", cwd=origin)

    assert compared(origin)[0].name == "main"


def test_the_name_of_another_default_branch_comes_from_the_remote(origin: Path) -> None:
    git("branch", "-m", "main", "trunk", cwd=origin)
    root = clone(origin)

    assert compared(root)[0].name == "origin/trunk"


def test_without_a_default_branch_the_user_names_a_version(origin: Path) -> None:
    git("branch", "-m", "main", "trunk", cwd=origin)
    git("switch", "-q", "feature", cwd=origin)

    with pytest.raises(UsageError, match="no branch to compare with") as caught:
        compared(origin)
    assert "dver report --against REV" in str(caught.value.fix)
    assert compared(origin, "trunk")[0] == ReportedVersion("trunk", "trunk", id_of(origin, "trunk"))


def test_the_tip_of_the_default_branch_is_compared_with_its_parent(origin: Path) -> None:
    old, new = compared(clone(origin, branch="main"))

    assert (old.name, old.commit) == ("HEAD~1", id_of(origin, "main~1"))
    assert new.commit == id_of(origin, "main")


def test_changes_on_the_default_branch_are_compared_with_head(origin: Path) -> None:
    root = clone(origin, branch="main")
    (root / "README").write_text("changed")

    old, new = compared(root)

    assert (old.name, new.name) == ("HEAD", "workspace")


@pytest.mark.parametrize("name", ["new.dver", "deep/er/dver.lock", "dver.yaml"])
def test_new_files_of_dver_are_changes(origin: Path, name: str) -> None:
    root = clone(origin)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("new")

    assert compared(root)[1].name == "workspace"


def test_other_new_files_are_no_changes(origin: Path) -> None:
    root = clone(origin)
    (root / "dver-report").mkdir()
    (root / "dver-report/report.md").write_text("new")

    assert compared(root)[1].name == "HEAD"


def test_the_first_commit_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    root = make_git_repo(tmp_path / "repo")
    git("branch", "-M", "main", cwd=root)

    with pytest.raises(UsageError, match="nothing to compare with"):
        compared(root)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git("init", "-q", "repo", cwd=tmp_path)

    with pytest.raises(UsageError, match="no commit yet"):
        compared(tmp_path / "repo")


def test_a_pull_request_on_github_is_compared_with_the_first_parent_of_its_merge(origin: Path) -> None:
    root, env = checkout_of_action(origin, depth=2)

    old, new = compared(root, env=env)

    assert (old.name, old.commit) == ("main", id_of(origin, "main"))
    assert id_of(root, old.rev) == old.commit
    assert new.commit == env["GITHUB_SHA"]


def test_a_too_shallow_clone_on_github_says_how_to_get_the_target(origin: Path) -> None:
    root, env = checkout_of_action(origin, depth=1)

    with pytest.raises(UsageError, match="of main is not in this clone") as caught:
        compared(root, env=env)

    type_fix(root, caught.value)
    assert compared(root, env=env)[0].commit == id_of(origin, "main")


def test_variables_of_another_repository_do_not_count(origin: Path) -> None:
    env = {"GITHUB_BASE_REF": "feature", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": "1" * 40}

    assert compared(clone(origin, branch="main"), env=env)[0].name == "origin/feature"


def test_a_merge_request_on_gitlab_is_compared_with_its_base(origin: Path) -> None:
    root = clone(origin, "--depth=1")
    base = id_of(origin, "main~2")
    env = {
        "CI_COMMIT_SHA": id_of(origin, "feature"),
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "",
    }

    with pytest.raises(UsageError, match="of main is not in this clone") as caught:
        compared(root, env=env)

    type_fix(root, caught.value)
    assert compared(root, env=env)[0] == ReportedVersion("main", base[:10], base)


def test_a_tested_merge_on_gitlab_is_compared_with_the_target(origin: Path) -> None:
    root = clone(origin)
    env = {
        "CI_COMMIT_SHA": id_of(origin, "feature"),
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": id_of(origin, "main~2"),
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": id_of(origin, "main"),
    }

    assert compared(root, env=env)[0].commit == id_of(origin, "main")


def test_a_shallow_clone_of_all_branches_says_how_to_get_the_history(origin: Path) -> None:
    root = clone(origin, "--depth=1", "--no-single-branch")

    with pytest.raises(UsageError, match="merge base of HEAD and origin/main is not in this clone") as caught:
        compared(root)

    type_fix(root, caught.value)
    assert compared(root)[0].commit == id_of(origin, "main~2")


def test_a_clone_of_one_branch_says_how_to_get_the_target(origin: Path) -> None:
    root = clone(origin, "--single-branch")

    with pytest.raises(UsageError, match="'main', the target of this request, is not in this clone") as caught:
        compared(root, env={"GITHUB_BASE_REF": "main"})

    type_fix(root, caught.value)
    assert compared(root, env={"GITHUB_BASE_REF": "main"})[0].commit == id_of(origin, "main~2")


def test_branches_without_a_common_commit(origin: Path) -> None:
    git("switch", "-q", "--orphan", "other", cwd=origin)
    commit(origin, "alone")

    with pytest.raises(UsageError, match="no common commit") as caught:
        compared(origin)
    assert "dver report --against main" in str(caught.value.fix)
    assert compared(origin, "main")[0].commit == id_of(origin, "main")


def test_files_that_a_submodule_has_not_committed_are_no_changes(origin: Path) -> None:
    root = clone(origin)
    inner = make_git_repo(origin.parent / "inner")
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "inner", cwd=root)
    git("commit", "-q", "-m", "submodule", cwd=root)
    (root / "inner/README").write_text("changed")

    assert compared(root)[1].name == "HEAD"
