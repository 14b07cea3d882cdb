"""Reading indexes from a remote: small ones whole, of large ones the head, and then the buckets that are asked for.

Where so many buckets are wanted that the whole index is no more work, all of its rows are copied instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.remote_index import IndexHead
from dver.remote.index.keys import index_key
from dver.remote.index.mirror import Mirror, PartialIndex
from dver.remote.parallel import in_parallel
from dver.remote.storage import Storage

SMALL: Final = 1 << 20
"""Bytes of an index that is copied whole as soon as it is seen."""
_HEAD_SHARE: Final = 400
"""What part of a large index is read in the hope that it holds the head."""
_MOST: Final = 512 << 20
"""Bytes of the largest head that is believed, and of the largest index of version 1."""
_REQUEST: Final = 1 << 20
"""What a request costs, in bytes that could be received meanwhile."""
_GAP: Final = 64 << 10
"""Bytes between two buckets that are read along rather than making another request."""
_PIECE: Final = 2 << 20
"""Bytes of rows that are read together."""
_AT_ONCE: Final = 8
"""Requests under way, so that what waits to be decoded is bounded too."""


def fetch_index(storage: Storage, key: str, size: int) -> bytes | IndexHead:
    """The index under `key`, which has `size` bytes; of a large one the head alone, read by range.

    Raises MissingKey, RemoteError, CorruptError.
    """
    if size <= SMALL:
        return storage.get(key, 0, size)
    # Heads are some thousandths of their index: mostly, this is the only request.
    content = storage.get(key, 0, min(_MOST, max(SMALL // 16, size // _HEAD_SHARE)))
    old = remote_index.is_version_1(content)
    length = size if old else remote_index.head_size(content)
    if length > size or length > _MOST:
        raise CorruptError(f"an index of {size:,} bytes with a head of {length:,}")
    if old:
        return storage.get(key, 0, size)
    if length > len(content):
        content += storage.get(key, len(content), length - len(content))
    head = remote_index.decode_head(content[:length])
    if head.total != size:
        raise CorruptError("an index of a wrong size")
    return head


def copy_buckets(oids: Iterable[Oid], index: PartialIndex, mirror: Mirror, storage: Storage, *, jobs: int) -> None:
    """Copy into `mirror` the buckets of `index` that `oids` would be in, unless they are there.

    Raises MissingKey if the index is gone, CorruptError if it is damaged, RemoteError.
    """
    head = index.head
    wanted = {head.bucket_of(oid) for oid in oids} - index.copied
    runs = list(_runs(head, sorted(wanted)))
    rest = sorted(set(range(len(head.buckets))) - index.copied)
    if sum([run.size + _REQUEST for run in runs]) > sum([head.buckets[number].size for number in rest]) + _REQUEST:
        runs = list(_runs(head, rest))
    for buckets in _read(head, runs, storage, jobs=jobs):
        mirror.add_buckets(index, buckets)


class _Run(NamedTuple):
    """Buckets that one request gets: all from `first` to `last`."""

    start: int
    size: int
    first: int
    last: int


def _read(head: IndexHead, runs: Sequence[_Run], storage: Storage, *, jobs: int) -> Iterator[dict[int, memoryview]]:
    """The rows in the buckets of `runs`, encoded and checked, a run at a time."""
    key = index_key(head.name)

    def get(run: _Run) -> tuple[_Run, bytes]:
        return run, storage.get(key, run.start, run.size)

    with closing(in_parallel(get, runs, jobs=jobs, most=_AT_ONCE)) as answers:
        for run, content in answers:
            yield dict(_checked(head, run, memoryview(content)))


def _checked(head: IndexHead, run: _Run, content: memoryview) -> Iterator[tuple[int, memoryview]]:
    for number in range(run.first, run.last + 1):
        bucket = head.buckets[number]
        at = bucket.start - run.start
        rows = content[at : at + bucket.size]
        remote_index.decode_bucket(head, number, rows)
        yield number, rows


def _runs(head: IndexHead, numbers: Sequence[int]) -> Iterator[_Run]:
    """The requests for the buckets `numbers`, which are sorted."""
    first = 0
    for at in range(1, len(numbers) + 1):
        start, end = head.buckets[numbers[first]].start, _end(head, numbers[at - 1])
        if (
            at == len(numbers)
            or head.buckets[numbers[at]].start - end > _GAP
            or _end(head, numbers[at]) - start > _PIECE
        ):
            yield _Run(start, end - start, numbers[first], numbers[at - 1])
            first = at


def _end(head: IndexHead, number: int) -> int:
    bucket = head.buckets[number]
    return bucket.start + bucket.size
