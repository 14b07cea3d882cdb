"""How often numbers occur, while a column is read: arrays, since most numbers do not repeat.

The algorithm of `dver.profiles.sketches.frequent`, and the same counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from dver.formats.profile import Value, ValueCounts
from dver.profiles.sketches.frequent import COMPLETE_MAX, Frequent

if TYPE_CHECKING:
    from numpy.typing import NDArray

ValuesOf: TypeAlias = Callable[["NDArray[Any]"], Sequence[Value]]
"""Turns numbers into what a profile shows of them."""


class NumberCounts:
    """Counts of distinct numbers. Where there are many, a count may lack up to the error."""

    __slots__ = ("_capacity", "_counts", "_error", "_numbers")

    def __init__(self, capacity: int) -> None:
        """`capacity`: the numbers that are counted at a time."""
        self._capacity = capacity
        self._numbers: Any = None
        """Ascending; None without any."""
        self._counts: Any = None
        self._error = 0

    def add(self, numbers: NDArray[Any], counts: NDArray[Any]) -> None:
        """Add distinct numbers, ascending, and how often each occurs."""
        numbers, counts = self._shrunk(numbers, counts, self._capacity)
        if self._numbers is not None and len(self._numbers):
            numbers, counts = _summed(self._numbers, self._counts, numbers, counts)
            numbers, counts = self._shrunk(numbers, counts, self._capacity)
        self._numbers, self._counts = numbers, counts

    def merge(self, other: NumberCounts) -> None:
        """Add all counts of `other`, which stays as it is."""
        self._error += other._error
        if other._numbers is not None:
            self.add(other._numbers, other._counts)

    def counts_if_few(self, limit: int, values_of: ValuesOf) -> dict[Value, int]:
        """All counts, if there are at most `limit` numbers; else nothing."""
        if self._error or self._numbers is None or len(self._numbers) > limit:
            return {}
        return self._frequent(values_of).counts_if_few(limit)

    def value_counts(self, values_of: ValuesOf) -> ValueCounts:
        """The counts as a profile has them."""
        if self._numbers is None:
            return Frequent().value_counts()
        self._numbers, self._counts = self._shrunk(self._numbers, self._counts, COMPLETE_MAX)
        return self._frequent(values_of).value_counts()

    def _frequent(self, values_of: ValuesOf) -> Frequent:
        found = Frequent()
        found.update(values_of(self._numbers), self._counts)
        if self._error:
            found.skip(self._error)
        return found

    def _shrunk(self, numbers: NDArray[Any], counts: NDArray[Any], size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The `size` most frequent numbers, with all counts lowered by that of the next one."""
        import numpy as np

        if len(numbers) <= size:
            return numbers, counts
        place = len(counts) - size - 1
        lowered = int(np.partition(counts, place)[place])
        self._error += lowered
        chosen = counts > lowered
        return numbers[chosen], counts[chosen] - lowered


def _summed(
    some: NDArray[Any], their_counts: NDArray[Any], others: NDArray[Any], other_counts: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two arrays of distinct numbers as one, ascending, with the sums of their counts."""
    import numpy as np

    numbers = np.concatenate((some, others))
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    counts = np.concatenate((their_counts, other_counts))[order]
    starts = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1])))
    return numbers[starts], np.add.reduceat(counts, starts) if len(starts) else counts
