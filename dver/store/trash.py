"""The trash: what a gc has taken out of the store, kept until its grace period ends.

    trash/20260131T235959Z-1a2b3c4d/{packs,loose}    a batch: what one run has moved, under the names that it had
    trash/20260131T235959Z-1a2b3c4d.unfinished/      the same while that run is at work, or after it was killed
    trash/last                                       the name of the batch that was begun last

A command that is about to name objects, and a gc beside it, need no lock. Before a gc moves anything it makes its batch
and writes `last`; when it has moved everything it reads again what is needed, and puts that back. The command looks at
`last` and for unfinished batches before it relies on what is in the store, and again when it has named its objects: if
there was a gc, it puts back itself what it needs (`Watch`). So at least one of the two sees the other.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import ConflictError, CorruptError
from dver.core.fsutil import clear_leftovers, fsync_dir, temporary_name
from dver.core.oid import Oid
from dver.core.processes import is_alive, process_space
from dver.core.words import typed
from dver.formats.pack import Codec, ObjectKind
from dver.store.closure import StoreReader, walk
from dver.store.packs import PackReader, pack_file_name, parse_pack_file_name
from dver.store.scratch import Scratch
from dver.store.store import UNFINISHED, Store

Roots = Iterable[tuple[Oid, ObjectKind]]

_NAME: Final = re.compile(rf"(\d{{8}}T\d{{6}}Z-[0-9a-f]{{8}})({re.escape(UNFINISHED)})?")
_TIME: Final = "%Y%m%dT%H%M%SZ"
_LAST: Final = "last"
_DEAD_AFTER: Final = 86_400
"""Seconds after which the process of an unfinished batch on another machine or in another container counts as dead."""


class Batch(NamedTuple):
    """What one run of gc has moved. `made` is in Unix seconds."""

    path: Path
    name: str
    made: int
    finished: bool

    @property
    def packs(self) -> Path:
        """The folder of its packs."""
        return self.path / "packs"

    @property
    def loose(self) -> Path:
        """The folder of its loose blobs."""
        return self.path / "loose"

    @property
    def owner(self) -> Path:
        """The file that tells whose it is while it is unfinished, where there are no locks."""
        return self.path / "owner"

    def pack_names(self) -> list[Oid]:
        """The packs in it."""
        return [name for name in map(parse_pack_file_name, _listed(self.packs)) if name is not None]

    def loose_oids(self) -> Iterator[Oid]:
        """The loose blobs in it."""
        for folder in _listed(self.loose):
            for name in _listed(self.loose / folder):
                with suppress(ValueError):
                    yield Oid(bytes.fromhex(folder + name))

    def loose_path(self, oid: Oid) -> Path:
        """Where the loose blob `oid` is, if it is in it."""
        return self.loose / oid.hex()[:2] / oid.hex()[2:]

    def size(self) -> int:
        """Bytes in it, those of damaged files that a repair has put there included."""
        return sum([_size(Path(place, name)) for place, _, names in os.walk(self.path) for name in names])


class Stamp(NamedTuple):
    """By which it shows that a gc was at work: two stamps tell of the time between them."""

    last: bytes
    unfinished: frozenset[str]


def batches(trash: Path) -> list[Batch]:
    """All batches, the oldest first."""
    found = []
    for name in sorted(_listed(trash)):
        match = _NAME.fullmatch(name)
        if match:
            made = _seconds(match[1].partition("-")[0])
            if made is not None:
                found.append(Batch(trash / name, match[1], made, match[2] is None))
    return found


def stamp(store: Store) -> Stamp:
    """What there is to be seen of gcs now."""
    # In this order: a gc that begins between the two is unfinished, or has changed `last` for the next stamp.
    last = store.last_gc()
    return Stamp(last, frozenset(batch.name for batch in batches(store.trash) if not batch.finished))


class Watch:
    """Guards a command that relies on what is in the store, and then names it in pointers. Make it first of all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before = stamp(store)
        store.refresh()

    def lacking(self, roots: Roots) -> set[Oid]:
        """Call it when `roots` are named. If a gc was at work since: what they reach is put back where that is
        needed, and what can no longer be had is returned."""
        now = stamp(self._store)
        if now.last == self._before.last and not self._before.unfinished and not now.unfinished:
            return set()
        return put_back_needed(self._store, roots)


# -- filling it


class OpenBatch:
    """A batch that is being filled. Nothing in it is deleted by others until it is finished."""

    def __init__(self, store: Store, batch: Batch) -> None:
        self.batch = batch
        self.orphans: list[Batch] = []
        """Batches of runs that were killed, finished with this one: see to it that what is needed of them is back."""
        self._store = store
        self._touched: set[Path] = set()

    def take_pack(self, name: Oid) -> bool:
        """Move a pack here; False if it is gone."""
        return self._take(self._store.packs / pack_file_name(name), self.batch.packs / pack_file_name(name))

    def take_loose(self, oid: Oid) -> bool:
        """Move a loose blob here; False if it is gone."""
        return self._take(self._store.loose.path(oid), self.batch.loose_path(oid))

    def drop_pack(self, name: Oid) -> None:
        """Delete a pack that was moved here: all that it has is in other packs."""
        (self.batch.packs / pack_file_name(name)).unlink(missing_ok=True)

    def settle(self) -> None:
        """Make durable what was moved, and look again at what is in the store."""
        for folder in sorted(self._touched):
            fsync_dir(folder)
        self._store.refresh()

    def _take(self, source: Path, target: Path) -> bool:
        if not self._touched:
            self._store.scratch.write(self.batch.path.parent / _LAST, self.batch.name.encode())
        self._touched.update((source.parent, target.parent, target.parent.parent, self.batch.path))
        return _rename(self._store.scratch, source, target)


@contextmanager
def open_batch(store: Store) -> Iterator[OpenBatch]:
    """A new batch, for the one gc that may be at work on a store. Raises ConflictError if there is another.

    It is finished when the block ends without an error; otherwise the next run does that, if anything is in it.
    """
    store.scratch.make_folder(store.trash)
    if store.scratch.sharing.locks:
        clear_leftovers(store.trash)
    with ExitStack() as stack:
        batch = _new_batch(store, stack)
        opened = OpenBatch(store, batch)
        try:
            opened.orphans = _adopt(store, batch, stack)
            yield opened
            _finish(batch, store.scratch)
            for orphan in opened.orphans:
                _finish(orphan, store.scratch)
        finally:
            _discard_empty(batch)


def _new_batch(store: Store, stack: ExitStack) -> Batch:
    """A folder that shows from the first moment that somebody is at work on it."""
    while True:
        now = int(time.time())
        name = f"{time.strftime(_TIME, time.gmtime(now))}-{os.urandom(4).hex()}"
        batch = Batch(store.trash / (name + UNFINISHED), name, now, False)
        making = batch._replace(path=store.trash / temporary_name("batch"))
        store.scratch.make_folder(making.path)
        if store.scratch.sharing.locks:
            stack.enter_context(_held(making))
        else:
            store.scratch.write(making.owner, _me())
        if _rename(store.scratch, making.path, batch.path):  # nobody took it for left over before it was locked
            fsync_dir(store.trash)
            return batch


def _adopt(store: Store, own: Batch, stack: ExitStack) -> list[Batch]:
    """The batches of runs that were killed."""
    found = [batch for batch in batches(store.trash) if not batch.finished and batch.name != own.name]
    for batch in found:
        locks = store.scratch.sharing.locks
        if not (stack.enter_context(_held(batch)) if locks else _is_dead(batch)) and batch.path.exists():
            raise ConflictError(
                "another gc is at work on this store",
                why=f"it fills {os.fspath(batch.path)!r}",
                fix="wait until it has ended" + ("" if locks else f"; if it was killed: rm {typed(str(batch.owner))}"),
            )
    return [batch for batch in found if batch.path.exists()]


@contextmanager
def _held(batch: Batch) -> Iterator[bool]:
    """Is the batch ours alone while the block runs? The lock ends with its process."""
    try:
        fd = os.open(batch.path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield batch.path.exists()
    finally:
        os.close(fd)


def _me() -> bytes:
    """Which process fills a batch, for a store without locks."""
    return f"{os.getpid()}@{process_space()}".encode()


def _is_dead(batch: Batch) -> bool:
    """Has the process ended that fills the batch? For one of another machine or container only the age tells."""
    try:
        pid, _, space = batch.owner.read_bytes().decode("utf-8", "replace").partition("@")
    except FileNotFoundError:
        return True
    if not space or space != process_space() or not pid.isdecimal():
        return time.time() - batch.made > _DEAD_AFTER
    return int(pid) == os.getpid() or not is_alive(int(pid))


def _discard_empty(batch: Batch) -> None:
    """Delete a batch into which nothing was moved, or of which all has been put back."""
    if not any(set(names) - {batch.owner.name} for _, _, names in os.walk(batch.path)):
        _delete_tree(batch.path)


def _finish(batch: Batch, scratch: Scratch) -> None:
    batch.owner.unlink(missing_ok=True)
    _discard_empty(batch)
    _rename(scratch, batch.path, batch.path.with_name(batch.name))
    fsync_dir(batch.path.parent)


# -- emptying it


def put_back(store: Store, batch: Batch) -> list[Oid]:
    """Move all of a batch back into the store. Returns the recipes that came with it: their chunks may be in others."""
    recipes: list[Oid] = []
    for name in batch.pack_names():
        recipes += _put_pack_back(store, batch, name)
    for oid in batch.loose_oids():
        _put_loose_back(store, batch, oid)
    _discard_empty(batch)
    store.refresh()
    return recipes


def put_back_needed(store: Store, roots: Roots) -> set[Oid]:
    """Move back into the store what holds anything that `roots` reach and the store lacks.

    Returns what is lacking still: it was not here before either, or is deleted for good.
    """
    wanted = list(roots)
    while True:
        before = stamp(store)
        store.refresh()
        absent = _absent(store, wanted)
        recipes = _find_and_put_back(store, set(absent)) if absent else None
        if recipes is None:
            if absent and stamp(store) != before:
                continue  # a batch got its finished name while we looked into it
            return absent
        # A pack comes back as a whole, and a recipe must not be here without its chunks.
        wanted += [(oid, ObjectKind.BLOB) for oid in recipes]


def delete(store: Store, batch: Batch) -> int:
    """Delete a batch for good; the bytes that it had."""
    size = batch.size()
    # By one rename: what is left of a batch that was deleted in part must never come back. There it is nobody's.
    doomed = store.scratch / temporary_name("trash")
    if not _rename(store.scratch, batch.path, doomed):
        return 0
    fsync_dir(batch.path.parent)
    _delete_tree(doomed)
    return size


def _delete_tree(folder: Path) -> None:
    import shutil  # which takes longer to import than most commands need it

    shutil.rmtree(folder, ignore_errors=True)


def _absent(store: Store, roots: Roots) -> set[Oid]:
    absent: set[Oid] = set()
    for batch in walk(roots, StoreReader(store, damaged=set()), lambda _, __: set()):
        absent.update(set(batch.oids) - store.present(batch.oids))
    return absent


def _find_and_put_back(store: Store, absent: set[Oid]) -> list[Oid] | None:
    """Put back all that holds any of `absent`: the recipes that came with it, or None if nothing did."""
    recipes: list[Oid] = []
    found = False
    for batch in reversed(batches(store.trash)):
        for oid in absent.intersection(batch.loose_oids()):
            found |= _put_loose_back(store, batch, oid)
            absent.discard(oid)
        for name in batch.pack_names():
            held = absent.intersection(_oids_in(batch, name))
            if held:
                recipes += _put_pack_back(store, batch, name)
                absent -= held
                found = True
        if batch.finished:
            _discard_empty(batch)
    return recipes if found else None


def _oids_in(batch: Batch, name: Oid) -> Sequence[Oid]:
    try:
        with PackReader(batch.packs / pack_file_name(name)) as reader:
            return [row.oid for row in reader.rows(name)]
    except (FileNotFoundError, CorruptError):
        return ()


def _put_pack_back(store: Store, batch: Batch, name: Oid) -> list[Oid]:
    recipes: list[Oid] = []
    with suppress(FileNotFoundError, CorruptError), PackReader(batch.packs / pack_file_name(name)) as reader:
        recipes = [row.oid for row in reader.rows(name) if row.codec is Codec.CHUNKED]
    _rename(store.scratch, batch.packs / pack_file_name(name), store.packs / pack_file_name(name))
    fsync_dir(store.packs)
    return recipes


def _put_loose_back(store: Store, batch: Batch, oid: Oid) -> bool:
    target = store.loose.path(oid)
    moved = _rename(store.scratch, batch.loose_path(oid), target)
    fsync_dir(target.parent)
    return moved


# -- files


def _rename(scratch: Scratch, source: Path, target: Path) -> bool:
    """Move a file or folder; False if somebody else was quicker."""
    try:
        scratch.within(target.parent, lambda: os.rename(source, target))
    except FileNotFoundError:
        return False
    return True


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _seconds(text: str) -> int | None:
    import calendar

    with suppress(ValueError):
        return calendar.timegm(time.strptime(text, _TIME))
    return None
