"""The trash: data that gcs have moved out of the store, kept until its grace period ends.

    trash/20260131T235959Z-1a2b3c4d/{packs,loose}    a batch: the files that one gc has moved, under their names
    trash/20260131T235959Z-1a2b3c4d.unfinished/      a batch whose gc is still running, or was killed
    trash/last                                       the name of the newest batch

`trash_batch` fills a batch; `gc_guard` restores objects that a command needs while a gc runs.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from dver.core.errors import CorruptError
from dver.core.files import delete_any, fsync_dir, temporary_name
from dver.core.oid import Oid
from dver.formats.pack import Codec, Row
from dver.store.objects.file_creation import ScratchDirectory, list_names
from dver.store.objects.loose import LooseBlobs
from dver.store.objects.packs import PackReader, pack_file_name, parse_pack_file_name

UNFINISHED: Final = ".unfinished"
"""The suffix of a batch while its gc fills it."""
LAST: Final = "last"
_TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(rf"(\d{{8}}T\d{{6}}Z-[0-9a-f]{{8}})({re.escape(UNFINISHED)})?")


class StoreFiles(Protocol):
    """The part of a `Store` that the trash needs: where its files are. It keeps this module below the store."""

    packs: Path
    trash: Path
    loose: LooseBlobs
    scratch: ScratchDirectory

    def refresh(self) -> None:
        """Forget which files exist."""
        ...


class Batch(NamedTuple):
    """The files that one gc has moved. `made` is in Unix seconds."""

    path: Path
    name: str
    made: int
    finished: bool

    @property
    def packs(self) -> Path:
        return self.path / "packs"

    @property
    def loose(self) -> LooseBlobs:
        return LooseBlobs(self.path / "loose")

    @property
    def owner(self) -> Path:
        """The file that names the process that fills the batch, in a store without locks."""
        return self.path / "owner"

    def pack_names(self) -> list[Oid]:
        return [name for name in map(parse_pack_file_name, list_names(self.packs)) if name is not None]

    def pack_rows(self, name: Oid) -> list[Row]:
        """The objects in its pack `name`; none if the pack is gone or corrupt."""
        with suppress(FileNotFoundError, CorruptError), PackReader(self.packs / pack_file_name(name)) as reader:
            return reader.rows(name)
        return []

    def size(self) -> int:
        """Bytes in it, including corrupt files that a repair has moved there."""
        return sum([_size(Path(folder, name)) for folder, _, names in os.walk(self.path) for name in names])


def batch_name(seconds: int) -> str:
    """A unique name for a batch that is made now, at `seconds` in Unix time."""
    return f"{time.strftime(_TIME_FORMAT, time.gmtime(seconds))}-{os.urandom(4).hex()}"


def batches(trash: Path) -> list[Batch]:
    """All batches, the oldest first."""
    found = []
    for name in list_names(trash):
        match = _NAME.fullmatch(name)
        if match:
            made = _seconds(match[1].partition("-")[0])
            if made is not None:
                found.append(Batch(trash / name, match[1], made, match[2] is None))
    return found


def has_unfinished(trash: Path) -> bool:
    """Is a gc running, or was one killed?"""
    return any(name.endswith(UNFINISHED) for name in list_names(trash))


def last_gc(trash: Path) -> bytes:
    """The name of the newest batch; empty if no gc has moved anything."""
    try:
        return (trash / LAST).read_bytes()
    except FileNotFoundError:
        return b""


# -- restoring and deleting


def restore(store: StoreFiles, batch: Batch) -> list[Oid]:
    """Move all of a batch back into the store. Returns the restored recipes: their chunks may be in other batches."""
    recipes: list[Oid] = []
    for name in batch.pack_names():
        recipes += restore_pack(store, batch, name)
    for oid in batch.loose.all():
        restore_loose(store, batch, oid)
    discard_if_empty(batch)
    store.refresh()
    return recipes


def restore_pack(store: StoreFiles, batch: Batch, name: Oid) -> list[Oid]:
    """Move a pack back into the store. Returns the recipes in it."""
    recipes = [row.oid for row in batch.pack_rows(name) if row.codec is Codec.CHUNKED]
    move(store.scratch, batch.packs / pack_file_name(name), store.packs / pack_file_name(name))
    fsync_dir(store.packs)
    return recipes


def restore_loose(store: StoreFiles, batch: Batch, oid: Oid) -> bool:
    """Move a loose blob back into the store. False if it is gone."""
    target = store.loose.path(oid)
    moved = move(store.scratch, batch.loose.path(oid), target)
    fsync_dir(target.parent)
    return moved


def delete(store: StoreFiles, batch: Batch) -> int:
    """Delete a batch for good. Returns its size in bytes."""
    size = batch.size()
    # One rename first: the rest of a batch that was deleted in part must never be restored.
    doomed = store.scratch / temporary_name("trash")
    if not move(store.scratch, batch.path, doomed):
        return 0
    fsync_dir(batch.path.parent)
    delete_any(doomed)
    return size


def discard_if_empty(batch: Batch) -> None:
    """Delete a batch that holds no files: nothing was moved, or everything was restored."""
    if not any(set(names) - {batch.owner.name} for _, _, names in os.walk(batch.path)):
        delete_any(batch.path)


def move(scratch: ScratchDirectory, source: Path, target: Path) -> bool:
    """Move a file or directory. False if another process was faster."""
    try:
        scratch.within(target.parent, lambda: os.rename(source, target))
    except FileNotFoundError:
        return False
    return True


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _seconds(text: str) -> int | None:
    import calendar  # slow to import, and most commands do not need it

    with suppress(ValueError):
        return calendar.timegm(time.strptime(text, _TIME_FORMAT))
    return None
