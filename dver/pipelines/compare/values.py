"""Changes of parameters and metrics, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dver.pipelines.definition.param_files import ABSENT

_BITS: Final = 1024
"""The largest size of an integer difference; Python cannot print integers ten times as large."""


@dataclass(frozen=True, slots=True)
class ValueChange:
    """The old and the new value of a dotted key; ABSENT if the key was added or removed."""

    key: str
    old: Any
    new: Any

    @property
    def differs(self) -> bool:
        """True if the values are not equal."""
        return not _same(self.old, self.new)

    @property
    def difference(self) -> float | None:
        """The new number minus the old one; None for other values."""
        if not _is_number(self.old) or not _is_number(self.new):
            return None
        try:
            grown: float = self.new - self.old
        except OverflowError:  # an integer that no float holds, and a float
            return None
        return None if isinstance(grown, int) and grown.bit_length() > _BITS else grown


def compare(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[ValueChange, ...]:
    """All keys of two flat mappings, also those with equal values: in the order of `new`, then the removed ones."""
    before, after = old or {}, new or {}
    keys = dict.fromkeys((*after, *before))
    return tuple(ValueChange(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    # Values that are printed alike are equal: NaN equals NaN here.
    return bool(old == new) or repr(old) == repr(new)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
