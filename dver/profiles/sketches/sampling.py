"""Which values a sketch of quantiles leaves out, how exactly it keeps the others, and what they need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from dver.profiles.sketches.hashing import mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GRAINS: Final = 4
"""Values are rounded to this part of the usual distance of neighbours."""


def one_of_each(values: NDArray[Any], level: int) -> NDArray[Any]:
    """One of each 2**`level` neighbours, drawn by lot: as many are left out at the end as do not make up a group.

    Each group has a draw of its own. If all groups kept their first value, all ranks would be too high together, which
    looks like drift; so errors are independent where ranks are not close.
    """
    import numpy as np

    number = len(values) >> level
    places = np.arange(number) << level
    places += (draws(values, level, number) & np.uint64((1 << level) - 1)).astype("i8")
    return np.asarray(values[places])


def draws(values: NDArray[Any], level: int, number: int) -> NDArray[Any]:
    """Unsigned 64-bit integers that look drawn by lot, and are the same for the same values.

    They come from the values, since errors of files with the same number of rows would add up if all drew the same.
    """
    import numpy as np

    mask = (1 << 64) - 1
    seed = (int(values.view("<u8").sum()) * 0x9E3779B97F4A7C15 + level + 1) & mask
    return mixed(np.arange(number, dtype="<u8") + np.uint64(int(mixed(np.array([seed], "<u8"))[0])))


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
    with np.errstate(over="ignore"):
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
