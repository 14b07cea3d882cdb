"""Recipes: the list of the chunks of a large blob (docs/format/recipe.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct, pack, unpack
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import SIZE as OID_SIZE
from dver.core.oid import Oid
from dver.formats.cursor import SIZE_MAX, Cursor

MAGIC: Final = b"DVRC"
VERSION: Final = 1
CHUNK_MAX: Final = 4 << 20
"""Bytes of the largest valid chunk, which is held in memory."""

_COUNT: Final = Struct("<I")


class Chunk(NamedTuple):
    """A chunk of a blob. `size` is in bytes."""

    oid: Oid
    size: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """The chunks of a blob, in order."""

    chunks: tuple[Chunk, ...]

    @property
    def size(self) -> int:
        """The size of the blob in bytes."""
        return sum([chunk.size for chunk in self.chunks])

    @property
    def oids(self) -> list[Oid]:
        """The oids of the chunks in order, with duplicates."""
        return [chunk.oid for chunk in self.chunks]


def encode(chunks: Sequence[Chunk]) -> bytes:
    """The bytes of the recipe of a blob with `chunks`."""
    return b"".join(
        (
            MAGIC,
            bytes((VERSION,)),
            _COUNT.pack(len(chunks)),
            pack(f"<{len(chunks)}I", *[chunk.size for chunk in chunks]),
            b"".join([chunk.oid for chunk in chunks]),
        )
    )


def decode(content: bytes | memoryview) -> Recipe:
    """The recipe that `content` encodes. Raises CorruptError for anything that `encode` would not have written."""
    cursor = Cursor(content, "recipe")
    cursor.expect(MAGIC, VERSION)
    (count,) = cursor.unpack(_COUNT)
    raw_sizes = cursor.take(4 * count)
    column = cursor.take(OID_SIZE * count)  # no copy: a recipe may be as large as its blob is huge
    cursor.finish()
    sizes = unpack(f"<{count}I", raw_sizes)
    if not count or not min(sizes) or max(sizes) > CHUNK_MAX or sum(sizes) > SIZE_MAX:
        raise CorruptError("a recipe with no chunks, or with chunks of impossible sizes")
    oids = (Oid(column[at : at + OID_SIZE]) for at in range(0, len(column), OID_SIZE))
    return Recipe(tuple(map(Chunk, oids, sizes)))
