"""Loose blobs that are being put together: files with holes, filled in any order, kept until they are whole.

A part is called by what it will be and by the recipe it follows, so that whoever goes on after an interruption finds
it. It has no journal: which chunks are in it is told by hashing them. Two processes that fill the same part write the
same bytes to the same places, each checked before it is written, so neither needs to know of the other. In a store that
others use, each user on each machine has parts of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from xxhash import xxh3_64_hexdigest

from dver.core.hashing import hash_file
from dver.core.oid import Oid
from dver.formats import recipe as recipe_format
from dver.formats.recipe import Chunk, Recipe
from dver.store.codec import corrupt
from dver.store.loose import LooseBlobs, reflink
from dver.store.scratch import Scratch, explaining

SUFFIX: Final = ".part"


class Part:
    """The loose blob `oid` while it is put together in the folder `scratch`. To be used in a `with` block."""

    def __init__(self, scratch: Scratch, oid: Oid, recipe: Recipe) -> None:
        self.oid = oid
        self.recipe = recipe
        scratch.make()
        followed = xxh3_64_hexdigest(recipe_format.encode(recipe.chunks) + scratch.whose)
        self.path = scratch / f"{oid.hex()}-{followed}{SUFFIX}"
        with explaining(scratch.folder):
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._begun = os.fstat(self._fd).st_size > 0
        os.ftruncate(self._fd, recipe.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def begin_as(self, donor: Path) -> None:
        """Begin with the content of the file `donor`, sharing its blocks, if nothing has come yet and the disk can."""
        if self._begun:
            return
        with suppress(OSError), open(donor, "rb") as file:
            self._begun = reflink(file.fileno(), self._fd)
        os.ftruncate(self._fd, self.recipe.size)

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
        with suppress(FileNotFoundError):  # another process has just finished it
            loose.adopt(self.path, self.oid)

    def give_up(self) -> None:
        """Throw away what there is."""
        self.path.unlink(missing_ok=True)


def is_part(name: str) -> bool:
    """Is this the name of a part?"""
    return name.endswith(SUFFIX)
