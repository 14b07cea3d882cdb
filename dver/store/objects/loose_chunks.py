"""The positions of chunks in loose blobs, from which a later version of a large file can be assembled.

A cache in the index database. Fetching and pushing fill it; a chunk that it does not know costs a download.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate, groupby
from pathlib import Path
from typing import NamedTuple

from dver.core.oid import Oid
from dver.formats.recipe import Chunk, Recipe
from dver.store.objects import chunking
from dver.store.objects.database import Database
from dver.store.objects.loose import LooseBlobs


class ChunkLocation(NamedTuple):
    """The location of a chunk in a loose blob. Sorted locations are read forward. `offset` and `size` in bytes."""

    blob: Oid
    offset: int
    size: int
    oid: Oid


class LooseChunkIndex:
    """The known chunks of the blobs in `loose`, recorded in `database`."""

    def __init__(self, database: Database, loose: LooseBlobs) -> None:
        self._database = database
        self._loose = loose

    def cut(self, blob: Oid) -> Recipe:
        """Cut the loose blob `blob` into chunks, and record them. Raises CorruptError if it is corrupt."""
        pieces = self._loose.pieces(blob)
        recipe = Recipe(tuple(Chunk(Oid.of(chunk), len(chunk)) for chunk in chunking.cut(pieces)))
        self.record(blob, recipe)
        return recipe

    def record(self, blob: Oid, recipe: Recipe) -> None:
        """Record the chunks of the loose blob `blob`."""
        with self._database.transaction():
            self._database.write("INSERT OR IGNORE INTO loose_blobs (oid) VALUES (?)", [(bytes(blob),)])
            ((number,),) = self._database.rows("SELECT id FROM loose_blobs WHERE oid = ?", (bytes(blob),))
            rows = []
            offset = 0
            for oid, size in recipe.chunks:
                rows.append((bytes(oid), number, offset, size))
                offset += size
            # The newest blob is the most likely to stay.
            self._database.write("INSERT OR REPLACE INTO loose_chunks VALUES (?, ?, ?, ?)", rows)

    def locate(self, oids: Iterable[Oid]) -> list[ChunkLocation]:
        """The locations of those of `oids` that are in an existing loose blob, in reading order."""
        if not self._database.rows("SELECT 1 FROM loose_chunks LIMIT 1"):
            return []
        query = (
            "SELECT loose_blobs.oid, offset, size, loose_chunks.oid FROM loose_chunks"
            " JOIN loose_blobs ON loose_blobs.id = blob WHERE loose_chunks.oid IN {in}"
        )
        places = [
            ChunkLocation(Oid(blob), at, size, Oid(oid)) for blob, at, size, oid in self._database.rows_in(query, oids)
        ]
        here = self._loose.present({place.blob for place in places})
        return sorted(place for place in places if place.blob in here)

    def donor(self, recipe: Recipe) -> Path | None:
        """The loose blob with the most bytes of `recipe` at the same offsets, if that is at least half of them."""
        offsets = dict(zip(recipe.oids, accumulate((chunk.size for chunk in recipe.chunks), initial=0), strict=False))
        shared: Counter[Oid] = Counter()
        for place in self.locate(offsets):
            if place.offset == offsets[place.oid]:
                shared[place.blob] += place.size
        for blob, size in shared.most_common(1):
            if 2 * size >= recipe.size:
                return self._loose.path(blob)
        return None

    def contents(self, places: Iterable[ChunkLocation]) -> Iterator[tuple[Oid, bytes]]:
        """The verified chunks at `places`. Leaves out outdated locations, and chunks of corrupt blobs."""
        for blob, group in groupby(places, key=lambda place: place.blob):
            with suppress(OSError), open(self._loose.path(blob), "rb", buffering=0) as file:
                for place in group:
                    content = os.pread(file.fileno(), place.size, place.offset)
                    if Oid.of(content) == place.oid:
                        yield place.oid, content
