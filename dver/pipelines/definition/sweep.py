"""Sweeps of `dver.yaml`: which parameters to vary, and how (docs/format/dver-yaml.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from dver.core.errors import UsageError
from dver.pipelines.definition.yaml_fields import flag, list_items, mapping, optional_text, text, whole_number
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at

_KEYS: Final = ("params", "method", "trials", "seed", "minimize", "maximize", "pruner", "targets", "desc")
_RANGE_KEYS: Final = ("low", "high", "log", "step")
_LARGEST: Final = 2**63 - 1


class SweepMethod(Enum):
    """How a sweep chooses the parameters of its trials."""

    GRID = "grid"
    """Every combination, in order."""
    RANDOM = "random"
    TPE = "tpe"
    """Bayesian optimization by Optuna."""
    CMAES = "cmaes"
    """An evolution strategy for numbers."""

    @property
    def learns(self) -> bool:
        """Whether the results of trials matter for the next ones."""
        return self in (SweepMethod.TPE, SweepMethod.CMAES)


class PrunerKind(Enum):
    """Whether a sweep stops trials early."""

    NONE = "none"
    MEDIAN = "median"
    """Stops a trial whose metric is worse than the median of the others at the same step."""


@dataclass(frozen=True, slots=True)
class SweepRange:
    """Numbers from `low` to `high`, both included; whole numbers if both are."""

    low: float
    high: float
    log: bool = False
    """Small numbers are as likely as large ones, by order of magnitude."""
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int) and not isinstance(self.step, float)


@dataclass(frozen=True, slots=True)
class SweepParam:
    """A parameter that a sweep varies."""

    key: str
    """`[FILE:]KEY`, as for `dver exp run -S`."""
    values: tuple[Any, ...] | str | SweepRange
    """The choices; as text in the form that `-S` has, such as `range(3,9)`."""
    mark: Mark


@dataclass(frozen=True, slots=True)
class SweepMetric:
    """The metric that trials are compared by."""

    path: str
    key: str
    maximize: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """One entry of `sweeps`."""

    name: str
    mark: Mark
    params: tuple[SweepParam, ...]
    method: SweepMethod = SweepMethod.GRID
    trials: int | None = None
    """None for a grid: all of it."""
    seed: int = 0
    metric: SweepMetric | None = None
    pruner: PrunerKind = PrunerKind.NONE
    targets: tuple[str, ...] = ()
    desc: str | None = None


def read_sweeps(node: Node | None) -> dict[str, Sweep]:
    """The sweeps by name. Raises PipelineError with the position of the mistake."""
    if node is None or node.value is None:
        return {}
    found = mapping(node, "`sweeps`")
    return {name: _sweep(name, one, node.keys.get(name, node.mark)) for name, one in found.items()}


def parse_metric(value: str, *, maximize: bool) -> SweepMetric | None:
    """The metric `PATH:KEY`; None for text of another form."""
    path, _, key = value.partition(":")
    return SweepMetric(path, key, maximize) if path and key else None


def sweep_metric(minimize: str | None, maximize: str | None) -> SweepMetric | None:
    """The metric of options of which at most one is given. Raises UsageError for two, and for text of another form."""
    if minimize and maximize:
        raise UsageError("--minimize and --maximize exclude each other")
    value = minimize or maximize
    if not value:
        return None
    metric = parse_metric(value, maximize=bool(maximize))
    if metric is None:
        raise UsageError(
            f"{value!r} is not a metric", why="expected PATH:KEY", fix="use one such as metrics.json:accuracy"
        )
    return metric


def _sweep(name: str, node: Node, mark: Mark) -> Sweep:
    found = mapping(node, f"sweep {name!r}", _KEYS)
    if "params" not in found:
        raise error_at(mark, f"sweep {name!r} has no `params`", fix="add them: `params: {lr: [0.1, 0.01]}`")
    params = tuple(_param(key, one, found["params"]) for key, one in mapping(found["params"], "`params`").items())
    if not params:
        raise error_at(found["params"].mark, "`params`: expected at least one parameter")
    method = SweepMethod(_one_of(found, "method", SweepMethod, SweepMethod.GRID.value))
    sweep = Sweep(
        name=name,
        mark=mark,
        params=params,
        method=method,
        trials=_trials(found.get("trials")),
        seed=whole_number(found["seed"], "`seed`") if "seed" in found else 0,
        metric=_metric(found),
        pruner=PrunerKind(_one_of(found, "pruner", PrunerKind, PrunerKind.NONE.value)),
        targets=tuple(text(one, "`targets`") for one in list_items(found.get("targets"), "`targets`")),
        desc=optional_text(found, "desc"),
    )
    check_sweep(sweep)
    if sweep.pruner is not PrunerKind.NONE and sweep.metric is None:
        fix = "add `minimize: PATH:KEY` or `maximize: PATH:KEY`"
        raise error_at(found["pruner"].mark, "`pruner` needs a metric", fix=fix)
    return sweep


def check_sweep(sweep: Sweep) -> None:
    """Raise PipelineError for parameters that do not fit the method."""
    ranges = [one for one in sweep.params if isinstance(one.values, SweepRange)]
    choices = [one for one in sweep.params if not isinstance(one.values, SweepRange)]
    if sweep.method is SweepMethod.GRID and ranges:
        fix = "use `method: random` or `tpe`, or list the values"
        raise error_at(ranges[0].mark, f"a grid needs the values of {ranges[0].key!r}, not `low` and `high`", fix=fix)
    if sweep.method is SweepMethod.CMAES and choices:
        fix = "give it `low` and `high`, or use `method: tpe`"
        raise error_at(choices[0].mark, f"cmaes needs numbers with `low` and `high` for {choices[0].key!r}", fix=fix)
    if sweep.method is SweepMethod.CMAES and len(ranges) < 2:
        raise error_at(sweep.mark, "cmaes needs at least two parameters", fix="use `method: tpe`")


def _param(key: str, node: Node, params: Node) -> SweepParam:
    mark = params.keys.get(key, node.mark)
    what = f"parameter {key!r}"
    if isinstance(node.value, tuple):
        if not node.value:
            raise error_at(node.mark, f"{what}: expected values, not an empty list")
        return SweepParam(key, tuple(one.plain() for one in node.value), mark)
    if isinstance(node.value, Mapping):
        return SweepParam(key, _range(node, what), mark)
    if isinstance(node.value, str) and node.value.startswith(("range(", "choice(")):
        return SweepParam(key, node.value, mark)
    fix = f"list its values: `{key}: [0.1, 0.01]`"
    raise error_at(node.mark, f"{what}: expected a list, `range(…)` or `low` and `high`, not {node.kind}", fix=fix)


def _range(node: Node, what: str) -> SweepRange:
    found = mapping(node, what, _RANGE_KEYS)
    for key in ("low", "high"):
        if key not in found:
            raise error_at(node.mark, f"{what} has no `{key}`", fix="give it `low` and `high`")
    low, high = _number(found["low"], "`low`"), _number(found["high"], "`high`")
    log = flag(found, "log", False)
    step = _number(found["step"], "`step`") if "step" in found else None
    if not low < high:
        raise error_at(found["low"].mark, f"{what}: `low` is not less than `high`")
    if log and low <= 0:
        raise error_at(found["low"].mark, f"{what}: `low` must be more than 0 with `log`")
    if step is not None and (step <= 0 or step > high - low):
        raise error_at(found["step"].mark, f"{what}: expected a `step` of more than 0, and at most {high - low:g}")
    if log and step is not None:
        raise error_at(found["step"].mark, f"{what}: `log` and `step` exclude each other")
    return SweepRange(low, high, log, step)


def _number(node: Node, what: str) -> float:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise error_at(node.mark, f"{what}: expected a finite number, not {node.kind}")
    if abs(value) > _LARGEST:
        raise error_at(node.mark, f"{what}: expected at most {_LARGEST:,}")
    return value


def _trials(node: Node | None) -> int | None:
    if node is None or node.value is None:
        return None
    number = whole_number(node, "`trials`")
    if number == 0:
        raise error_at(node.mark, "`trials`: expected at least 1")
    return number


def _metric(found: Mapping[str, Node]) -> SweepMetric | None:
    if "minimize" in found and "maximize" in found:
        raise error_at(found["maximize"].mark, "`minimize` and `maximize` exclude each other")
    for key in ("minimize", "maximize"):
        if key in found:
            metric = parse_metric(text(found[key], f"`{key}`"), maximize=key == "maximize")
            if metric is None:
                raise error_at(found[key].mark, f"`{key}`: expected PATH:KEY, such as metrics.json:accuracy")
            return metric
    return None


def _one_of(found: Mapping[str, Node], key: str, kinds: type[Enum], default: str) -> str:
    if key not in found:
        return default
    names = [one.value for one in kinds]
    if found[key].value not in names:
        raise error_at(found[key].mark, f"`{key}`: expected {' or '.join(names)}, not {found[key].value!r}")
    return str(found[key].value)
