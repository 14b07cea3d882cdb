"""Changed files of commits and of the index, read from Git's raw diffs: the one place that walks the history.

A walk compares each commit of a list with the one before it, whatever its parents are. So one process serves the whole
history and reads only changes; it is fast if neighbours in the list are similar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from dver.git.git_repo import Arg, CommitId, GitRepo, run

EMPTY_TREE: Final = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_REGULAR: Final = b"100"
_RAW: Final[tuple[Arg, ...]] = ("-r", "--raw", "-z", "--no-renames", "--no-abbrev")
_GLOB_SPECIAL: Final = re.compile(rb"([\\*?\[])")


class FileChange(NamedTuple):
    """A changed path. `old` and `new` are Git's blobs of regular files; None for a missing path or any other entry."""

    commit: CommitId
    """The commit that has `new`; empty for the index."""
    path: bytes
    old: str | None
    new: str | None
    is_deleted: bool
    """Whether the path is missing afterwards; links and submodules are not."""


def glob(under: bytes, patterns: Iterable[bytes]) -> list[Arg]:
    """The arguments that limit Git to `patterns` (`:(glob)`), in or below the directory `under`."""
    directory = _GLOB_SPECIAL.sub(rb"\\\1", under.rstrip(b"/"))
    return ["--", *(b":(glob)" + (directory + b"/" if directory else b"") + pattern for pattern in patterns)]


def files_of(git: GitRepo, commit: CommitId, where: Sequence[Arg], *, literal: bool = False) -> list[FileChange]:
    """The files of `commit`. `where` are path arguments, from `glob` or, with `literal`, plain paths."""
    # A comparison with nothing, unlike ls-tree, lets Git itself skip other paths.
    args = ["diff-tree", *_RAW, EMPTY_TREE[git.object_format], commit, *where]
    return [one._replace(commit=commit) for one in _parsed(run(git, args, literal=literal))]


def changes_along(
    git: GitRepo, commits: Sequence[CommitId], where: Sequence[Arg], *, literal: bool = False
) -> Iterator[FileChange]:
    """The changes of each commit to the one before it in the list; none for the first one."""
    if len(commits) > 1:
        lines = "".join(f"{commit} {before}\n" for before, commit in pairwise(commits))
        args = ["diff-tree", "--stdin", *_RAW, *where]
        yield from _parsed(run(git, args, stdin=lines.encode(), literal=literal))


def blobs_along(
    git: GitRepo, commits: Sequence[CommitId], where: Sequence[Arg], *, literal: bool = False
) -> Iterator[tuple[CommitId, Mapping[bytes, str | None]]]:
    """Each of `commits` with its files and their blobs, valid until the next one; None for a link or submodule."""
    blobs = {one.path: one.new for first in commits[:1] for one in files_of(git, first, where, literal=literal)}
    changes: dict[CommitId, list[FileChange]] = {}
    for change in changes_along(git, commits, where, literal=literal):
        changes.setdefault(change.commit, []).append(change)
    for commit in commits:
        for change in changes.get(commit, ()):
            if change.is_deleted:
                blobs.pop(change.path, None)
            else:
                blobs[change.path] = change.new
        yield commit, blobs


def changes_to_parents(git: GitRepo, commits: Sequence[CommitId], where: Sequence[Arg]) -> Iterator[FileChange]:
    """The changes of each commit to its parents; of a merge, the files that differ from all of its parents."""
    if commits:
        args = ["diff-tree", "--stdin", "--root", "-c", *_RAW, *where]
        yield from _parsed(run(git, args, stdin="".join(f"{one}\n" for one in commits).encode(), literal=False))


def staged_changes(git: GitRepo, base: str | None, where: Sequence[Arg] = ("--",)) -> list[FileChange]:
    """The differences of the index to the commit `base`; None stands for a commit without files."""
    args = ["diff-index", "--cached", *_RAW, base or EMPTY_TREE[git.object_format], *where]
    return list(_parsed(run(git, args, literal=False)))


def _parsed(output: bytes) -> Iterator[FileChange]:
    """Parses `[commit] (:mode… mode id… id status path)…`, each field ended by a zero byte, a colon for each parent."""
    fields = iter(output.split(b"\0"))
    commit = CommitId("")
    for head in fields:
        if not head.startswith(b":"):
            commit = CommitId(head.decode().strip())
            continue
        parents = len(head) - len(head.lstrip(b":"))
        words = head[parents:].split(b" ")
        modes, ids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
        old, new = (
            blob.decode() if mode.startswith(_REGULAR) else None
            for mode, blob in ((modes[0], ids[0]), (modes[-1], ids[-1]))
        )
        yield FileChange(commit, next(fields), old, new, is_deleted=not modes[-1].strip(b"0"))
