"""When to store chunks again that a remote has: so that a pull of a blob never falls apart into thousands of reads.

Each version of a large file that shares chunks with earlier ones leaves its own in packs of its own. After many
versions the newest lies scattered over all of them. The rule, and the measurements behind it, are in
docs/decisions/fragmentation.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from dver.core.oid import Oid
from dver.remote.packs.frame_ranges import GAP

FREE: Final = 16
"""Reads that any blob may take."""
PER_READ: Final = 2 << 20
"""Bytes that a blob must have for each further read."""


class Place(NamedTuple):
    """Where a chunk lies on the remote, sorted so that neighbours follow one another. `end` is that of its frame."""

    pack: Oid
    offset: int
    end: int
    oid: Oid


def store_again(places: Iterable[Place], size: int) -> set[Oid]:
    """The chunks that a push of a blob of `size` bytes should send although they are at `places` already.

    Nothing while the blob can be read in `FREE + size / PER_READ` reads. Beyond that, the chunks of the shortest reads,
    until half as many are left: so the next versions have room before it happens again.
    """
    runs = sorted(_runs(sorted(places)), key=lambda run: run[-1].end - run[0].offset)
    allowed = FREE + size // PER_READ
    if len(runs) <= allowed:
        return set()
    return {place.oid for run in runs[: len(runs) - allowed // 2] for place in run}


def _runs(places: list[Place]) -> Iterator[list[Place]]:
    """Places that one read gets: in one pack, with no gap that is not worth reading over."""
    run: list[Place] = []
    for place in places:
        if run and (place.pack != run[-1].pack or place.offset - run[-1].end > GAP):
            yield run
            run = []
        run.append(place)
    if run:
        yield run
