"""What dver keeps of data by its content, such as profiles: objects that run cache entries name (docs/format/run.md).

The entry has the command that makes the object, the content as its one input, and the object as its one output. So
all that moves run cache entries moves these, too, and the key can be computed for any content.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from dver.core.errors import CorruptError, LocalIOError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import printable
from dver.formats.lock import LockedItem, LockedStage
from dver.formats.objectref import ObjectKey, ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.run_record import RunRecord
from dver.formats.tree import Entry, Kind, write_directory
from dver.pipelines.run_cache.entries import DATA_PATH, RunCache, cache_key
from dver.repo import Repository
from dver.store.trash.guard import GcGuard
from dver.store.trees.compare import TreeReader, find
from dver.store.writer import StoreWriter
from dver.tracking.targets import is_at_or_below

RESULT: Final = "result"
"""The path of the output in an entry."""
BLOB_MAX: Final = 1 << 30
"""The largest object that is read, in bytes: another clone may have sent it. A profile of 10,000 columns has 120 MB."""
_READ_ONLY: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


class OidContainer(Protocol):
    """A set of oids, however it is kept."""

    def __contains__(self, oid: Oid, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class KeptObject:
    """An object that describes data."""

    key: str
    """The key of its run cache entry."""
    command: str
    content: Oid
    """The data that it describes."""
    item: LockedItem
    """The object."""
    path: bytes
    """Where the data was, relative to the top of the Git worktree."""
    made: float
    """Unix seconds."""
    size: int
    """Bytes of the data."""
    files: int

    @property
    def is_of_checks(self) -> bool:
        """Is it the results of checks, and no profile?"""
        return self.command.startswith("dver check ")

    @property
    def description(self) -> str:
        """Such as `profile of data/train.csv`."""
        kind = "check result" if self.is_of_checks else "profile"
        return f"{kind} of {printable(self.path or b'.')}"

    @property
    def ref(self) -> ObjectRef:
        """The object, for transfers."""
        return ObjectRef(self.item.oid, self.item.kind, self.path, self.item.size)


def kept_item(repo: Repository, command: str, content: Oid) -> LockedItem | None:
    """The object that `command` made for `content`, if there is an entry. The store may not have the object."""
    stage = RunCache(repo).get(cache_key(_stage(command, _input(content), _output(content))))
    return stage.outs[0] if stage is not None and len(stage.outs) == 1 else None


def kept_object(repo: Repository, command: str, content: Oid) -> bytes | None:
    """The bytes that `command` made for `content`; None if they are not in the store, or damaged."""
    item = kept_item(repo, command, content)
    if item is None or item.kind is not ObjectKind.BLOB:
        return None
    return read_blob(repo, item.oid)


def read_blob(repo: Repository, oid: Oid) -> bytes | None:
    """The blob in the store; None if it is missing, damaged or too large."""
    pieces, size = [], 0
    with suppress(MissingObjectError, CorruptError):
        for piece in repo.store.stream(oid):
            size += len(piece)
            if size > BLOB_MAX:
                return None
            pieces.append(piece)
        return b"".join(pieces)
    return None


def keep_object(repo: Repository, command: str, content: Entry, result: bytes, *, path: bytes = b"") -> bool:
    """Store `result`, which `command` made for the data `content` at `path`, in place of an earlier one.

    Returns False if the store cannot be written to: then nothing is kept.
    """

    def write(writer: StoreWriter) -> LockedItem:
        oid, size = writer.add_blob([result])
        return LockedItem(RESULT, ObjectKind.BLOB, oid, size)

    return keep(repo, command, content, write, path=path)


def keep_directory(
    repo: Repository,
    command: str,
    content: Entry,
    write: Callable[[StoreWriter], Sequence[Entry]],
    *,
    path: bytes = b"",
) -> bool:
    """Like `keep_object`, for a directory: `write` stores its files and returns its entries, sorted by name."""

    def write_all(writer: StoreWriter) -> LockedItem:
        entries = write(writer)
        oid = write_directory(entries, writer.add_tree)
        return LockedItem(
            RESULT, ObjectKind.TREE, oid, sum(one.size for one in entries), sum(one.files for one in entries)
        )

    return keep(repo, command, content, write_all, path=path)


def keep(
    repo: Repository, command: str, content: Entry, write: Callable[[StoreWriter], LockedItem], *, path: bytes
) -> bool:
    """Store what `write` writes, and then the entry that names it. See `keep_object`."""
    guard = GcGuard(repo.store)
    try:
        with StoreWriter(repo.store) as writer:
            item = write(writer)
        now = time.time()
        dep = LockedItem(DATA_PATH, content.object_kind, content.oid, content.size, content.files)
        stage = _stage(command, dep, item)
        RunCache(repo).put(cache_key(stage), stage, RunRecord(os.fsdecode(path) or ".", now, now))
    except (PermissionError, LocalIOError):  # another user's store, or a read-only disk
        return False
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        return False
    guard.recheck([(item.oid, item.kind)])
    return True


def kept_for(repo: Repository, contents: OidContainer) -> Iterator[KeptObject]:
    """All objects that describe one of `contents`, in the order of the contents."""
    cache = RunCache(repo)
    yield from _described(cache, [key for content, key in cache.keys_by_content() if content in contents])


def kept_by_command(repo: Repository, command: str) -> list[KeptObject]:
    """All objects that `command` made, for any content."""
    return [one for one in all_kept(repo) if one.command == command]


def all_kept(repo: Repository) -> list[KeptObject]:
    """All objects that describe data."""
    cache = RunCache(repo)
    return list(_described(cache, [key for _, key in cache.keys_by_content()]))


def kept_below(repo: Repository, roots: Iterable[ObjectRef], read: TreeReader | None = None) -> list[KeptObject]:
    """The objects that describe `roots`, or a file or directory in one of them.

    `read` reads the directories of `roots`, by default from the store. Parts of directories that it does not have are
    left out.
    """
    wanted = list(roots)
    contents = {one.oid for one in wanted}
    trees = [one for one in wanted if one.kind is ObjectKind.TREE]
    cache = RunCache(repo)
    keys = cache.keys_by_content()
    found = list(_described(cache, [key for content, key in keys if content in contents]))
    if trees:
        others = _described(cache, [key for content, key in keys if content not in contents])
        read = read or repo.store.tree
        found += [one for one in others if any(_is_in(one, root, read) for root in trees)]
    return found


def kept_roots(repo: Repository, live: OidContainer) -> set[ObjectKey]:
    """The objects that describe `live` data: gc keeps them."""
    return {(one.item.oid, one.item.kind) for one in kept_for(repo, live)}


def _described(cache: RunCache, keys: Sequence[str]) -> Iterator[KeptObject]:
    for run, stage in cache.runs(list(keys)):
        if isinstance(stage.cmd, str) and len(stage.deps) == len(stage.outs) == 1:
            record = cache.record(run.key)
            path = os.fsencode(record.stage) if record is not None else b""
            data = stage.deps[0]
            yield KeptObject(run.key, stage.cmd, data.oid, stage.outs[0], path, run.ended, data.size, data.files)


def _is_in(one: KeptObject, root: ObjectRef, read: TreeReader) -> bool:
    """Does `root` have that content at that path?"""
    if one.path == root.path or not is_at_or_below(one.path, root.path):
        return False
    inside = one.path[len(root.path) + 1 :] if root.path else one.path
    with suppress(MissingObjectError, CorruptError):
        entry = find(Entry(b"", Kind.DIRECTORY, root.oid, root.size), inside.split(b"/"), read)
        return entry is not None and entry.oid == one.content
    return False


def _input(content: Oid) -> LockedItem:
    return LockedItem(DATA_PATH, ObjectKind.BLOB, content, 0)


def _output(oid: Oid) -> LockedItem:
    return LockedItem(RESULT, ObjectKind.BLOB, oid, 0)


def _stage(command: str, content: LockedItem, result: LockedItem) -> LockedStage:
    return LockedStage(command, deps=(content,), outs=(result,))
