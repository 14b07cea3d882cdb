"""The data on which drift is compared with Evidently and NannyML: from a seed, the same with each version of numpy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

SIZES: Final = {"small": (800, 600), "large": (5_000, 4_000)}
"""Rows of the reference and of live data: below and above the size from which Evidently uses distances."""
SHIFTS: Final = {"none": 0.0, "slight": 0.04, "strong": 0.5}
NUMBERS: Final = ("normal", "skewed", "integer", "few")
CATEGORIES: Final = ("letters", "pair", "tail")


def columns(size: str, shift: str) -> dict[str, tuple[Any, Any]]:
    """Each column of the reference and of the live data. None has nulls."""
    rows, live_rows = SIZES[size]
    reference, live = _draws(rows, 16), _draws(live_rows, 17)
    by = SHIFTS[shift]
    return {
        "normal": (_normal(reference[0]), _normal(live[0]) + by),
        "skewed": (_skewed(reference[1]), np.round(_skewed(live[1]) * (1 + by), 6)),
        "integer": (_integers(reference[2], 60), _integers(live[2] ** (1 + by), 60)),
        "few": (_integers(reference[3], 4), _integers(live[3] ** (1 + by), 4)),
        "letters": (_names(reference[4], 5), _names(live[4] ** (1 + by), 5)),
        "pair": (_names(reference[5], 2), _names(live[5] ** (1 + by), 2)),
        "tail": (_names(reference[6] ** 2, 40), _names(live[6] ** (2 + by), 40)),
    }


def _draws(rows: int, seed: int) -> Any:
    """Uniform numbers, below 1: twelve for each row of each of the seven columns."""
    return np.floor(np.random.default_rng(seed).random((7, 12, rows)) * 1e9) / 1e9


def _normal(draws: Any) -> Any:
    return np.round(draws.sum(axis=0) - 6, 6)


def _skewed(draws: Any) -> Any:
    return np.round(-np.log1p(-draws[0]), 6)


def _integers(draws: Any, count: int) -> Any:
    return (draws[0] * count).astype(np.int64)


def _names(draws: Any, count: int) -> Any:
    return np.array([f"v{index:02}" for index in range(count)])[_integers(draws, count)]
