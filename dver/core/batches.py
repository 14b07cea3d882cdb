"""Many values, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The same values in lists of `size`, but for a shorter last one."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
