"""Comparing values: of parameters, of metrics, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from dver.pipelines.definition.param_files import flatten


class _Absent(Enum):
    ABSENT = "absent"


_BITS: Final = 1024
"""Of whole numbers that anybody means as a number; Python does not even write those of ten times as many."""

ABSENT: Final = _Absent.ABSENT
"""In the place of a value that is not there, which `None` may be."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value before and after, at a dotted key. ABSENT for what was added or removed."""

    key: str
    old: Any
    new: Any

    @property
    def differs(self) -> bool:
        """Is it something else now?"""
        return not _same(self.old, self.new)

    @property
    def difference(self) -> float | None:
        """By how much a number grew; None for what is no number."""
        if not _is_number(self.old) or not _is_number(self.new):
            return None
        try:
            grown: float = self.new - self.old
        except OverflowError:  # an integer that no float holds, and a float
            return None
        return None if isinstance(grown, int) and grown.bit_length() > _BITS else grown


def compare(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[Change, ...]:
    """All values of two flat mappings, those that are the same, too; in the order of `new`, then what is gone."""
    before, after = old or {}, new or {}
    keys = dict.fromkeys((*after, *before))
    return tuple(Change(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys)


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` by their dotted keys."""
    return dict(flatten(values))


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    # What is written alike is alike: one NaN is another.
    return bool(old == new) or repr(old) == repr(new)


def _is_number(value: Any | Literal[_Absent.ABSENT]) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
