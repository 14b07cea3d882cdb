"""The values of one column that are of one type: numbers, texts, or only their lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from dver.formats.profile import ColumnProfile, ColumnType, Value
from dver.profiles.moments import Moments
from dver.profiles.parts import Detail, PartOfColumn
from dver.profiles.scan.number_counts import NumberCounts
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.frequent import Frequent
from dver.profiles.sketches.hashing import hashes_of_bytes, hashes_of_numbers
from dver.profiles.sketches.quantiles import Quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN_TEXT: Final = 100
"""The characters of the first and last text that are kept."""


class NumberValues:
    """Numbers, booleans or times (as Unix seconds)."""

    def __init__(self, kind: ColumnType, detail: Detail, *, private: bool) -> None:
        self.kind = kind
        self.nans = self.infinities = self.true = 0
        self._private = private
        self._detail = detail
        self._moments = Moments()
        self._quantiles, self._part_quantiles = Quantiles(), Quantiles()
        self._distinct = Distinct(exact=not private)
        self._counts, self._part_counts = NumberCounts(detail.counters), NumberCounts(detail.counters)
        self._value_of: Callable[[Any], Value] = float
        self._count = 0

    def add(self, values: NDArray[Any], value_of: Callable[[Any], Value]) -> None:
        """Add numbers: an array of doubles or integers. `value_of` turns one into what the profile shows."""
        import numpy as np

        self._count += len(values)
        if values.dtype.kind == "f":
            values = self._only_finite(values)
        if not len(values):
            return
        ordered = np.sort(values)
        starts = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
        distinct = ordered[starts]
        self._distinct.update_hashes(hashes_of_numbers(distinct))
        if self.kind is ColumnType.BOOLEAN:
            self.true += int(np.count_nonzero(values))
        if self._private:
            return
        counts = np.diff(starts, append=len(ordered))
        self._part_counts.add(distinct, counts)
        self._value_of = value_of
        doubles = ordered.astype("f8", copy=False)
        self._moments.update(doubles)
        self._part_quantiles.update(doubles, ordered=True)

    def end_part(self) -> PartOfColumn | None:
        """End a part; None if it has no values of this type."""
        count = self._part_quantiles.count
        if not count:
            return None
        import numpy as np

        quantiles = self._part_quantiles.quantiles(np.linspace(0, 1, self._detail.steps))
        counts = self._part_counts.counts_if_few(self._detail.counted, self._values_of)
        self._quantiles.merge(self._part_quantiles)
        self._counts.merge(self._part_counts)
        self._part_quantiles, self._part_counts = Quantiles(), NumberCounts(self._detail.counters)
        return PartOfColumn(count, quantiles, counts)

    def profile(self, name: str) -> ColumnProfile:
        """The profile of these values alone. All parts have ended."""
        return ColumnProfile(
            name,
            self.kind,
            self._count,
            0,
            nans=self.nans,
            infinities=self.infinities,
            true=self.true,
            distinct=self._distinct.encode(),
            numbers=self._moments.summary(self._quantiles.encode()),
            counts=None if self._private else self._counts.value_counts(self._values_of),
            private=self._private,
        )

    def _values_of(self, numbers: NDArray[Any]) -> list[Value]:
        return list(map(self._value_of, numbers.tolist()))

    def _only_finite(self, values: NDArray[Any]) -> NDArray[Any]:
        import numpy as np

        finite = np.isfinite(values)
        if finite.all():
            return values
        nans = int(np.isnan(values).sum())
        self.nans += nans
        self.infinities += len(values) - int(finite.sum()) - nans
        kept: NDArray[Any] = values[finite]
        return kept


class Lengths:
    """The lengths of texts, bytes or lists: whole numbers."""

    def __init__(self) -> None:
        self._moments = Moments()
        self._quantiles = Quantiles()

    def add(self, lengths: NDArray[Any], counts: NDArray[Any] | None = None) -> None:
        """Add lengths, and how often each occurs (once, without counts)."""
        import numpy as np

        if not len(lengths):
            return
        if counts is not None:
            lengths = np.repeat(lengths, counts)
        ordered = _sorted_lengths(lengths).astype("f8")
        self._moments.update(ordered)
        self._quantiles.update(ordered, ordered=True)

    def summary(self) -> Any:
        """The summary; None without values."""
        return self._moments.summary(self._quantiles.encode())


class TextValues:
    """Texts or bytes: arrays of bytes with offsets."""

    def __init__(self, kind: ColumnType, detail: Detail, *, private: bool) -> None:
        self.kind = kind
        self._detail = detail
        self.mixed = 0
        self._private = private
        self._lengths = Lengths()
        self._distinct = Distinct(exact=not private)
        self._counts_values = kind is ColumnType.TEXT and not private
        self._frequent, self._part_frequent = Frequent(detail.counters), Frequent(detail.counters)
        self._first: str | None = None
        self._last: str | None = None
        self._count = self._part_count = 0

    def add(
        self,
        content: NDArray[Any],
        offsets: NDArray[Any],
        lengths: NDArray[Any],
        texts_at: Callable[[NDArray[Any]], Sequence[str]],
        counts: NDArray[Any] | None = None,
    ) -> None:
        """Add texts: their bytes, and their lengths in characters. `texts_at` gives those at some positions.

        With `counts` the texts are distinct, and each occurs as often as that says.
        """
        import numpy as np

        count = len(lengths) if counts is None else int(counts.sum())
        self._count += count
        self._part_count += count
        if not count:
            return
        self._lengths.add(lengths, counts)
        hashes = hashes_of_bytes(content, offsets)
        if counts is not None:
            self._distinct.update_hashes(hashes)
            if self._counts_values:
                self._part_frequent.update_array(np.arange(len(hashes)), counts, texts_at)
            return
        ordered = np.sort(hashes)
        starts = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
        distinct = ordered[starts]
        self._distinct.update_hashes(distinct)
        if self._counts_values:
            times = np.diff(starts, append=len(ordered))
            self._part_frequent.update_array(
                distinct, times, lambda few: texts_at(_places_of(np.asarray(few, "u8"), hashes))
            )

    def extend(self, first: str, last: str) -> None:
        """Note the smallest and the largest of some texts."""
        if self._counts_values:
            first, last = first[:SHOWN_TEXT], last[:SHOWN_TEXT]
            self._first = first if self._first is None else min(self._first, first)
            self._last = last if self._last is None else max(self._last, last)

    def end_part(self) -> PartOfColumn | None:
        """End a part; None if it has no values of this type, or is private."""
        count, self._part_count = self._part_count, 0
        if not count or self._private:
            return None
        counts = self._part_frequent.most_frequent(self._detail.counted)
        self._frequent.merge(self._part_frequent)
        self._part_frequent = Frequent(self._detail.counters)
        return PartOfColumn(count, None, counts)

    def profile(self, name: str) -> ColumnProfile:
        """The profile of these values alone. All parts have ended."""
        return ColumnProfile(
            name,
            self.kind,
            self._count,
            0,
            mixed=self.mixed,
            distinct=self._distinct.encode(),
            lengths=self._lengths.summary(),
            first=self._first,
            last=self._last,
            counts=self._frequent.value_counts() if self._counts_values else None,
            private=self._private,
        )


class NestedValues:
    """Lists, structures and maps: how many there are, and the lengths of lists and maps."""

    kind = ColumnType.NESTED

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._lengths = Lengths()
        self._count = 0

    def add(self, count: int, lengths: NDArray[Any] | None) -> None:
        """Add values, with their lengths if they have any."""
        self._count += count
        if lengths is not None:
            self._lengths.add(lengths)

    def end_part(self) -> PartOfColumn | None:
        """End a part: nested values have none."""
        return None

    def profile(self, name: str) -> ColumnProfile:
        """The profile of these values alone."""
        return ColumnProfile(name, self.kind, self._count, 0, lengths=self._lengths.summary(), private=self._private)


def _sorted_lengths(lengths: NDArray[Any]) -> NDArray[Any]:
    """Sorted by counting, where no length is large."""
    import numpy as np

    if int(lengths.max()) < 4 * len(lengths):
        counts = np.bincount(lengths)
        return np.repeat(np.arange(len(counts)), counts)
    return np.sort(lengths)


def _places_of(chosen: NDArray[Any], hashes: NDArray[Any]) -> NDArray[Any]:
    """For each chosen hash, a place where it is. They are ascending."""
    import numpy as np

    found = np.clip(np.searchsorted(chosen, hashes), 0, len(chosen) - 1)
    matching = np.flatnonzero(chosen[found] == hashes)
    places = np.zeros(len(chosen), np.int64)
    places[found[matching]] = matching
    return places
