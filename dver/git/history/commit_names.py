"""Commits that have a version of a file, and readable names of commits: `v1`, `main~3`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from dver.git.file_changes import FileChange, changes_along, files_of
from dver.git.git_repo import Arg, GitRepo, run
from dver.git.revisions import CommitId

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
    paths = sorted({path for path, _ in asked})
    for start in range(0, len(paths), _AT_ONCE):
        for commit, state in _states(git, commits, paths[start : start + _AT_ONCE]):
            for version in state.items():
                if version in asked:
                    found[version].append(commit)
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


def _states(
    git: GitRepo, commits: Sequence[CommitId], paths: Sequence[bytes]
) -> Iterator[tuple[CommitId, dict[bytes, str]]]:
    """The blobs of `paths` in each of `commits`."""
    where: list[Arg] = ["--", *paths]
    first = [one for commit in commits[:1] for one in files_of(git, commit, where, literal=True)]
    state = {one.path: one.new for one in first if one.new is not None}
    changes: dict[CommitId, list[FileChange]] = {}
    for change in changes_along(git, commits, where, literal=True):
        changes.setdefault(change.commit, []).append(change)
    for commit in commits:
        for change in changes.get(commit, ()):
            state.pop(change.path, None)
            if change.new is not None:
                state[change.path] = change.new
        yield commit, state


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
    for start in range(0, len(commits), _AT_ONCE):
        batch = commits[start : start + _AT_ONCE]
        lines = run(git, ["name-rev", "--always", "--name-only", *batch]).decode("utf-8", "replace").splitlines()
        found.update(zip(batch, map(_short, lines), strict=True))
    return found


def _short(name: str) -> str:
    return name.removeprefix("tags/").removeprefix("remotes/").removesuffix("^0")
