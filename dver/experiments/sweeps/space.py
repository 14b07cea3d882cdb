"""The parameters that a sweep varies, and the values that they can have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dver.core.errors import DverError
from dver.experiments.overrides.changes import same_values
from dver.experiments.overrides.choices import read_choices
from dver.experiments.overrides.override import Override, OverrideAction
from dver.experiments.overrides.parse import parse_key
from dver.pipelines.definition.sweep import Sweep, SweepParam, SweepRange
from dver.pipelines.definition.yaml_tree import error_at

Point = tuple[Any, ...]
"""A value for each parameter of a space, in order."""


@dataclass(frozen=True, slots=True)
class SweptParam:
    """A parameter with its choices or its range."""

    file: str
    """Relative to the directory of the project."""
    key: str
    action: OverrideAction
    values: tuple[Any, ...] | SweepRange


@dataclass(frozen=True, slots=True)
class SweepSpace:
    """All parameters of a sweep."""

    params: tuple[SweptParam, ...]

    def overrides(self, point: Point) -> tuple[Override, ...]:
        """The changes of parameters that make a trial of `point`."""
        pairs = zip(self.params, point, strict=True)
        return tuple(Override(one.file, one.key, value, one.action) for one, value in pairs)

    def point(self, overrides: Sequence[Override]) -> tuple[Point | None, tuple[Override, ...]]:
        """The point of a trial with these overrides, and its other overrides.

        None if it is not in the space, which may have changed since.
        """
        by_key = {(one.file, one.key): one for one in overrides}
        swept = [by_key.pop((one.file, one.key), None) for one in self.params]
        rest = tuple(by_key.values())
        values = tuple(one.value for one in swept if one is not None)
        if len(values) < len(swept) or not all(map(contains, (one.values for one in self.params), values)):
            return None, rest
        return values, rest


def sweep_space(sweep: Sweep, folder: str = "") -> SweepSpace:
    """The space of a sweep in the `dver.yaml` of `folder`, which is relative to the directory of the project.

    Raises PipelineError with a position for invalid keys and values, and for a parameter that occurs twice.
    """
    found: dict[tuple[str, str], SweptParam] = {}
    for one in sweep.params:
        param = _param(one, folder)
        if (param.file, param.key) in found:
            raise error_at(one.mark, f"{param.key!r} of {param.file} occurs twice")
        found[param.file, param.key] = param
    return SweepSpace(tuple(found.values()))


def contains(values: tuple[Any, ...] | SweepRange, value: Any) -> bool:
    """Whether a parameter can have `value`."""
    if isinstance(values, SweepRange):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and values.low <= value <= values.high
    return any(same_values(one, value) for one in values)


def choice_index(values: Sequence[Any], value: Any) -> int:
    """The position of `value` among choices."""
    return next(number for number, one in enumerate(values) if same_values(one, value))


def to_unit(span: SweepRange, value: float) -> float:
    """A number of a range as one from 0 to 1."""
    low, high = _bounds(span)
    return (_scaled(span, value) - low) / (high - low)


def from_unit(span: SweepRange, unit: float) -> float:
    """The number of a range that is at `unit`, from 0 to 1. Whole numbers and steps are rounded to."""
    low, high = _bounds(span)
    value = low + min(max(unit, 0.0), 1.0) * (high - low)
    value = math.exp(value) if span.log else value
    step = span.step if span.step is not None else 1 if span.is_whole else None
    if step is not None:
        steps = min(round((value - span.low) / step), math.floor((span.high - span.low) / step + 1e-9))
        value = float(f"{span.low + steps * step:.12g}")  # 0.3 instead of 0.30000000000000004
    value = min(max(value, span.low), span.high)
    return round(value) if span.is_whole else value


def _bounds(span: SweepRange) -> tuple[float, float]:
    return _scaled(span, span.low), _scaled(span, span.high)


def _scaled(span: SweepRange, value: float) -> float:
    return math.log(value) if span.log else value


def _param(one: SweepParam, folder: str) -> SweptParam:
    try:
        file, key, action = parse_key(one.key, folder=folder)
        values = tuple(read_choices(one.values)) if isinstance(one.values, str) else one.values
    except DverError as error:
        raise error_at(one.mark, f"parameter {one.key!r}: {error.what}", fix=error.fix) from None
    if action is OverrideAction.DELETE:
        raise error_at(one.mark, f"parameter {one.key!r}: a sweep cannot delete a key")
    return SweptParam(file, key, action, values)
