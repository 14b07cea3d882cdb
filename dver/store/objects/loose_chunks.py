"""Which chunks lie in loose blobs, so that a later version of a large file is put together from what is here.

A cache in the index database, filled when a blob is fetched or pushed: what it does not know costs a download.
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
    """Where a chunk lies, sorted so that reading goes forward. `offset` and `size` in bytes."""

    blob: Oid
    offset: int
    size: int
    oid: Oid


class LooseChunks:
    """The chunks of the blobs in `loose`, as far as `database` knows them."""

    def __init__(self, database: Database, loose: LooseBlobs) -> None:
        self._database = database
        self._loose = loose

    def cut(self, blob: Oid) -> Recipe:
        """Cut the loose blob `blob` into chunks, and remember them. Raises CorruptError if it is damaged."""
        pieces = self._loose.pieces(blob)
        recipe = Recipe(tuple(Chunk(Oid.of(chunk), len(chunk)) for chunk in chunking.cut(pieces)))
        self.note(blob, recipe)
        return recipe

    def note(self, blob: Oid, recipe: Recipe) -> None:
        """Remember what the loose blob `blob` is made of."""
        with self._database.transaction():
            self._database.write("INSERT OR IGNORE INTO loose_blobs (oid) VALUES (?)", [(bytes(blob),)])
            ((number,),) = self._database.rows("SELECT id FROM loose_blobs WHERE oid = ?", (bytes(blob),))
            rows = []
            offset = 0
            for oid, size in recipe.chunks:
                rows.append((bytes(oid), number, offset, size))
                offset += size
            # The newest blob is the likeliest to stay.
            self._database.write("INSERT OR REPLACE INTO loose_chunks VALUES (?, ?, ?, ?)", rows)

    def find(self, oids: Iterable[Oid]) -> list[ChunkLocation]:
        """Where those of `oids` lie that are known to be in a loose blob that is here, in reading order."""
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
        """The loose blob that has most of `recipe`'s bytes at the very same place, if that is half of them or more."""
        offsets = dict(zip(recipe.oids, accumulate((chunk.size for chunk in recipe.chunks), initial=0), strict=False))
        shared: Counter[Oid] = Counter()
        for place in self.find(offsets):
            if place.offset == offsets[place.oid]:
                shared[place.blob] += place.size
        for blob, size in shared.most_common(1):
            if 2 * size >= recipe.size:
                return self._loose.path(blob)
        return None

    def contents(self, places: Iterable[ChunkLocation]) -> Iterator[tuple[Oid, bytes]]:
        """The chunks at `places`, verified. What is not there any more is left out: an outdated note, or a damaged
        blob, which whoever needs that one will notice.
        """
        for blob, group in groupby(places, key=lambda place: place.blob):
            with suppress(OSError), open(self._loose.path(blob), "rb", buffering=0) as file:
                for place in group:
                    content = os.pread(file.fileno(), place.size, place.offset)
                    if Oid.of(content) == place.oid:
                        yield place.oid, content
