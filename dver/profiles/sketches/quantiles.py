"""Quantiles of numbers: exact for few values, a KLL sketch for more.

A KLL sketch (Karnin, Lang, Liberty 2016) keeps levels of values. A value of level h stands for 2**h values. A level
that is full is sorted, and every second value moves up. Unlike Apache DataSketches' one it has a decoder that is safe
with damaged bytes, takes sorted batches at once, and is the same for the same values in the same order:
docs/decisions/profiles.md. The encoding is in docs/format/profile.md.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from dver.core.errors import CorruptError
from dver.profiles.sketches.sampling import draws, estimated_bytes, one_of_each, repeated_values, rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT_MAX: Final = 1024
"""The most values that are kept exactly."""
K: Final = 320
"""The capacity of the highest level; each level below has two thirds of it."""
RANK_ERROR: Final = 0.01
"""What errors of ranks do not exceed in 99 % of cases, as a share of all values. Small sketches have larger ones."""
RANK_DEVIATIONS: Final = 3.85
"""The error of ranks in standard deviations: measured 0.0026 for 0.01."""
_LEVEL_MIN: Final = 8
_LEVELS_MAX: Final = 56
_SAMPLE: Final = 1024
"""At least this many values of a large batch enter the sketch."""
_ROUNDING: Final = 0.25
"""What rounded values add to the variance: one may be at the other side of a value."""
_EXACT: Final = b"E"
_SKETCH: Final = b"K"
_HEAD: Final = struct.Struct("<QdddB")


class Quantiles:
    """The distribution of finite numbers."""

    __slots__ = ("_levels", "_maximum", "_minimum", "_variance", "count")

    def __init__(self) -> None:
        self.count = 0
        """The number of values."""
        self._minimum = float("inf")
        self._maximum = float("-inf")
        self._variance = 0.0
        """Of the number of values at or below a value: each time that values are left out adds to it."""
        self._levels: list[list[NDArray[Any]]] = [[]]
        """The values of each level, in pieces. There is one level until there are more than `EXACT_MAX` values."""

    @classmethod
    def of(cls, encoded: bytes) -> Self:
        """Decode `encoded`. Raises CorruptError for bytes that `encode` does not write."""
        import numpy as np

        kind, content = encoded[:1], encoded[1:]
        levels = 1
        if kind == _SKETCH and len(content) > _HEAD.size:
            *_, levels = _HEAD.unpack_from(content)
        elif kind != _EXACT:
            raise _corrupt()
        start = 0 if kind == _EXACT else _HEAD.size + 2 * levels
        if not 0 < levels <= _LEVELS_MAX or len(content) < start or (len(content) - start) % 8:
            raise _corrupt()
        values = np.frombuffer(content, "<f8", offset=start)
        if not np.isfinite(values).all():
            raise _corrupt()
        found = cls()
        if kind == _EXACT:
            found._decode_exact(values)
        else:
            found._decode_levels(values, _HEAD.unpack_from(content), np.frombuffer(content, "<u2", levels, _HEAD.size))
        return found

    def _decode_exact(self, values: NDArray[Any]) -> None:
        if len(values) > EXACT_MAX or (values[1:] < values[:-1]).any():
            raise _corrupt()
        self._levels[0] = [values]
        self.count = len(values)
        if self.count:
            self._minimum, self._maximum = float(values[0]), float(values[-1])

    def _decode_levels(self, values: NDArray[Any], head: tuple[Any, ...], sizes: NDArray[Any]) -> None:
        import numpy as np

        self.count, self._minimum, self._maximum, self._variance, _ = head
        ends = np.cumsum(sizes, dtype=int)
        weighted = sum(int(size) << level for level, size in enumerate(sizes))
        falls = np.flatnonzero(values[1:] < values[:-1]) + 1
        if (
            ends[-1] != len(values)
            or weighted != self.count
            or not -math.inf < self._minimum <= values.min(initial=np.inf)
            or not values.max(initial=-np.inf) <= self._maximum < math.inf
            or not np.isin(falls, ends).all()
            or not sizes[-1]
            or not 0 <= self._variance < math.inf
        ):
            raise _corrupt()
        self._levels = [[part] for part in np.split(values, ends[:-1])]

    @classmethod
    def merged(cls, encoded: Iterable[bytes]) -> Self:
        """The quantiles of all values of several encoded sketches: faster than one `merge` after the other.

        Raises CorruptError for bytes that `encode` does not write.
        """
        import numpy as np

        found = cls()
        pieces: list[list[memoryview | bytes]] = [[]]
        for one in encoded:
            if one[:1] == _EXACT and len(one) % 8 == 1:
                pieces[0].append(memoryview(one)[1:])
                found.count += len(one) // 8
            else:
                found._note(one, pieces)
        levels = [np.frombuffer(b"".join(level), "<f8") for level in pieces]
        ends = [(float(level.min()), float(level.max())) for level in levels if len(level)]
        for minimum, maximum in ends:
            if not minimum - minimum == maximum - maximum == 0:  # NaN or infinite
                raise _corrupt()
            found._extend(minimum, maximum)
        found._levels = [[level] for level in levels]
        found._compress()
        return found

    def _note(self, encoded: bytes, pieces: list[list[memoryview | bytes]]) -> None:
        """Add the pieces of each level of an encoded KLL sketch, which are not looked at."""
        if encoded[:1] != _SKETCH or len(encoded) < 1 + _HEAD.size:
            raise _corrupt()
        count, minimum, maximum, variance, levels = _HEAD.unpack_from(encoded, 1)
        at = 1 + _HEAD.size + 2 * levels
        if not 0 < levels <= _LEVELS_MAX or len(encoded) < at or not -math.inf < minimum <= maximum < math.inf:
            raise _corrupt()
        if not 0 <= variance < math.inf:
            raise _corrupt()
        self._variance += variance
        sizes = struct.unpack_from(f"<{levels}H", encoded, 1 + _HEAD.size)
        pieces += [[] for _ in range(levels - len(pieces))]
        weighted = 0
        for level, size in enumerate(sizes):
            if size:
                pieces[level].append(encoded[at : at + 8 * size])
                weighted += size << level
                at += 8 * size
        if weighted != count or at != len(encoded):
            raise _corrupt()
        self.count += count
        self._extend(minimum, maximum)

    def update(self, values: Any, *, ordered: bool = False) -> None:
        """Add an array of finite numbers, which may be in ascending order already."""
        import numpy as np

        values = np.asarray(values, "<f8")
        if not len(values):
            return
        self.count += len(values)
        if self.count > EXACT_MAX and len(values) >= 4 * _SAMPLE:
            values = values if ordered else np.sort(values)
            self._extend(values[0], values[-1])
            self._add_sample(values)
        else:
            self._extend(values.min(), values.max())
            self._levels[0].append(values.copy())
        self._compress()

    def merge(self, other: Quantiles) -> None:
        """Add all values of `other`, which stays as it is."""
        self._join(other)
        self._compress()

    def shrink(self, size: int) -> None:
        """Keep about `size` values, rounded where they occur once, so that they need two bytes instead of eight."""
        values, _ = self.weighted_values()
        level = 0
        while level < _LEVELS_MAX - 1 and sum(map(len, self._sorted_levels())) > size:
            self._move_up(level)
            level += 1
        levels = rounded(self._sorted_levels(), repeated_values(values), (self._minimum, self._maximum))
        self._levels = [[one] for one in levels]
        self._variance += _ROUNDING

    def estimated_bytes(self) -> int:
        """About what the values need, once the sketch is compressed."""
        return sum(map(estimated_bytes, self._sorted_levels()))

    def encode(self) -> bytes:
        """The bytes of the sketch."""
        import numpy as np

        levels = self._sorted_levels()
        content: bytes = np.concatenate(levels).tobytes()
        if self.exact:
            return _EXACT + content
        head = _HEAD.pack(self.count, self._minimum, self._maximum, self._variance, len(levels))
        sizes: bytes = np.array([len(one) for one in levels], "<u2").tobytes()
        return _SKETCH + head + sizes + content

    @property
    def exact(self) -> bool:
        """Are all values known?"""
        return not self._variance

    @property
    def rank_error(self) -> float:
        """How far a rank may be off, as a share of all values (99 % confidence); 0 if exact."""
        return 0.0 if self.exact else max(RANK_ERROR, RANK_DEVIATIONS * math.sqrt(self._variance) / self.count)

    def quantiles(self, ranks: Sequence[float] | NDArray[Any]) -> NDArray[Any]:
        """The smallest value at or below which at least the share `rank` (0 to 1) of all values is, for each rank.

        Doubles in the shape of `ranks`; NaN without values.
        """
        import numpy as np

        ranks = np.asarray(ranks, "f8")
        if not self.count:
            return np.full(ranks.shape, np.nan)
        values, weights = self.weighted_values()
        # Rounding must not push a rank such as 3 / 10 of 10 values to the next value.
        at = np.searchsorted(np.cumsum(weights), ranks * self.count - 1e-9 * self.count)
        found = values[np.clip(at, 0, len(values) - 1)]
        found = np.where(ranks <= 0, self._minimum, np.where(ranks >= 1, self._maximum, found))
        return np.asarray(found)

    def ranks(self, values: Sequence[float] | NDArray[Any]) -> NDArray[Any]:
        """The share of all values at or below each of `values`: the cumulative distribution. NaN without values.

        Doubles in the shape of `values`, which need not be sorted.
        """
        import numpy as np

        values = np.asarray(values, "f8")
        if not self.count:
            return np.full(values.shape, np.nan)
        known, weights = self.weighted_values()
        below = np.concatenate(([0.0], np.cumsum(weights))) / self.count
        found = below[np.searchsorted(known, values, side="right")]
        found = np.where(values < self._minimum, 0.0, np.where(values >= self._maximum, 1.0, found))
        return np.asarray(found)

    def weighted_values(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The values that are kept, ascending, and how many values each stands for. The weights add up to `count`."""
        import numpy as np

        levels = self._sorted_levels()
        values = np.concatenate(levels)
        weights = np.repeat(2.0 ** np.arange(len(levels)), [len(one) for one in levels])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]

    def _extend(self, minimum: float, maximum: float) -> None:
        self._minimum = min(self._minimum, float(minimum))
        self._maximum = max(self._maximum, float(maximum))

    def _join(self, other: Quantiles) -> None:
        self.count += other.count
        self._variance += other._variance
        self._extend(other._minimum, other._maximum)
        for level, parts in enumerate(other._levels):
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].extend(parts)

    def _add_sample(self, values: NDArray[Any]) -> None:
        """Add ascending values: one of each 2**level neighbours, and those that are left over as they are."""
        level = (len(values) // _SAMPLE).bit_length() - 1
        whole = len(values) >> level << level
        while len(self._levels) <= level:
            self._levels.append([])
        self._variance += 4.0**level / 6
        self._levels[level].append(one_of_each(values, level))
        self._levels[0].append(values[whole:].copy())

    def _compress(self) -> None:
        """Move every second value of each full level up."""
        if len(self._levels) == 1 and self.count <= EXACT_MAX:
            return
        level = 0
        while level < len(self._levels):
            size = sum(map(len, self._levels[level]))
            if size > self._capacity(level) or (size and len(self._levels) == 1):
                self._move_up(level)
            level += 1

    def _move_up(self, level: int) -> None:
        values = self._sorted(level)
        odd = len(values) % 2
        last = bool(draws(values, level + 1, 1)[0] & 1)
        self._variance += 4.0**level / 2 if len(values) > 1 else 0.0
        kept, moved = (
            (values[:odd], values[odd:]) if last else (values[len(values) - odd :], values[: len(values) - odd])
        )
        self._levels[level] = [kept.copy()]
        if level + 1 == len(self._levels):
            self._levels.append([])
        self._levels[level + 1].append(one_of_each(moved, 1))

    def _capacity(self, level: int) -> int:
        return max(_LEVEL_MIN, round(K * (2 / 3) ** (len(self._levels) - 1 - level)))

    def _sorted_levels(self) -> list[NDArray[Any]]:
        return [self._sorted(level) for level in range(len(self._levels))]

    def _sorted(self, level: int) -> NDArray[Any]:
        import numpy as np

        parts = self._levels[level]
        if len(parts) != 1 or (parts[0][1:] < parts[0][:-1]).any():
            self._levels[level] = parts = [np.sort(np.concatenate([np.empty(0, "<f8"), *parts]))]
        return parts[0]


def _corrupt() -> CorruptError:
    return CorruptError("a damaged profile", why="a sketch of quantiles cannot be read")
