"""Which experiments belong to the current branch."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from dver.git.git_repo import CommitId, GitRepo
from dver.git.revisions import rev_list

_BRANCHES: Final = ("--branches", "--tags", "--remotes")


def baselines_elsewhere(git: GitRepo, baselines: Collection[str]) -> frozenset[str]:
    """Those of the commits `baselines` that HEAD does not reach, but another branch or a tag does.

    All others are in the scope of the current branch: also those that no branch reaches any more, because it was
    rebased, amended or deleted. Two git processes answer for any number.
    """
    distinct = dict.fromkeys(baselines)
    apart = _unreached(git, distinct, ["HEAD"]) if distinct else frozenset()
    return apart - _unreached(git, apart, [*_BRANCHES]) if apart else frozenset()


def _unreached(git: GitRepo, commits: Collection[str], refs: list[str]) -> frozenset[str]:
    """Those of `commits` that `refs` do not reach. git walks only the commits that they do not reach."""
    found = rev_list(git, ["--ignore-missing", "--not", *refs, "--not"], [CommitId(one) for one in commits])
    return frozenset(commits) & frozenset(found)
