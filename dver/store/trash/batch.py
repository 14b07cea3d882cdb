"""Filling a batch of the trash: at most one gc at a time does this for a store."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError
from dver.core.files import clear_leftovers, fsync_dir, temporary_name
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.core.platform.filelock import try_lock
from dver.core.platform.processes import is_alive, process_space
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.packs import pack_file_name
from dver.store.trash.trash import LAST, UNFINISHED, Batch, StoreFiles, batch_name, batches, discard_if_empty, move

_DEAD_AFTER: Final = 86_400
"""Seconds after which an unfinished batch of another machine or container counts as abandoned."""


class OpenBatch:
    """A batch that is being filled. Other processes do not delete anything in it until it is finished."""

    def __init__(self, store: StoreFiles, batch: Batch) -> None:
        self.batch = batch
        self.orphans: list[Batch] = []
        """Batches of killed gcs, which finish with this one: restore referenced objects from them first."""
        self._store = store
        self._touched: set[Path] = set()

    def add_pack(self, name: Oid) -> bool:
        """Move a pack here; False if it is gone."""
        return self._move(self._store.packs / pack_file_name(name), self.batch.packs / pack_file_name(name))

    def add_loose(self, oid: Oid) -> bool:
        """Move a loose blob here; False if it is gone."""
        return self._move(self._store.loose.path(oid), self.batch.loose.path(oid))

    def delete_pack(self, name: Oid) -> None:
        """Delete a pack that was moved here: other packs hold all its objects."""
        (self.batch.packs / pack_file_name(name)).unlink(missing_ok=True)

    def sync(self) -> None:
        """Make all moves durable, and refresh the store."""
        for folder in sorted(self._touched):
            fsync_dir(folder)
        self._store.refresh()

    def _move(self, source: Path, target: Path) -> bool:
        if not self._touched:
            self._store.scratch.write(self.batch.path.parent / LAST, self.batch.name.encode())
        if not move(self._store.scratch, source, target):
            return False
        self._touched.update((source.parent, target.parent, target.parent.parent, self.batch.path))
        return True


@contextmanager
def open_batch(store: StoreFiles) -> Iterator[OpenBatch]:
    """A new batch, for the only gc of a store. Raises ConflictError if another gc is running.

    The batch is finished when the block ends without an error. Otherwise the next gc finishes it, unless it is empty.
    """
    store.scratch.make_folder(store.trash)
    if store.scratch.sharing.locks:
        clear_leftovers(store.trash)
    with ExitStack() as stack:
        batch = _new_batch(store, stack)
        opened = OpenBatch(store, batch)
        try:
            opened.orphans = _adopt_orphans(store, batch, stack)
            yield opened
            _finish(batch, store.scratch)
            for orphan in opened.orphans:
                _finish(orphan, store.scratch)
        finally:
            discard_if_empty(batch)


def _new_batch(store: StoreFiles, stack: ExitStack) -> Batch:
    """A new directory that is locked, or names its owner, before it gets its name."""
    while True:
        now = int(time.time())
        name = batch_name(now)
        batch = Batch(store.trash / (name + UNFINISHED), name, now, False)
        making = batch._replace(path=store.trash / temporary_name("batch"))
        store.scratch.make_folder(making.path)
        if store.scratch.sharing.locks:
            stack.enter_context(_locked(making))
        else:
            store.scratch.write(making.owner, f"{os.getpid()}@{process_space()}".encode())
        if move(store.scratch, making.path, batch.path):  # not deleted as a leftover before it was locked
            fsync_dir(store.trash)
            return batch


def _adopt_orphans(store: StoreFiles, own: Batch, stack: ExitStack) -> list[Batch]:
    """The batches of gcs that were killed."""
    found = [batch for batch in batches(store.trash) if not batch.finished and batch.name != own.name]
    for batch in found:
        locks = store.scratch.sharing.locks
        if not (stack.enter_context(_locked(batch)) if locks else _is_abandoned(batch)) and batch.path.exists():
            raise ConflictError(
                "another gc is running on this store",
                why=f"it is filling {os.fspath(batch.path)!r}",
                fix="wait until it has ended" + ("" if locks else f"; if it was killed: rm {quoted(str(batch.owner))}"),
            )
    return [batch for batch in found if batch.path.exists()]


@contextmanager
def _locked(batch: Batch) -> Iterator[bool]:
    """Lock the batch while the block runs. False if another process has it locked, or it is gone."""
    try:
        fd = os.open(batch.path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield try_lock(fd) and batch.path.exists()
    finally:
        os.close(fd)


def _is_abandoned(batch: Batch) -> bool:
    """Has the process that fills the batch ended? One of another machine or container counts as ended after a day."""
    try:
        pid, _, space = batch.owner.read_bytes().decode("utf-8", "replace").partition("@")
    except FileNotFoundError:
        return True
    if not space or space != process_space() or not pid.isdecimal():
        return time.time() - batch.made > _DEAD_AFTER
    return int(pid) == os.getpid() or not is_alive(int(pid))


def _finish(batch: Batch, scratch: ScratchDirectory) -> None:
    batch.owner.unlink(missing_ok=True)
    discard_if_empty(batch)
    move(scratch, batch.path, batch.path.with_name(batch.name))
    fsync_dir(batch.path.parent)
