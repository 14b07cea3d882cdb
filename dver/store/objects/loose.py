"""Loose blobs: large files kept as files of their own, so that the workspace can share their disk space."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import Enum
from io import FileIO
from pathlib import Path
from typing import Final

from dver.core.files import fsync_dir
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.core.platform import blocks
from dver.core.platform.blocks import reflink
from dver.store.objects.codec import corrupt, missing
from dver.store.objects.file_creation import FINISHED, ScratchDirectory, explaining

PIECE: Final = 4 << 20
_ASKED_ONE_BY_ONE: Final = 16
"""Blobs that are looked for in one folder before it is listed: on a network disk each costs a request."""


class LinkMode(Enum):
    """How large files in the workspace relate to the store (`cache.link`)."""

    AUTO = "auto"
    """Reflink where the disk can; a copy elsewhere."""
    REFLINK = "reflink"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"

    @property
    def shares_file(self) -> bool:
        """Is the workspace's file the store's own, so that it must be read-only?"""
        return self in (LinkMode.HARDLINK, LinkMode.SYMLINK)

    def wants_loose(self, scratch: ScratchDirectory) -> bool:
        """Should large blobs be kept loose in the store of `scratch`: can the workspace share them?"""
        return self.shares_file or (self is not LinkMode.COPY and can_reflink(scratch))


class LooseBlobs:
    """The folder `root` of loose blobs, fanned out by the first byte of their oid; new ones come from `scratch`."""

    def __init__(self, root: Path, scratch: ScratchDirectory | None = None) -> None:
        self.root = root
        self._scratch = scratch or ScratchDirectory(root.parent / "tmp")
        self._folders: set[str] | None = None
        self._asked: dict[str, int] = {}
        self._listed: dict[str, set[str]] = {}

    def path(self, oid: Oid) -> Path:
        """Where the blob `oid` is, or would be."""
        text = oid.hex()
        return self.root / text[:2] / text[2:]

    def refresh(self) -> None:
        """Forget what is known of the disk."""
        self._folders = None
        self._asked.clear()
        self._listed.clear()

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are here. Asks the disk only where a folder exists that could hold one."""
        if self._folders is None:
            with suppress(FileNotFoundError):
                self._folders = set(os.listdir(self.root))
            self._folders = self._folders or set()
        folders = self._folders
        return {oid for oid in oids if self._is_in(folders, oid.hex())} if folders else set()

    def _is_in(self, folders: set[str], text: str) -> bool:
        folder, name = text[:2], text[2:]
        if folder not in folders:
            return False
        if folder in self._listed:
            return name in self._listed[folder]
        self._asked[folder] = self._asked.get(folder, 0) + 1
        if self._asked[folder] < _ASKED_ONE_BY_ONE:
            return os.path.isfile(os.path.join(self.root, folder, name))
        with suppress(FileNotFoundError):
            self._listed[folder] = set(os.listdir(self.root / folder))
        return name in self._listed.get(folder, ())

    def is_of_others(self, oid: Oid, size: int) -> bool:
        """Is the blob `oid` of `size` bytes here, and somebody else's file?"""
        try:
            status = os.stat(self.path(oid))
        except FileNotFoundError:
            return False
        return status.st_uid != os.geteuid() and status.st_size == size

    def size(self, oids: Iterable[Oid]) -> int:
        """Bytes of the blobs `oids`, which are here."""
        return sum([self.path(oid).stat().st_size for oid in oids])

    def all(self) -> Iterator[Oid]:
        """Every blob that is here."""
        with suppress(FileNotFoundError):
            for folder in sorted(os.listdir(self.root)):
                for name in sorted(os.listdir(self.root / folder)):
                    with suppress(ValueError):
                        yield Oid(bytes.fromhex(folder + name))

    def inodes(self) -> dict[tuple[int, int], Oid]:
        """The blobs that have other hard links, by device and inode."""
        found = {}
        for oid in self.all():
            with suppress(FileNotFoundError):  # just removed
                status = os.stat(self.path(oid))
                if status.st_nlink > 1:
                    found[status.st_dev, status.st_ino] = oid
        return found

    def renew_if_touched(self, oid: Oid) -> None:
        """Give the blob `oid` a new file if somebody has changed the mode of its file, through a link to it.

        The links keep the old file, and the new one is as it should be. Raises MissingObjectError or CorruptError.
        """
        with self.open(oid) as file:
            status = os.fstat(file.fileno())
            if stat.S_IMODE(status.st_mode) == FINISHED or status.st_uid != os.geteuid():
                return
            path, fd = self._scratch.create("loose")
            try:
                with open(fd, "wb") as copy:
                    if not reflink(file.fileno(), fd, path):
                        copy.writelines(self.pieces(oid))
                    copy.flush()
                    self.adopt(path, oid)
            finally:
                path.unlink(missing_ok=True)

    def pieces(self, oid: Oid) -> Iterator[bytes]:
        """The content piece by piece; a CorruptError with the end of it takes it all back."""
        hasher = large_hash()
        with self.open(oid) as file:
            while piece := file.read(PIECE):
                hasher.update(piece)
                yield piece
        if hasher.digest() != oid:
            raise corrupt(oid)

    def open(self, oid: Oid) -> FileIO:
        """The file of the blob `oid`. Raises MissingObjectError if another process has just removed it."""
        try:
            return open(self.path(oid), "rb", buffering=0)
        except FileNotFoundError:
            raise missing(oid) from None

    def verify(self, oid: Oid) -> None:
        """Raise CorruptError unless the content matches its oid."""
        for _ in self.pieces(oid):
            pass

    def adopt(self, file: Path, oid: Oid) -> None:
        """Move `file`, whose content is `oid`, into the store for good. It must lie on the store's disk."""
        target = self.path(oid)
        fd = os.open(file, os.O_RDONLY)
        try:
            blocks.sync(fd)
            self._scratch.finish(fd)
        finally:
            os.close(fd)
        self._scratch.place(file, target)
        fsync_dir(self.root)
        if self._folders is not None:
            self._folders.add(target.parent.name)
        if target.parent.name in self._listed:
            self._listed[target.parent.name].add(target.name)


def can_reflink(scratch: ScratchDirectory) -> bool:
    """Can two files of the store share their blocks? Tried out in `scratch`, with two that are gone afterwards."""
    (one, source), (other, target) = scratch.create("probe"), scratch.create("probe")
    try:
        with explaining(scratch.folder):
            os.write(source, b"dver")
            return reflink(source, target, other)
    finally:
        for path, fd in ((one, source), (other, target)):
            os.close(fd)
            path.unlink(missing_ok=True)
