"""Loads the contents of samples ahead of their reader, in portions of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from dver.access.files import FileInfo, Files

T = TypeVar("T")

PORTION_BYTES: Final = 64 << 20
"""Bytes that are loaded together, about. Two portions are in memory: the one that is read, and the next one."""


def portions(files: Iterable[FileInfo], limit: int = PORTION_BYTES) -> Iterator[list[FileInfo]]:
    """Runs of `files` of about `limit` bytes, in order."""
    run: list[FileInfo] = []
    size = 0
    for one in files:
        if run and size + (one.size or 0) > limit:
            yield run
            run, size = [], 0
        run.append(one)
        size += one.size or 0
    if run:
        yield run


def load(files: Files, wanted: Sequence[FileInfo], in_tree_order: Callable[[FileInfo], int]) -> list[bytes]:
    """The contents of `wanted`. They are read in tree order, so that neighbours come with one request."""
    ordered = sorted(dict.fromkeys(wanted), key=in_tree_order)
    contents = dict(files.read_many(ordered))
    return [contents[one] for one in wanted]


def ahead(work: Iterator[T]) -> Iterator[T]:
    """The items of `work`, which a thread computes one item ahead."""
    with ThreadPoolExecutor(1, thread_name_prefix="dver-stream") as pool:
        coming = pool.submit(next, work, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, work, None)
            yield item
