"""Which values a sketch of quantiles leaves out, how exactly it keeps the others, and what they need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GRAINS: Final = 4
"""Values are rounded to this part of the usual distance of neighbours."""


def drawn(values: NDArray[Any], level: int) -> int:
    """A number that looks drawn by lot, and is the same for the same values (splitmix64).

    It comes from the values, since errors of files with the same number of rows would add up if all drew the same.
    """
    mask = (1 << 64) - 1
    mixed = (int(values.view("<u8").sum()) * 0x9E3779B97F4A7C15 + level + 1) & mask
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & mask
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
    return mixed ^ mixed >> 31


def repeated_values(values: NDArray[Any]) -> NDArray[Any]:
    """Those of several ascending values that occur more than once."""
    import numpy as np

    return np.unique(values[1:][values[1:] == values[:-1]])


def rounded(levels: list[NDArray[Any]], exact: NDArray[Any], ends: tuple[float, float]) -> list[NDArray[Any]]:
    """The values of each level in few bits. Those in `exact` stay, and none leaves the range `ends`.

    Values are multiples of a power of two that is at most a quarter of the usual distance of neighbours. So most of
    their bytes are zero, and ranks stay nearly the same.
    """
    import numpy as np

    kept = np.unique(np.concatenate(levels))
    usual = float(np.median(np.diff(kept))) / _GRAINS if len(kept) > 1 else 0.0
    if not 1e-290 < usual < 1e290:
        return levels
    grain = 2.0 ** math.floor(math.log2(usual))
    found = [np.clip(np.round(level / grain) * grain + 0.0, *ends) for level in levels]
    return [np.sort(np.where(np.isin(one, exact), one, new)) for one, new in zip(levels, found, strict=True)]


def estimated_bytes(values: NDArray[Any]) -> int:
    """About what ascending values need, once they are compressed: of each different one the bytes that change."""
    import numpy as np

    if not len(values):
        return 0
    words = values.view("<u8")
    changes = words[1:] ^ words[:-1]
    changing = int(np.bitwise_or.reduce(changes))
    size = sum(1 for shift in range(0, 64, 8) if changing >> shift & 0xFF)
    return 8 + size * int(np.count_nonzero(changes)) + len(values) // 8
