"""Fragmentation of large blobs on a remote: which chunks to upload again so that a pull needs few reads.

Each version of a large file puts its new chunks into packs of its own, so after many versions the chunks of the newest
lie scattered over all of them. The rule and its measurements are in docs/decisions/fragmentation.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from dver.core.oid import Oid
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.frame_download import GAP

FREE: Final = 16
"""Reads that are allowed for any blob."""
PER_READ: Final = 2 << 20
"""Size in bytes of a blob for each further read that is allowed."""


def chunks_to_repeat(chunks: Iterable[RemoteLocation], size: int) -> set[Oid]:
    """Those of `chunks` that a push of a blob of `size` bytes should upload again.

    None if the blob can be read with `FREE + size / PER_READ` reads. Otherwise the chunks of the shortest reads, until
    half of the allowed reads are left, so that it takes several versions before chunks are repeated again.
    """
    runs = sorted(_runs(sorted(chunks)), key=lambda run: run[-1].end - run[0].offset)
    allowed = FREE + size // PER_READ
    if len(runs) <= allowed:
        return set()
    return {chunk.oid for run in runs[: len(runs) - allowed // 2] for chunk in run}


def _runs(chunks: list[RemoteLocation]) -> Iterator[list[RemoteLocation]]:
    """Groups of chunks that one read gets: in one pack, with gaps of at most GAP bytes."""
    run: list[RemoteLocation] = []
    for chunk in chunks:
        if run and (chunk.pack != run[-1].pack or chunk.offset - run[-1].end > GAP):
            yield run
            run = []
        run.append(chunk)
    if run:
        yield run
