"""Splitting many values into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """`values` in lists of `size`; the last one may be shorter."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
