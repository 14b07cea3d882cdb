"""Loose blobs that are being put together: files with holes, filled in any order, kept until they are whole.

A part is called by what it will be and by the recipe it follows, so that whoever goes on after an interruption finds
it. It has no journal: which chunks are in it is told by hashing them. While a process fills it, it has a name that no
other process will ever use: so what is moved to its place is what was filled, whoever else puts the same together.
In a store that others use, each user on each machine has parts of their own.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from xxhash import xxh3_64_hexdigest

from dver.core.hashing import hash_file
from dver.core.oid import Oid
from dver.core.platform.blocks import reflink
from dver.core.platform.processes import is_alive, process_space
from dver.formats import recipe as recipe_format
from dver.formats.recipe import Chunk, Recipe
from dver.store.objects.codec import corrupt
from dver.store.objects.file_creation import DAY, ScratchDirectory, explaining
from dver.store.objects.loose import LooseBlobs

SUFFIX: Final = ".part"


class IncompleteBlob:
    """The loose blob `oid` while it is put together in the folder `scratch`. To be used in a `with` block."""

    def __init__(self, scratch: ScratchDirectory, oid: Oid, recipe: Recipe, donor: Path | None = None) -> None:
        """One that was left over, or one that begins with the content of the file `donor`, if the disk can share."""
        self.oid = oid
        self.recipe = recipe
        followed = xxh3_64_hexdigest(recipe_format.encode(recipe.chunks) + scratch.whose)
        stem = f"{oid.hex()}-{followed}"
        self._released = scratch / f"{stem}{SUFFIX}"
        self.path = scratch / f"{stem}-{os.getpid()}-{_space()}-{os.urandom(6).hex()}{SUFFIX}"
        with explaining(scratch.folder):
            self._begun = self._claim(stem)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC) if self._begun else self._make(scratch, donor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
        with suppress(FileNotFoundError):  # it is finished, or was given up
            os.rename(self.path, self._released)

    def _claim(self, stem: str) -> bool:
        """Take over a part that nobody fills any more, if there is one."""
        for name in _left_over(self.path.parent, stem):
            with suppress(FileNotFoundError):  # another process was quicker
                os.rename(self.path.with_name(name), self.path)
                return True
        return False

    def _make(self, scratch: ScratchDirectory, donor: Path | None) -> int:
        made, fd = scratch.create("part")
        try:
            if donor is not None:
                with suppress(OSError), open(donor, "rb") as file:
                    self._begun = reflink(file.fileno(), fd, made)
            os.ftruncate(fd, self.recipe.size)
            os.rename(made, self.path)
        except BaseException:
            os.close(fd)
            made.unlink(missing_ok=True)
            raise
        return fd

    def lacking(self) -> Iterator[tuple[int, Chunk]]:
        """The chunks that are not in it yet, each with its offset."""
        offset = 0
        for chunk in self.recipe.chunks:
            if not self._begun or Oid.of(os.pread(self._fd, chunk.size, offset)) != chunk.oid:
                yield offset, chunk
            offset += chunk.size

    def write(self, offset: int, content: bytes) -> None:
        """Put a chunk, which the caller has verified, in its place."""
        view = memoryview(content)
        while view:
            written = os.pwrite(self._fd, view, offset)
            view, offset = view[written:], offset + written

    def finish(self, loose: LooseBlobs) -> None:
        """Move the whole blob to its place. Raises CorruptError, and gives the part up, if it is not what it should be:
        then its recipe lied."""
        if hash_file(self._fd) != self.oid:
            self.give_up()
            raise corrupt(self.oid)
        loose.adopt(self.path, self.oid)

    def give_up(self) -> None:
        """Throw away what there is."""
        self.path.unlink(missing_ok=True)


def clear_incomplete_blobs(scratch: ScratchDirectory) -> None:
    """Delete parts that nobody has gone on with for a day. Nothing is said about what cannot be deleted."""
    for name in _left_over(scratch.folder, r"[0-9a-f]{64}-[0-9a-f]{16}", other_spaces=True):
        with suppress(OSError):
            if (scratch / name).stat().st_mtime < time.time() - DAY:
                (scratch / name).unlink()


def is_incomplete_blob(name: str) -> bool:
    """Is this the name of a part?"""
    return name.endswith(SUFFIX)


def _left_over(folder: Path, stem: str, *, other_spaces: bool = False) -> Iterator[str]:
    """Names of parts in `folder` that begin as the pattern `stem` says: those that were released, and those whose
    process ended without doing that. With `other_spaces` also those of other machines and containers."""
    named = re.compile(stem + r"(?:-(\d{1,9})-([0-9a-f]{8})-[0-9a-f]{12})?" + re.escape(SUFFIX))
    with suppress(FileNotFoundError):
        for name in sorted(os.listdir(folder)):
            if match := named.fullmatch(name):
                ours = match[2] == _space()
                if match[1] is None or (not is_alive(int(match[1])) if ours else other_spaces):
                    yield name


@cache
def _space() -> str:
    """The process space, short enough for a file name."""
    return xxh3_64_hexdigest(process_space().encode("ascii"))[:8]
