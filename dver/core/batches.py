"""Splitting many values into batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """`values` in lists of `size`; the last one may be shorter."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch


def batched_by_size(values: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """`values` in lists whose sizes sum up to `limit` at most. A larger value is alone."""
    batch: list[T] = []
    total = 0
    for value in values:
        if batch and total + size(value) > limit:
            yield batch
            batch, total = [], 0
        batch.append(value)
        total += size(value)
    if batch:
        yield batch
