"""Loads the contents of samples ahead of their reader, in portions of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from dver.access.files import FileInfo, Files

T = TypeVar("T")

PORTION_BYTES: Final = 96 << 20
"""The most bytes that the processes of a job load together; a window of the order has about 64 MiB."""
_LEAST: Final = 8 << 20
"""Bytes that each of many processes loads together."""
_FIRST: Final = 4 << 20
"""Bytes of the first portion, so that the first sample comes soon. The next ones grow fourfold."""
_GROWTH: Final = 4


def portion_limit(processes: int) -> int:
    """The most bytes that each of `processes` ranks and workers loads together, unless a single file is larger.

    Two portions are in memory: the one that is read, and the next one.
    """
    return max(_LEAST, PORTION_BYTES // processes)


def portions(windows: Iterable[Sequence[int]], sizes: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Runs of the samples of `windows`, in order, of at most `limit` bytes. The first ones are smaller.

    A window is cut only where it is larger than a portion, so that its blocks are read once.
    """
    allowed = min(_FIRST, limit)
    run: list[int] = []
    size = 0
    for window in windows:
        begins_portion = size + sum(sizes[sample] for sample in window) > limit
        for sample in window:
            if run and (begins_portion or size + sizes[sample] > allowed):
                yield run
                run, size, allowed = [], 0, min(allowed * _GROWTH, limit)
            begins_portion = False
            run.append(sample)
            size += sizes[sample]
    if run:
        yield run


def load(files: Files, samples: Sequence[FileInfo], wanted: Sequence[int]) -> list[tuple[FileInfo, bytes]]:
    """The samples with the numbers `wanted`. They are read in tree order, so that neighbours come with one request."""
    ordered = sorted(wanted)
    contents = files.read_many([samples[number] for number in ordered])
    found = {number: content for number, (_, content) in zip(ordered, contents, strict=True)}
    return [(samples[number], found[number]) for number in wanted]


def ahead(work: Iterator[T]) -> Iterator[T]:
    """The items of `work`, which a thread computes one item ahead. Closing it does not wait for the thread."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="dver-stream")
    try:
        coming = pool.submit(next, work, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, work, None)
            yield item
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
