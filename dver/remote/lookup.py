"""Looking up objects in large indexes, of which only the heads were copied: bucket by bucket, by range.

Where so many buckets are wanted that the whole index is no more work, its rows are copied in large pieces instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.remote_index import Head, Location
from dver.remote.mirror import Mirror, index_key
from dver.remote.pool import in_parallel
from dver.remote.storage import Storage

_REQUEST: Final = 1 << 20
"""What a request costs, in bytes that could be received meanwhile."""
_GAP: Final = 64 << 10
"""Bytes between two buckets that are read for nothing rather than making another request."""
_PIECE: Final = 8 << 20
"""Bytes of rows that are read, and held in memory, together."""


class _Run(NamedTuple):
    """Buckets that one request gets."""

    start: int
    end: int
    numbers: Sequence[int]


def look_up(oids: Sequence[Oid], head: Head, mirror: Mirror, storage: Storage, *, jobs: int) -> None:
    """Copy into `mirror` where those of `oids` lie that the index with `head` lists.

    Raises MissingKey if the index is gone, CorruptError if it is damaged, RemoteError.
    """
    wanted = sorted({head.bucket_of(oid) for oid in oids})
    runs = list(_runs(head, wanted, gap=_GAP))
    whole = len(runs) * _REQUEST + sum(run.end - run.start for run in runs) > head.total - head.size
    if whole:
        runs = list(_runs(head, range(len(head.buckets)), gap=_GAP))
    asked = set(oids)
    for rows in _read(head, runs, storage, jobs=jobs):
        mirror.add_rows(head, rows if whole else [row for row in rows if row.oid in asked])
    if whole:
        mirror.has_all_rows(head.name)


def _read(head: Head, runs: Sequence[_Run], storage: Storage, *, jobs: int) -> Iterator[list[Location]]:
    """The rows in the buckets of `runs`, a run at a time."""
    key = index_key(head.name)

    def get(run: _Run) -> tuple[_Run, bytes]:
        return run, storage.get(key, run.start, run.end - run.start)

    with closing(in_parallel(get, runs, jobs=jobs)) as answers:
        for run, content in answers:
            view = memoryview(content)
            rows: list[Location] = []
            for number in run.numbers:
                bucket = head.buckets[number]
                at = bucket.start - run.start
                rows += remote_index.decode_bucket(head, number, view[at : at + bucket.size])
            yield rows


def _runs(head: Head, numbers: Iterable[int], *, gap: int) -> Iterator[_Run]:
    """The requests for the buckets `numbers`, which are sorted."""
    run: list[int] = []
    for number in numbers:
        bucket = head.buckets[number]
        if run:
            first, last = head.buckets[run[0]], head.buckets[run[-1]]
            far = bucket.start - last.start - last.size > gap
            if far or bucket.start + bucket.size - first.start > _PIECE:
                yield _run(head, run)
                run = []
        run.append(number)
    if run:
        yield _run(head, run)


def _run(head: Head, numbers: list[int]) -> _Run:
    last = head.buckets[numbers[-1]]
    return _Run(head.buckets[numbers[0]].start, last.start + last.size, tuple(numbers))
