"""Commits that have a version of a file, and readable names of commits: `v1`, `main~3`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from dver.core.batches import batched
from dver.git.file_changes import blobs_along
from dver.git.git_repo import CommitId, GitRepo, run

SHOWN: Final = 5
"""The most commits that are named; the others are counted."""

_AT_ONCE: Final = 200
"""Paths for one git process."""

FileVersion = tuple[bytes, str]
"""The path of a file and its blob in Git."""
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class NamedCommits:
    """Names of commits, tags and branches first, and the number of further commits."""

    names: tuple[str, ...] = ()
    more: int = 0


def commits_with(
    git: GitRepo, commits: Sequence[CommitId], wanted: Iterable[FileVersion]
) -> dict[FileVersion, list[CommitId]]:
    """The `commits` that have each of the versions, in their order.

    Compares each commit with the one before it; one process serves all commits.
    """
    asked = set(wanted)
    found: dict[FileVersion, list[CommitId]] = {one: [] for one in asked}
    for paths in batched(sorted({path for path, _ in asked}), _AT_ONCE):
        for commit, blobs in blobs_along(git, commits, ["--", *paths], literal=True):
            for path, blob in blobs.items():
                if blob is not None and (path, blob) in asked:
                    found[path, blob].append(commit)
    return found


def name_commits(git: GitRepo, groups: Mapping[Key, Sequence[CommitId]]) -> dict[Key, NamedCommits]:
    """Readable names for groups of commits."""
    tips = _tips(git) if groups else {}
    chosen = {key: sorted(commits, key=lambda one: one not in tips)[:SHOWN] for key, commits in groups.items()}
    unnamed = sorted({one for commits in chosen.values() for one in commits if one not in tips})
    names = {**tips, **_described(git, unnamed)}
    return {
        key: NamedCommits(tuple(names.get(one, one[:12]) for one in commits), len(groups[key]) - len(commits))
        for key, commits in chosen.items()
    }


def _tips(git: GitRepo) -> dict[CommitId, str]:
    """The commits of tags and branches by short name; tags are preferred, then branches."""
    listed = run(git, ["for-each-ref", "--format=%(objectname) %(*objectname) %(refname)"]).decode("utf-8", "replace")
    found: dict[CommitId, str] = {}
    lines = [line.split(" ") for line in listed.splitlines()]
    for prefix in ("refs/tags/", "refs/heads/", "refs/remotes/", "refs/"):
        for own, peeled, ref in lines:
            if ref.startswith(prefix) and not ref.endswith("/HEAD"):
                found.setdefault(CommitId(peeled or own), ref.removeprefix(prefix))
    return found


def _described(git: GitRepo, commits: Sequence[CommitId]) -> dict[CommitId, str]:
    """Names of commits relative to a tag or branch: `v1~2`, `main~3`."""
    found: dict[CommitId, str] = {}
    for batch in batched(commits, _AT_ONCE):
        lines = run(git, ["name-rev", "--always", "--name-only", *batch]).decode("utf-8", "replace").splitlines()
        found.update(zip(batch, map(_short, lines), strict=True))
    return found


def _short(name: str) -> str:
    return name.removeprefix("tags/").removeprefix("remotes/").removesuffix("^0")
