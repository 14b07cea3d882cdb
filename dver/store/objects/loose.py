"""Loose blobs: large blobs as files of their own, so that the workspace can share their disk space."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import Enum
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Final

from dver.core.files import fsync_dir
from dver.core.oid import Oid
from dver.core.platform import blocks
from dver.core.platform.blocks import reflink
from dver.store.objects.codec import missing, verified
from dver.store.objects.file_creation import FINISHED, ScratchDirectory, explaining_permissions, list_names

PIECE: Final = 4 << 20
_ASKED_ONE_BY_ONE: Final = 16
"""Lookups in one directory before it is listed: on a network disk each lookup is a request."""


class LinkMode(Enum):
    """How large files in the workspace share disk space with the store (`cache.link`)."""

    AUTO = "auto"
    """A reflink if the disk has them; otherwise a copy."""
    REFLINK = "reflink"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"

    @property
    def shares_file(self) -> bool:
        """Is the file in the workspace the file of the store, and so read-only?"""
        return self in (LinkMode.HARDLINK, LinkMode.SYMLINK)

    def wants_loose(self, scratch: ScratchDirectory) -> bool:
        """Are large blobs loose in the store of `scratch`: can the workspace share them?"""
        return self.shares_file or (self is not LinkMode.COPY and can_reflink(scratch))


class LooseBlobs:
    """The loose blobs in the directory `root`, grouped by the first byte of their oid."""

    def __init__(self, root: Path, scratch: ScratchDirectory | None = None) -> None:
        self.root = root
        self._scratch = scratch or ScratchDirectory(root.parent / "tmp")
        self._folders: set[str] | None = None
        self._asked: dict[str, int] = {}
        self._listed: dict[str, set[str]] = {}

    def path(self, oid: Oid) -> Path:
        text = oid.hex()
        return self.root / text[:2] / text[2:]

    def refresh(self) -> None:
        """Forget which files exist."""
        self._folders = None
        self._asked.clear()
        self._listed.clear()

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that exist. Asks the disk only about directories that exist."""
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

    def belongs_to_other_user(self, oid: Oid, size: int) -> bool:
        """Does the blob `oid` of `size` bytes exist as a file of another user?"""
        try:
            status = os.stat(self.path(oid))
        except FileNotFoundError:
            return False
        return status.st_uid != os.geteuid() and status.st_size == size

    def size(self, oids: Iterable[Oid]) -> int:
        """The size in bytes of the blobs `oids`, which exist."""
        return sum([self.path(oid).stat().st_size for oid in oids])

    def all(self) -> Iterator[Oid]:
        for folder in list_names(self.root):
            for name in list_names(self.root / folder):
                if (oid := Oid.from_hex(folder + name)) is not None:
                    yield oid

    def inodes(self) -> dict[tuple[int, int], Oid]:
        """The blobs with other hard links, by device and inode."""
        found = {}
        for oid in self.all():
            with suppress(FileNotFoundError):  # removed meanwhile
                status = os.stat(self.path(oid))
                if status.st_nlink > 1:
                    found[status.st_dev, status.st_ino] = oid
        return found

    def replace_if_mode_changed(self, oid: Oid) -> None:
        """Replace the file of the blob `oid` by a copy if its mode was changed through a link.

        Links keep the old file. Raises MissingObjectError or CorruptError.
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
        """The content piece by piece. Raises CorruptError at the end if it was wrong."""
        with self.open(oid) as file:
            yield from verified(oid, iter(partial(file.read, PIECE), b""))

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
        """Move `file`, whose content is `oid`, into the store, durably. It must be on the disk of the store."""
        target = self.path(oid)
        fd = os.open(file, os.O_RDONLY)
        try:
            blocks.sync(fd)
            self._scratch.set_final_mode(fd)
        finally:
            os.close(fd)
        self._scratch.move_into_place(file, target)
        fsync_dir(self.root)
        if self._folders is not None:
            self._folders.add(target.parent.name)
        if target.parent.name in self._listed:
            self._listed[target.parent.name].add(target.name)


def can_reflink(scratch: ScratchDirectory) -> bool:
    """Can two files of the store share their blocks? Tries it with two temporary files in `scratch`."""
    (one, source), (other, target) = scratch.create("probe"), scratch.create("probe")
    try:
        with explaining_permissions(scratch.folder):
            os.write(source, b"dver")
            return reflink(source, target, other)
    finally:
        for path, fd in ((one, source), (other, target)):
            os.close(fd)
            path.unlink(missing_ok=True)
