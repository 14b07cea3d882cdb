"""Files of commits: any number of files of any number of commits, read with one git process."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import IO, Final, Self

from dver.core.errors import RepositoryError
from dver.git.file_changes import blobs_along, glob
from dver.git.git_repo import CommitId, GitRepo, conversation, describe_objects, run

_FOUND: Final = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) (blob|tree) (\d+)\n")
_LEADS_NOWHERE: Final = re.compile(rb"(?:symlink|dangling|loop|notdir) (\d+)\n")
_PIECE: Final = 1 << 20


class TooLargeError(Exception):
    """A file over the size limit, and its size."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class CommitReader:
    """Reads files and directories of commits. Follows links, unless they lead out of the commit."""

    def __init__(self, git: GitRepo) -> None:
        self._git = git
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, commit: CommitId, path: bytes, *, limit: int) -> bytes | None:
        """The content of the file at `path`; None if it is missing. Raises TooLargeError beyond `limit` bytes."""
        kind, content = self._ask(commit, path, limit)
        return content if kind == b"blob" else None

    def names(self, commit: CommitId, path: bytes, *, limit: int) -> list[bytes] | None:
        """The sorted names in the directory at `path`; None if it is missing. Raises TooLargeError."""
        kind, content = self._ask(commit, path, limit)
        return list(_names(content, 32 if self._git.object_format == "sha256" else 20)) if kind == b"tree" else None

    def _ask(self, commit: CommitId, path: bytes, limit: int) -> tuple[bytes, bytes]:
        path = os.path.normpath(path).removeprefix(b"/") if path not in (b"", b".") else b""
        if b"\n" in path or path.split(b"/")[0] == b"..":  # git cannot receive the first, and fails on the second
            return b"", b""
        if self._process is None:
            self._process = self._stack.enter_context(
                conversation(self._git, ["cat-file", "--batch", "--follow-symlinks"])
            )
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        with suppress(BrokenPipeError):  # git ended; its missing answer is reported below
            asked.write(commit.encode() + b":" + path + b"\n")
            asked.flush()
        return _answer(answered, limit)


def _answer(stream: IO[bytes], limit: int) -> tuple[bytes, bytes]:
    head = stream.readline()
    if found := _FOUND.fullmatch(head):
        size = int(found[3])
        if size > limit:
            _skip(stream, size + 1)
            raise TooLargeError(size)
        return found[2], stream.read(size + 1)[:-1]
    if astray := _LEADS_NOWHERE.fullmatch(head):
        _skip(stream, int(astray[1]) + 1)
    elif not head:
        raise RepositoryError("git cat-file ended before its answer", fix="check the repository: git fsck")
    return b"", b""


def _skip(stream: IO[bytes], size: int) -> None:
    while size > 0 and (piece := stream.read(min(size, _PIECE))):
        size -= len(piece)


def _names(content: bytes, id_size: int) -> list[bytes]:
    """The names in a raw tree of Git: mode, space, name, zero byte, id."""
    found, at = [], 0
    while at < len(content):
        start, end = content.index(b" ", at) + 1, content.index(b"\0", at)
        found.append(content[start:end])
        at = end + 1 + id_size
    return found


def paths_named(
    git: GitRepo, commits: Sequence[CommitId], names: Sequence[bytes], under: bytes = b""
) -> dict[CommitId, dict[bytes, list[bytes]]]:
    """The files with each of `names` in or below the directory `under` in each of `commits`."""
    where = glob(under, [b"**/" + name for name in names])

    def by_name(paths: Iterable[bytes]) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {name: [] for name in names}
        for path in sorted(paths):
            found[os.path.basename(path)].append(path)
        return found

    return {commit: by_name(blobs) for commit, blobs in blobs_along(git, commits, where)}


def missing_commits(git: GitRepo, commits: Iterable[CommitId]) -> set[CommitId]:
    """Those of `commits` that the clone does not have, with one git process."""
    asked = list(dict.fromkeys(commits))
    found = describe_objects(git, asked, "%(objecttype)")
    return {commit for commit, kind in zip(asked, found, strict=True) if kind != "commit"}


def branch_and_tag_tips(git: GitRepo, *, branches: bool = False, tags: bool = False) -> list[tuple[str, CommitId]]:
    """Local branches and tags by name, and their commits."""
    which = [ref for ref, wanted in (("refs/heads", branches), ("refs/tags", tags)) if wanted]
    if not which:
        return []
    listed = run(
        git, ["for-each-ref", "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)", *which]
    )
    found = []
    for line in os.fsdecode(listed).splitlines():
        kind, own, peeled_kind, peeled, ref = line.split(" ", 4)
        if "commit" in (kind, peeled_kind):
            name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
            found.append((name, CommitId(peeled if peeled_kind == "commit" else own)))
    return found
