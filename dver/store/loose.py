"""Loose blobs: large files kept as files of their own, so that the workspace can share their disk space."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final

from blake3 import blake3

from dver.core.fsutil import fsync_dir, temporary_name
from dver.core.oid import Oid
from dver.store.codec import corrupt

PIECE: Final = 4 << 20
_FICLONE: Final = 0x40049409
"""ioctl_ficlone(2): make one file share the blocks of another, copied on write."""


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

    def wants_loose(self, folder: Path) -> bool:
        """Should large blobs be kept loose in a store whose disk is that of `folder`: can the workspace share them?"""
        return self.shares_file or (self is not LinkMode.COPY and can_reflink(folder))


class LooseBlobs:
    """The folder `root` of loose blobs, fanned out by the first byte of their oid."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: set[str] | None = None

    def path(self, oid: Oid) -> Path:
        """Where the blob `oid` is, or would be."""
        text = oid.hex()
        return self.root / text[:2] / text[2:]

    def refresh(self) -> None:
        """Forget what is known of the disk."""
        self._folders = None

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are here. Asks the disk only where a folder exists that could hold one."""
        if self._folders is None:
            with suppress(FileNotFoundError):
                self._folders = set(os.listdir(self.root))
            self._folders = self._folders or set()
        folders = self._folders
        return {oid for oid in oids if oid.hex()[:2] in folders and self.path(oid).is_file()} if folders else set()

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

    def pieces(self, oid: Oid) -> Iterator[bytes]:
        """The content piece by piece; a CorruptError with the end of it takes it all back."""
        hasher = blake3(max_threads=blake3.AUTO)
        with open(self.path(oid), "rb", buffering=0) as file:
            while piece := file.read(PIECE):
                hasher.update(piece)
                yield piece
        if hasher.digest() != oid:
            raise corrupt(oid)

    def verify(self, oid: Oid) -> None:
        """Raise CorruptError unless the content matches its oid."""
        for _ in self.pieces(oid):
            pass

    def adopt(self, file: Path, oid: Oid) -> None:
        """Move `file`, whose content is `oid`, into the store for good. It must lie on the store's disk."""
        target = self.path(oid)
        target.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(file, os.O_RDONLY)
        try:
            os.fsync(fd)
            with suppress(PermissionError):  # somebody else's file, in a shared store: its mode is theirs to choose
                os.fchmod(fd, 0o444)
        finally:
            os.close(fd)
        os.replace(file, target)
        fsync_dir(target.parent)
        fsync_dir(self.root)
        if self._folders is not None:
            self._folders.add(target.parent.name)


def reflink(source: int, target: int) -> bool:
    """Let the open file `target` share all blocks of `source`. False where the disk cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def can_reflink(folder: Path) -> bool:
    """Can two files in `folder` share their blocks? Tried out, with two files that are gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / temporary_name("probe"), folder / temporary_name("probe")
    try:
        with open(paths[0], "x+b") as source, open(paths[1], "x+b") as target:
            source.write(b"dver")
            source.flush()
            return reflink(source.fileno(), target.fileno())
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
