"""Commits that have a version of a file, and readable names of commits: `v1`, `main~3`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from dver.git.git_repo import GitRepo, run
from dver.git.pointers import in_commit
from dver.git.revisions import CommitId

SHOWN: Final = 5
"""The most commits that are named; the others are counted."""

_ID: Final = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\n?")
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
    if not commits:
        return
    wanted = set(paths)
    state = {path: one.blob for path, one in in_commit(git, commits[0]).items() if path in wanted}
    changes = _changes(git, commits, paths) if len(commits) > 1 else {}
    yield commits[0], state
    for commit in commits[1:]:
        for path, blob in changes.get(commit, ()):
            if blob is None:
                state.pop(path, None)
            else:
                state[path] = blob
        yield commit, state


def _changes(
    git: GitRepo, commits: Sequence[CommitId], paths: Sequence[bytes]
) -> dict[str, list[tuple[bytes, str | None]]]:
    """The blobs of `paths` in each commit that the one before it in the list does not have."""
    lines = "".join(f"{commit} {before}\n" for before, commit in pairwise(commits))
    how = ["diff-tree", "--stdin", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", "--"]
    fields = iter(run(git, [*how, *paths], stdin=lines.encode()).split(b"\0"))
    found: dict[str, list[tuple[bytes, str | None]]] = {}
    commit = ""
    for head in fields:
        if _ID.fullmatch(head):
            commit = head.decode().strip()
        elif head.startswith(b":"):
            _, mode, _, blob, _ = head[1:].split(b" ")
            path = next(fields)
            found.setdefault(commit, []).append((path, blob.decode() if mode.startswith(b"100") else None))
    return found


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
        some = commits[start : start + _AT_ONCE]
        lines = run(git, ["name-rev", "--always", "--name-only", *some]).decode("utf-8", "replace").splitlines()
        found.update(zip(some, map(_short, lines), strict=True))
    return found


def _short(name: str) -> str:
    return name.removeprefix("tags/").removeprefix("remotes/").removesuffix("^0")
