"""Loose blobs that a fetch assembles: files with holes, filled in any order, kept until they are complete.

The name has the oid and a hash of the recipe, so that the next fetch finds the file after an interruption. There is no
journal: the next fetch hashes the chunks. While a process fills the file, the name is unique to that process, so no two
processes fill the same file. In a shared store, each user on each machine has files of their own.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, Self

from xxhash import xxh3_64_hexdigest

from dver.core.hashing import hash_file
from dver.core.oid import Oid
from dver.core.platform.blocks import reflink
from dver.core.platform.processes import is_alive, process_space
from dver.formats import recipe as recipe_format
from dver.formats.recipe import Chunk, Recipe
from dver.store.objects.codec import corrupt
from dver.store.objects.file_creation import DAY, ScratchDirectory, explaining_permissions
from dver.store.objects.loose import LooseBlobs

SUFFIX: Final = ".part"


class IncompleteBlob:
    """The loose blob `oid` during its assembly in `scratch`. Use it in a `with` block."""

    def __init__(self, scratch: ScratchDirectory, oid: Oid, recipe: Recipe, donor: Path | None = None) -> None:
        """Take over an interrupted one, or start with a reflink of the file `donor` if the disk has reflinks."""
        self.oid = oid
        self.recipe = recipe
        followed = xxh3_64_hexdigest(recipe_format.encode(recipe.chunks) + scratch.owner_key)
        stem = f"{oid.hex()}-{followed}"
        self._released = scratch / f"{stem}{SUFFIX}"
        self.path = scratch / f"{stem}-{os.getpid()}-{_space()}-{os.urandom(6).hex()}{SUFFIX}"
        with explaining_permissions(scratch.folder):
            self._begun = self._claim(stem)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC) if self._begun else self._make(scratch, donor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        with suppress(FileNotFoundError):  # it is complete, or discarded
            os.rename(self.path, self._released)

    def _claim(self, stem: str) -> bool:
        """Take over the file of a process that has ended, if there is one."""
        for name in _left_over(self.path.parent, stem):
            with suppress(FileNotFoundError):  # another process was faster
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

    def missing_chunks(self) -> Iterator[tuple[int, Chunk]]:
        """The chunks that it lacks, each with its offset."""
        offset = 0
        for chunk in self.recipe.chunks:
            if not self._begun or Oid.of(os.pread(self._fd, chunk.size, offset)) != chunk.oid:
                yield offset, chunk
            offset += chunk.size

    def write(self, offset: int, content: bytes) -> None:
        """Write a chunk that the caller has verified."""
        view = memoryview(content)
        while view:
            written = os.pwrite(self._fd, view, offset)
            view, offset = view[written:], offset + written

    def finish(self, loose: LooseBlobs) -> None:
        """Move the complete blob into the store. Raises CorruptError, and discards it, if the recipe was wrong."""
        if hash_file(self._fd) != self.oid:
            self.discard()
            raise corrupt(self.oid)
        loose.adopt(self.path, self.oid)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def clear_incomplete_blobs(scratch: ScratchDirectory) -> None:
    """Delete incomplete blobs that did not change for a day. Errors are ignored."""
    for name in _left_over(scratch.folder, r"[0-9a-f]{64}-[0-9a-f]{16}", other_spaces=True):
        with suppress(OSError):
            if (scratch / name).stat().st_mtime < time.time() - DAY:
                (scratch / name).unlink()


def _left_over(folder: Path, stem: str, *, other_spaces: bool = False) -> Iterator[str]:
    """The names in `folder` that match the pattern `stem` and that no process fills: released, or the process has died.

    With `other_spaces`, those of other machines and containers count, too.
    """
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
