"""Reading indexes from a remote: small ones whole, of large ones the head and later the needed buckets of rows.

If most buckets of an index are needed, all of its rows are read instead.
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
"""Size in bytes up to which an index is read whole as soon as it is listed."""
_HEAD_SHARE: Final = 400
"""The part of a large index, 1/400, that is read first and mostly contains the head."""
_MOST: Final = 512 << 20
"""The largest head that is accepted, and the largest index of version 1, in bytes."""
_REQUEST: Final = 1 << 20
"""The cost of a request, in bytes that could be received in the same time."""
_GAP: Final = 64 << 10
"""Gap between two buckets, in bytes, up to which one request reads both."""
_PIECE: Final = 2 << 20
"""Bytes of rows that one request reads."""
_AT_ONCE: Final = 8
"""Parallel requests. The limit also bounds the rows in memory that wait to be decoded."""


def fetch_index(storage: Storage, key: str, size: int) -> bytes | IndexHead:
    """Read the index under `key`, which has `size` bytes; of a large one only the head.

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
    """Copy the buckets of `index` that may contain `oids` into `mirror`, except those that it has.

    Raises MissingKey if the index is gone, CorruptError if it is damaged, RemoteError.
    """
    head = index.head
    wanted = {head.bucket_of(oid) for oid in oids} - index.copied
    ranges = list(_ranges_of(head, sorted(wanted)))
    rest = sorted(set(range(len(head.buckets))) - index.copied)
    if sum([part.size + _REQUEST for part in ranges]) > sum([head.buckets[number].size for number in rest]) + _REQUEST:
        ranges = list(_ranges_of(head, rest))
    for buckets in _read(head, ranges, storage, jobs=jobs):
        mirror.add_buckets(index, buckets)


class _BucketRange(NamedTuple):
    """The buckets from `first` to `last`, which one request reads."""

    start: int
    size: int
    first: int
    last: int


def _read(
    head: IndexHead, ranges: Sequence[_BucketRange], storage: Storage, *, jobs: int
) -> Iterator[dict[int, memoryview]]:
    """The encoded and checked rows of the buckets in `ranges`, one range at a time."""
    key = index_key(head.name)

    def get(part: _BucketRange) -> tuple[_BucketRange, bytes]:
        return part, storage.get(key, part.start, part.size)

    with closing(in_parallel(get, ranges, jobs=jobs, most=_AT_ONCE)) as answers:
        for part, content in answers:
            yield dict(_checked(head, part, memoryview(content)))


def _checked(head: IndexHead, part: _BucketRange, content: memoryview) -> Iterator[tuple[int, memoryview]]:
    for number in range(part.first, part.last + 1):
        bucket = head.buckets[number]
        at = bucket.start - part.start
        rows = content[at : at + bucket.size]
        remote_index.decode_bucket(head, number, rows)
        yield number, rows


def _ranges_of(head: IndexHead, numbers: Sequence[int]) -> Iterator[_BucketRange]:
    """The requests for the buckets `numbers`, which are sorted."""
    first = 0
    for at in range(1, len(numbers) + 1):
        start, end = head.buckets[numbers[first]].start, _end(head, numbers[at - 1])
        if (
            at == len(numbers)
            or head.buckets[numbers[at]].start - end > _GAP
            or _end(head, numbers[at]) - start > _PIECE
        ):
            yield _BucketRange(start, end - start, numbers[first], numbers[at - 1])
            first = at


def _end(head: IndexHead, number: int) -> int:
    bucket = head.buckets[number]
    return bucket.start + bucket.size
