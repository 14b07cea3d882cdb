"""Pointers and locks in the index, on disk, in a commit and in many commits.

Here, "pointer file" includes lock files. Paths are bytes, relative to the top of the Git worktree,
`/`-separated. Each function runs one git process for any number of files. Blob ids are Git's, as hexadecimal text.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Final

from dver.core.batches import batched
from dver.core.errors import CorruptError
from dver.formats import lock
from dver.formats.monitor_history import PATTERN as HISTORIES
from dver.formats.monitor_history import is_history_path
from dver.formats.pointer import SUFFIX
from dver.git.file_changes import FileChange, changes_along, files_of, glob, staged_changes
from dver.git.git_repo import Arg, CommitId, GitRepo, conversation, run

MAX_BLOB: Final = 1 << 20
"""The largest pointer to read, in bytes: pointers are far smaller. Lock files may have `lock.MAX_SIZE`."""
LOCK_NAME: Final = os.fsencode(lock.NAME)

_SUFFIX: Final = os.fsencode(SUFFIX)
PATTERNS: Final = (b"**/*" + _SUFFIX, b"**/" + LOCK_NAME)
"""Names of pointers and locks, for `:(glob)`. (A file named just `.dver` is neither.)"""
_REGULAR: Final = b"100"
_LEFT_OUT: Final = b"S"
"""The mark of `ls-files -t` for files that a sparse checkout leaves out."""
_BATCH: Final = 500
"""Ids per request: few enough that neither side waits for the other on a full pipe."""


@dataclass(frozen=True, slots=True)
class PointerFile:
    """A pointer file. `content` is set if it was read from disk, `blob` always."""

    blob: str
    content: bytes | None = None
    sides: Mapping[int, str] = field(default_factory=dict)
    """In an unfinished merge: blobs by stage, 1 the base, 2 ours, 3 theirs. `blob` is ours if it exists."""
    left_out: bool = False
    """In the index: whether a sparse checkout leaves the file out of the worktree."""


@dataclass(frozen=True, slots=True)
class PointerChange:
    """A changed pointer file: its blobs before and after, None for a missing one."""

    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class PointerScan:
    """Pointer files in the index and on disk, from one git process."""

    index: Mapping[bytes, PointerFile]
    worktree: Mapping[bytes, PointerFile]
    others: frozenset[bytes] = frozenset()
    """Files on disk with the additional name, or that match the additional patterns."""
    other_blobs: Mapping[str, bytes] = field(default_factory=dict)
    """Git's blobs in the index of files that match the additional patterns, with a path of each."""


def is_pointer_path(path: bytes) -> bool:
    """Whether `path` has the name of a pointer. A file named just `.dver` has not."""
    return path.endswith(_SUFFIX) and path.rpartition(b"/")[2] != _SUFFIX


def is_lock_path(path: bytes) -> bool:
    """Whether `path` has the name of a lock file."""
    return path == LOCK_NAME or path.endswith(b"/" + LOCK_NAME)


def names_data(path: bytes) -> bool:
    """Whether `path` has the name of a pointer or a lock."""
    return is_pointer_path(path) or is_lock_path(path)


def most_bytes(paths: Iterable[bytes]) -> int:
    """The largest size at which one of the files `paths` is read."""
    return lock.MAX_SIZE if any(map(is_lock_path, paths)) else MAX_BLOB


def scan_pointers(
    git: GitRepo, under: bytes = b"", *, also: bytes | None = None, histories: bool = False
) -> PointerScan:
    """The pointer files in the index and on disk, in or below the directory `under`, and files named `also`.

    With `histories`, also the histories of monitors. On disk, ignored files and symbolic links do not count.
    """
    patterns = (*PATTERNS, *((b"**/" + also,) if also else ()), *((HISTORIES,) if histories else ()))
    args: list[Arg] = ["ls-files", "-s", "-t", "-c", "-o", "--exclude-standard", "-z", *glob(under, patterns)]
    entries, untracked = _split(run(git, args, literal=False))
    index = _index_entries(entries)
    paths = {entry.partition(b"\t")[2] for entry in entries} | set(untracked)
    named = (path for path in paths if os.path.basename(path) == also or (histories and is_history_path(path)))
    others = frozenset(path for path in named if os.path.isfile(_in(git, path)))
    worktree = dict(_read_worktree(git, {*index, *filter(names_data, untracked)}))
    return PointerScan(index, worktree, others, dict(_history_blobs(entries)) if histories else {})


def histories_in_index(git: GitRepo) -> dict[str, bytes]:
    """Git's blobs of the histories of monitors in the index, with a path of each."""
    entries, _ = _split(run(git, ["ls-files", "-s", "-t", "-z", *glob(b"", (HISTORIES,))], literal=False))
    return dict(_history_blobs(entries))


def _history_blobs(entries: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Those of all sides of a conflict."""
    for entry in entries:
        head, _, path = entry.partition(b"\t")
        _, mode, blob, _ = head.split(b" ")
        if mode.startswith(_REGULAR) and is_history_path(path):
            yield blob.decode(), path


def in_index(git: GitRepo, under: bytes = b"") -> dict[bytes, PointerFile]:
    """The pointer files of the next commit, in or below `under`; conflicts have `sides`."""
    entries, _ = _split(run(git, ["ls-files", "-s", "-t", "-z", *glob(under, PATTERNS)], literal=False))
    return _index_entries(entries)


def in_worktree(git: GitRepo, under: bytes = b"") -> dict[bytes, PointerFile]:
    """The pointer files on disk that Git does not ignore, in or below `under`."""
    args: list[Arg] = ["ls-files", "-c", "-o", "--exclude-standard", "-z", *glob(under, PATTERNS)]
    output = run(git, args, literal=False)
    return dict(_read_worktree(git, {path for path in output.split(b"\0") if names_data(path)}))


def on_disk(git: GitRepo, index: Iterable[bytes], known: Iterable[bytes]) -> dict[bytes, PointerFile]:
    """The pointer files on disk that are in Git's `index` or in `known`.

    Runs no process, so other untracked files are not found.
    """
    return dict(_read_worktree(git, {*index, *known}))


def in_commit(git: GitRepo, commit: str, under: bytes = b"") -> dict[bytes, PointerFile]:
    """The pointer files of `commit` (an id), in or below `under`."""
    files = files_of(git, CommitId(commit), glob(under, PATTERNS))
    return {one.path: PointerFile(one.new) for one in files if one.new is not None and names_data(one.path)}


def changed_against_head(git: GitRepo, head: str | None, under: bytes = b"") -> dict[bytes, PointerChange]:
    """Differences of pointer files between the commit `head` (None before the first one) and the index."""
    changes = staged_changes(git, head, glob(under, PATTERNS))
    return {one.path: PointerChange(one.old, one.new) for one in _of_pointers(changes)}


def pointers_of_commits(
    git: GitRepo, commits: Sequence[str], under: bytes = b"", *, histories: bool = False
) -> dict[bytes, set[str]]:
    """All blobs of each pointer file in `commits` (ids); with `histories`, also of the histories of monitors.

    Fast if neighbours in the list are similar.
    """
    found: dict[bytes, set[str]] = {}
    ids, where = [CommitId(one) for one in commits], glob(under, (*PATTERNS, *((HISTORIES,) if histories else ())))
    first = files_of(git, ids[0], where) if ids else []
    for change in chain(first, changes_along(git, ids, where)):
        if change.new is not None and (names_data(change.path) or is_history_path(change.path)):
            found.setdefault(change.path, set()).add(change.new)
    return found


def new_in_each(git: GitRepo, commits: Sequence[str]) -> Iterator[tuple[str, bytes, str]]:
    """The pointers of each of `commits` that the one before it in the list does not have: commit, path, blob."""
    for change in _of_pointers(changes_along(git, [CommitId(one) for one in commits], glob(b"", PATTERNS))):
        if change.new is not None:
            yield change.commit, change.path, change.new


def read_blobs(git: GitRepo, ids: Iterable[str], limit: int = MAX_BLOB) -> dict[str, bytes]:
    """The contents of Git's blobs `ids`. Raises CorruptError for one that is missing or over `limit` bytes."""
    return dict(each_blob(git, ids, limit))


def each_blob(git: GitRepo, ids: Iterable[str], limit: int = MAX_BLOB) -> Iterator[tuple[str, bytes]]:
    """Like `read_blobs`, one after the other: all versions of a lock file may exceed the memory."""
    wanted = dict.fromkeys(ids)
    if not wanted:
        return
    with conversation(git, ["cat-file", "--batch"]) as process:
        for batch in batched(wanted, _BATCH):
            yield from _ask(process, batch, limit)


def blob_id(git: GitRepo, content: bytes) -> str:
    """Git's id for a blob with `content`."""
    import hashlib  # loads OpenSSL, which a repository without pointers need not wait for

    make = hashlib.sha256 if git.object_format == "sha256" else hashlib.sha1
    return make(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _in(git: GitRepo, path: bytes) -> bytes:
    return os.path.join(os.fsencode(git.worktree), path)


def _split(output: bytes) -> tuple[list[bytes], list[bytes]]:
    """The output of `ls-files -t`: lines of tracked files with their tag, and paths of others."""
    lines = output.split(b"\0")[:-1]
    tracked = [line for line in lines if not line.startswith(b"? ")]
    return tracked, [line[2:] for line in lines if line.startswith(b"? ")]


def _index_entries(entries: Iterable[bytes]) -> dict[bytes, PointerFile]:
    found: dict[bytes, PointerFile] = {}
    for entry in entries:
        head, _, path = entry.partition(b"\t")
        tag, mode, blob, stage = head.split(b" ")
        if mode.startswith(_REGULAR) and names_data(path):
            found[path] = _with_stage(found.get(path), blob.decode(), int(stage), left_out=tag == _LEFT_OUT)
    return found


def _with_stage(before: PointerFile | None, blob: str, stage: int, *, left_out: bool) -> PointerFile:
    if stage == 0:
        return PointerFile(blob, left_out=left_out)
    sides = {**(before.sides if before else {}), stage: blob}
    return PointerFile(sides.get(2) or sides.get(3) or blob, sides=sides)


def _read_worktree(git: GitRepo, paths: Iterable[bytes]) -> Iterator[tuple[bytes, PointerFile]]:
    top = os.fsencode(git.worktree)
    real: dict[bytes, bool] = {}
    for path in sorted(paths):
        full = os.path.join(top, path)
        directory = os.path.dirname(full)
        if directory not in real:
            # A directory that became a symbolic link leads to files that are not ours.
            real[directory] = os.path.realpath(directory) == directory
        content = _read_regular(full, most_bytes([path])) if real[directory] else None
        if content is not None:
            yield path, PointerFile(blob_id(git, content), content)


def _read_regular(path: bytes, limit: int) -> bytes | None:
    """The content of the file `path`; None if it is missing or no regular file, such as a FIFO."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if os.path.isfile(path) and not os.path.islink(path):
            raise
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None
        content = _read_all(fd, limit + 1)
    finally:
        os.close(fd)
    if len(content) > limit:
        raise _too_large(os.fsdecode(path), status.st_size, limit)
    return content


def _read_all(fd: int, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(fd, min(limit, MAX_BLOB))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _of_pointers(changes: Iterable[FileChange]) -> Iterator[FileChange]:
    return (one for one in changes if names_data(one.path) and (one.old or one.new))


def _ask(process: subprocess.Popen[bytes], ids: Sequence[str], limit: int) -> Iterator[tuple[str, bytes]]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process was started without pipes")
    with suppress(BrokenPipeError):  # git ended; its missing answer is reported below
        process.stdin.write("".join(f"{blob}\n" for blob in ids).encode())
        process.stdin.flush()
    for blob in ids:
        yield blob, _answer(process.stdout, blob, limit)


def _answer(stream: IO[bytes], blob: str, limit: int) -> bytes:
    head = stream.readline().split()
    if len(head) != 3 or head[1] != b"blob":
        raise CorruptError(
            f"Git cannot read its blob {blob}",
            why="it is absent, damaged, or no file",
            fix="check the repository: git fsck",
        )
    size = int(head[2])
    if size > limit:
        raise _too_large(f"Git's blob {blob}", size, limit)
    return stream.read(size + 1)[:-1]


def _too_large(name: str, size: int, limit: int) -> CorruptError:
    if limit > MAX_BLOB:
        return CorruptError(f"{name} is no lock file", why=f"it has {size} bytes, a lock at most {limit}")
    return CorruptError(
        f"{name} is no pointer",
        why=f"it has {size} bytes, a pointer at most {limit}",
        fix=f"rename it: names that end in {SUFFIX} are for pointers",
    )
