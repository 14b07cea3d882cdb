"""The most frequent values of a column: all counts for few values, the algorithm of Misra and Gries for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from dver.formats.profile import Value, ValueCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPLETE_MAX: Final = 256
"""Up to this many distinct values have exact counts."""
CAPACITY: Final = 1024
"""The values that are counted at a time."""
TEXT_MAX: Final = 256
"""Longer texts are not counted."""


class Frequent:
    """Counts of values. Where there are many, the count of a value may lack up to `error`."""

    __slots__ = ("_capacity", "_counts", "error", "incomplete")

    def __init__(self, capacity: int = CAPACITY) -> None:
        """`capacity`: the values that are counted at a time, at least `COMPLETE_MAX`."""
        self._capacity = capacity
        self._counts: dict[Value, int] = {}
        self.error = 0
        """How much the count of a value may be too low."""
        self.incomplete = False
        """Were values not counted at all?"""

    @classmethod
    def of(cls, counts: ValueCounts) -> Self:
        """The counts of a profile. Raises CorruptError for damaged ones."""
        found = cls()
        found._counts = dict(counts.values)
        found.error, found.incomplete = counts.error, not counts.complete
        return found

    def update(self, values: Sequence[Value], counts: NDArray[Any]) -> None:
        """Add distinct values, and how often each occurs."""
        for value, count in zip(values, counts.tolist(), strict=True):
            self._counts[value] = self._counts.get(value, 0) + count
        self._shrink(self._capacity)

    def update_array(
        self, values: NDArray[Any], counts: NDArray[Any], values_of: Callable[[NDArray[Any]], Sequence[Value]]
    ) -> None:
        """Add an array of distinct values, and how often each occurs. `values_of` is called for the frequent ones.

        Texts that are longer than `TEXT_MAX` are not counted.
        """
        import numpy as np

        if len(values) > self._capacity:
            place = len(counts) - self._capacity - 1
            lowered = int(np.partition(counts, place)[place])
            chosen = counts > lowered
            values, counts = values[chosen], counts[chosen] - lowered
            self.skip(lowered)
        if not len(values):
            return
        found = values_of(values)
        long = [isinstance(value, str) and len(value) > TEXT_MAX for value in found]
        if any(long):
            self.incomplete = True
            short = [at for at, too_long in enumerate(long) if not too_long]
            found, counts = [found[at] for at in short], counts[short]
        self.update(found, counts)

    def most_frequent(self, limit: int) -> dict[Value, int]:
        """The most frequent values with their counts."""
        return dict(self._most_frequent()[:limit]) if len(self._counts) > limit else dict(self._counts)

    def counts_if_few(self, limit: int) -> dict[Value, int]:
        """All counts, if there are at most `limit` values; else nothing."""
        return dict(self._counts) if not self.incomplete and len(self._counts) <= limit else {}

    def skip(self, count: int) -> None:
        """Account for values of which each occurs at most `count` times, and that were not counted."""
        self.error += count
        self.incomplete = True

    def merge(self, other: Frequent) -> None:
        """Add all counts of `other`, which stays as it is."""
        for value, count in other._counts.items():
            self._counts[value] = self._counts.get(value, 0) + count
        self.error += other.error
        self.incomplete |= other.incomplete
        self._shrink(self._capacity)

    def renamed(self, name_of: Callable[[Value], Value]) -> Frequent:
        """The same counts under other names."""
        found = Frequent()
        found.error, found.incomplete = self.error, self.incomplete
        for value, count in self._counts.items():
            name = name_of(value)
            found._counts[name] = found._counts.get(name, 0) + count
        return found

    def __len__(self) -> int:
        return len(self._counts)

    def value_counts(self, most: int = COMPLETE_MAX) -> ValueCounts:
        """The counts as a profile has them, of at most this many values."""
        self._shrink(most)
        return ValueCounts(tuple(self._most_frequent()), not self.incomplete, self.error)

    def _shrink(self, size: int) -> None:
        """Keep the `size` most frequent values, and lower all counts by that of the next one."""
        if len(self._counts) <= size:
            return
        lowered = sorted(self._counts.values(), reverse=True)[size]
        self._counts = {value: count - lowered for value, count in self._counts.items() if count > lowered}
        self.skip(lowered)

    def _most_frequent(self) -> list[tuple[Value, int]]:
        return sorted(self._counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
