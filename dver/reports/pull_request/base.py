"""The versions that a report compares: the working tree or HEAD with the commit that a pull request starts from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.git import revisions
from dver.git.git_repo import CommitId, GitRepo, describe_objects, run
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.reports.pull_request.model import ReportedVersion
from dver.tracking.targets import SUFFIX

_USUAL: Final = ("main", "master")
"""The usual names of default branches, where the clone does not know its own."""
_MERGE_REF: Final = re.compile(r"refs/pull/[0-9]+/merge")
_PARENT: Final = re.compile(r"^parent ([0-9a-f]+)$", re.MULTILINE)
_NEW_FILES: Final = (f":(glob)**/*{os.fsdecode(SUFFIX)}", ":(glob)**/dver.lock", ":(glob)**/dver.yaml")
"""Files of dver that a user may not have added to Git yet."""
_SHORT: Final = 10
_AGAINST: Final = "name the version to compare with: dver report --against REV"


def compared_versions(
    git: GitRepo, against: str | None, env: Mapping[str, str]
) -> tuple[ReportedVersion, ReportedVersion]:
    """The old and the new version. `env` has the variables that GitHub and GitLab set.

    The new version is the workspace if it has changes that are not committed, else HEAD. The old one is `against`; by
    default the target of the pull request, or the merge base with the default branch. Raises UsageError if it is
    unknown, or missing in a shallow clone.
    """
    head = revisions.head(git)
    if head is None:
        raise UsageError("there is no commit yet", why="this branch is empty", fix="commit something first: git commit")
    current = ReportedVersion("HEAD", "HEAD", head)
    new = ReportedVersion(WORKSPACE, WORKSPACE, None) if _has_changes(git) else current
    if against is not None:
        return ReportedVersion(against, against, revisions.resolve(git, against)), new
    base = _target_of_request(git, env) or _merge_base(git, head, env)
    if base.commit != head:
        return base, new
    return (current, new) if new.commit is None else (_parent(git, head), new)


def _has_changes(git: GitRepo) -> bool:
    """Whether the index or the working tree differs from HEAD, or has new files of dver."""
    if run(git, ["status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=dirty"]):
        return True
    return bool(run(git, ["ls-files", "--others", "--exclude-standard", "-z", "--", *_NEW_FILES], literal=False))


def _target_of_request(git: GitRepo, env: Mapping[str, str]) -> ReportedVersion | None:
    """The commit that the pull or merge request of this CI job starts from; None elsewhere."""
    if env.get("GITHUB_BASE_REF") and _MERGE_REF.fullmatch(env.get("GITHUB_REF", "")):
        tested = env.get("GITHUB_SHA", "")
        parents = _parents(git, tested)
        if len(parents) == 2:  # GitHub checks out the result of the merge; its first parent is the target
            return _present(git, parents[0], env["GITHUB_BASE_REF"])
    if env.get("CI_MERGE_REQUEST_DIFF_BASE_SHA") and _has_commit(git, env.get("CI_COMMIT_SHA", "")):
        name = env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or "target"
        # GitLab sets the first one if it tests the result of the merge.
        base = env.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA") or env["CI_MERGE_REQUEST_DIFF_BASE_SHA"]
        return _present(git, base, name)
    return None


def _merge_base(git: GitRepo, head: CommitId, env: Mapping[str, str]) -> ReportedVersion:
    name, tip = _target_branch(git, env)
    found = run(git, ["merge-base", head, tip], ok=(0, 1)).decode().split()
    if found:
        return _named(name, CommitId(found[0]))
    if revisions.is_shallow(git):
        raise UsageError(
            f"the merge base of HEAD and {name} is not in this clone",
            why="the clone is shallow",
            fix="get its history: git fetch --unshallow",
        )
    raise UsageError(
        f"HEAD and {name} have no common commit", fix=f"compare with its tip: dver report --against {name}"
    )


def _target_branch(git: GitRepo, env: Mapping[str, str]) -> tuple[str, CommitId]:
    """The target branch of the request, or the default branch: of a Git remote if possible, else of this clone."""
    wanted = env.get("GITHUB_BASE_REF") or env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    remotes = sorted(os.fsdecode(run(git, ["remote"])).split(), key=lambda one: (one != "origin", one))
    names = [wanted] if wanted else ["HEAD", *_USUAL]
    candidates = [f"refs/remotes/{remote}/{name}" for remote in remotes for name in names]
    candidates += [f"refs/heads/{name}" for name in ([wanted] if wanted else _USUAL)]
    listed = run(git, ["for-each-ref", "--format=%(refname) %(symref) %(objectname)", *candidates])
    tips: dict[str, tuple[str, str]] = {}
    for line in os.fsdecode(listed).splitlines():
        ref, target, commit = line.split(" ")
        tips[ref] = target or ref, commit
    for ref in candidates:
        if ref in tips:
            shown, commit = tips[ref]
            return shown.removeprefix("refs/remotes/").removeprefix("refs/heads/"), CommitId(commit)
    if wanted:
        remote = remotes[0] if remotes else "origin"
        ref = f"+refs/heads/{wanted}:refs/remotes/{remote}/{wanted}"
        raise UsageError(
            f"the branch {wanted!r}, the target of this request, is not in this clone",
            why="the clone has only the branch of the request",
            fix=f"git fetch {quoted(remote)} {quoted(ref)}",
        )
    raise UsageError("there is no branch to compare with", why="found neither main nor master", fix=_AGAINST)


def _parent(git: GitRepo, head: CommitId) -> ReportedVersion:
    """The first parent of HEAD, for a report about the default branch itself."""
    parents = _parents(git, head)
    if not parents:
        raise UsageError("there is nothing to compare with", why="HEAD is the first commit", fix=_AGAINST)
    return _present(git, parents[0], "HEAD~1")


def _present(git: GitRepo, commit: str, name: str) -> ReportedVersion:
    """The commit, if this clone has it. Raises UsageError."""
    if not _has_commit(git, commit):
        remotes = os.fsdecode(run(git, ["remote"])).split()
        remote = "origin" if "origin" in remotes or not remotes else remotes[0]
        raise UsageError(
            f"the commit {commit[:8]} of {name} is not in this clone",
            why="the clone is shallow",
            fix=f"git fetch --depth=1 {quoted(remote)} {commit}",
        )
    return _named(name, CommitId(commit))


def _named(name: str, commit: CommitId) -> ReportedVersion:
    return ReportedVersion(name, commit[:_SHORT], commit)


def _has_commit(git: GitRepo, commit: str) -> bool:
    is_id = re.fullmatch(r"[0-9a-f]{40,64}", commit) is not None
    return is_id and describe_objects(git, [commit], "%(objecttype)") == ["commit"]


def _parents(git: GitRepo, commit: str) -> list[str]:
    """The parents of a commit, also those that a shallow clone does not have; empty for an unknown commit."""
    if not _has_commit(git, commit):
        return []
    content = run(git, ["cat-file", "commit", commit]).decode(errors="replace")
    return _PARENT.findall(content.partition("\n\n")[0])
