"""What a profile may keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Settings of profiles. The same settings of the same content give the same profile."""

    private: frozenset[str] = frozenset()
    """Columns of which no value is kept: no extremes, quantiles, top values and hashes."""


EVERYTHING: Final = ProfileSettings()
"""No column is private."""
