"""Rules that decide whether a new version is promoted: `auc >= prod.auc - 0.01 and checks.pass`.

A rule compares metrics of the new version (`auc`, or `new.auc`) with numbers and with the version in a stage of the
registry (`prod.auc`). It is a small part of Python's expressions, and evaluated here: no code of a rule is ever run.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan
from typing import Final, TypeAlias

from dver.core.display import Displayed
from dver.formats.registry_tag import is_stage_name
from dver.pipelines.definition.rule_names import CHECKS, NEW, STAGE, RuleName, name_of, names_in

_CHECKS_NAME: Final = f"{CHECKS}.pass"
_CHECKS_PARTS: Final = (CHECKS, "passed")
"""The same for Python, which has a keyword `pass`."""
MAX_LENGTH: Final = 1000
_MAX_DEPTH: Final = 50

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], tuple[str, Callable[[float, float], bool]]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = {"abs": abs, "min": min, "max": max}

Metrics: TypeAlias = Mapping[str, float]
"""Numbers by `FILE:KEY`."""


class RuleSyntaxError(ValueError):
    """The text is no rule. Its message says why."""


class _MissingValue(Exception):
    """A value that a condition needs does not exist. Its message says which."""


@dataclass(frozen=True, slots=True, repr=False)
class RuleCondition(Displayed):
    """One comparison of a rule."""

    text: str
    """As in the rule, such as `auc >= prod.auc - 0.01`."""
    holds: bool | None
    """None if it compares with an empty stage; False if a value is missing."""
    found: str
    """The values, such as `0.91 >= 0.89`, or why there are none."""
    is_missing: bool = False
    """Whether a value that it needs does not exist. Then the rule does not promote."""

    @property
    def answer(self) -> str:
        """Whether it holds, in words."""
        if self.is_missing:
            return "has a missing value"
        return {True: "holds", False: "does not hold", None: "nothing to compare with"}[self.holds]


@dataclass(frozen=True, slots=True, repr=False)
class PromotionVerdict(Displayed):
    """What a rule says of a new version."""

    promote: bool
    conditions: tuple[RuleCondition, ...]
    """In the order of the rule."""


@dataclass(frozen=True, slots=True)
class ComparedVersion:
    """A version that a rule may name: its label for messages, and its metrics."""

    label: str
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class RuleValues:
    """What the names of a rule stand for."""

    new: ComparedVersion
    stages: Mapping[str, ComparedVersion | None]
    """The version in each stage that the rule names; None for an empty stage."""
    checks_pass: bool
    target: str = ""
    """The stage that is decided about."""

    def is_stage(self, prefix: str) -> bool:
        """Whether the first part of a name is a stage, and not of a nested metric. An empty stage may be neither."""
        if prefix not in self.stages:
            return False
        keys = (full.rpartition(":")[2] for full in self.new.metrics)
        is_metric = any(key.startswith(f"{prefix}.") for key in keys)
        return prefix == self.target or self.stages[prefix] is not None or not is_metric


@dataclass(frozen=True, slots=True)
class PromotionRule:
    """A parsed rule."""

    text: str
    _tree: ast.expr

    @classmethod
    def parse(cls, text: str) -> PromotionRule:
        """Parse a rule. Raises RuleSyntaxError."""
        if len(text) > MAX_LENGTH:
            raise RuleSyntaxError(f"it is longer than {MAX_LENGTH:,} characters")
        try:
            tree = ast.parse(_without_keyword(text.strip()), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise RuleSyntaxError("it is not an expression such as `auc >= prod.auc`") from error
        _check_condition(tree, _MAX_DEPTH)
        return cls(text.strip(), tree)

    @property
    def stages(self) -> frozenset[str]:
        """The names that are written as stages, such as `stage["pre-prod"]`."""
        return frozenset(name.stage for name in names_in(self._tree) if name.stage is not None)

    @property
    def prefixes(self) -> frozenset[str]:
        """The first parts of other names: stages, or parts of nested metrics."""
        return frozenset(name.prefix for name in names_in(self._tree) if name.prefix is not None)

    def evaluate(self, values: RuleValues) -> PromotionVerdict:
        """Decide about a new version. A comparison with an empty stage is unknown.

        An unknown rule promotes: there is nothing that the new version could be worse than. A rule with a missing value
        never promotes, also where the value decides nothing: `not` and `or` would promote for a misspelt name.
        """
        conditions: list[RuleCondition] = []
        holds = _holds(self._tree, values, conditions)
        is_missing = any(one.is_missing for one in conditions)
        return PromotionVerdict(holds is not False and not is_missing, tuple(conditions))


def _without_keyword(text: str) -> str:
    return text.replace(_CHECKS_NAME, ".".join(_CHECKS_PARTS))


def _shown(tree: ast.expr) -> str:
    return ast.unparse(tree).replace(".".join(_CHECKS_PARTS), _CHECKS_NAME)


def _check_condition(tree: ast.expr, depth: int) -> None:
    """Raise RuleSyntaxError unless `tree` is true or false of a version."""
    if depth == 0:
        raise RuleSyntaxError("it is nested too deeply")
    match tree:
        case ast.BoolOp(values=parts):
            for part in parts:
                _check_condition(part, depth - 1)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            _check_condition(part, depth - 1)
        case ast.Compare(left=left, ops=ops, comparators=others):
            if not all(type(one) in _COMPARISONS for one in ops):
                raise RuleSyntaxError(f"`{_shown(tree)}` compares in another way than < <= > >= == !=")
            for part in (left, *others):
                _check_number(part, depth - 1)
        case _ if name_of(tree) == RuleName(_CHECKS_PARTS):
            pass
        case _:
            raise RuleSyntaxError(f"`{_shown(tree)}` is no comparison, such as `auc > 0.9`")


def _check_number(tree: ast.expr, depth: int) -> None:
    """Raise RuleSyntaxError unless `tree` is a number of a version."""
    if depth == 0:
        raise RuleSyntaxError("it is nested too deeply")
    match tree:
        case ast.Constant(value=bool()):
            raise RuleSyntaxError("True and False are no numbers")
        case ast.Constant(value=int() | float()):
            pass
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            _check_number(left, depth - 1)
            _check_number(right, depth - 1)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=part):
            _check_number(part, depth - 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            if len(args) != 1 if name == "abs" else len(args) < 2:
                raise RuleSyntaxError(f"`{_shown(tree)}` has the wrong number of arguments")
            for part in args:
                _check_number(part, depth - 1)
        case _:
            _check_name(tree)


def _check_name(tree: ast.expr) -> None:
    """Raise RuleSyntaxError unless `tree` is the name of a metric."""
    name = name_of(tree)
    if name is not None and not name.parts:
        raise RuleSyntaxError(f"`{_shown(tree)}` is a stage: name a metric of it, such as `{_shown(tree)}.auc`")
    if name is None or (name.stage is None and name.parts[0] == CHECKS):
        raise RuleSyntaxError(f"`{_shown(tree)}` is no number or metric")
    if name.stage is not None and not is_stage_name(name.stage):
        raise RuleSyntaxError(f"{name.stage!r} is no name of a stage")


def _holds(tree: ast.expr, values: RuleValues, conditions: list[RuleCondition]) -> bool | None:
    """Whether a condition holds; None if that is unknown, as in Kleene's logic.

    All comparisons are added to `conditions`, also those that decide nothing.
    """
    match tree:
        case ast.BoolOp(op=op, values=parts):
            found = [_holds(part, values, conditions) for part in parts]
            decisive = not isinstance(op, ast.And)
            return decisive if decisive in found else None if None in found else not decisive
        case ast.UnaryOp(operand=part):
            holds = _holds(part, values, conditions)
            return None if holds is None else not holds
        case ast.Compare():
            condition = _compared(tree, values)
        case _:
            said = "data checks passed" if values.checks_pass else "data checks failed, or were skipped"
            condition = RuleCondition(_shown(tree), values.checks_pass, said)
    conditions.append(condition)
    return condition.holds


def _compared(tree: ast.Compare, values: RuleValues) -> RuleCondition:
    text = _shown(tree)
    try:
        found = [_number(part, values) for part in (tree.left, *tree.comparators)]
    except (_MissingValue, ArithmeticError) as error:
        return RuleCondition(text, holds=False, found=str(error), is_missing=True)
    numbers = [one for one in found if one is not None]
    if len(numbers) < len(found):
        return RuleCondition(text, holds=None, found=_empty_stages(tree, values))
    signs = [_COMPARISONS[type(one)] for one in tree.ops]
    pairs = zip(signs, pairwise(numbers), strict=True)
    holds = all(compare(left, right) for (_, compare), (left, right) in pairs)
    shown = f"{numbers[0]:.6g}" + "".join(
        f" {sign} {right:.6g}" for (sign, _), right in zip(signs, numbers[1:], strict=True)
    )
    return RuleCondition(text, holds, shown)


def _empty_stages(tree: ast.expr, values: RuleValues) -> str:
    stages = dict.fromkeys(_stage_of(name, values) for name in names_in(tree))
    empty = [one for one in stages if one is not None and values.stages[one] is None]
    return f"no version is in {' or '.join(empty)} yet"


def _stage_of(name: RuleName, values: RuleValues) -> str | None:
    if name.prefix is not None and values.is_stage(name.prefix):
        return name.prefix
    return name.stage


def _number(tree: ast.expr, values: RuleValues) -> float | None:
    """The value of an expression; None if it needs one of an empty stage.

    All names are evaluated before that counts, so a misspelt one is noticed in the first version. Raises _MissingValue
    and ArithmeticError.
    """
    found = _value(tree, values)
    if found is not None and isnan(found):
        raise _MissingValue(f"`{_shown(tree)}` is not a number")
    return found


def _value(tree: ast.expr, values: RuleValues) -> float | None:
    match tree:
        case ast.Constant(value=int() | float() as constant):
            return float(constant)
        case ast.BinOp(left=left, op=op, right=right):
            return _calculated(_ARITHMETIC[type(op)], [left, right], values)
        case ast.UnaryOp(op=op, operand=part):
            return _calculated(operator.neg if isinstance(op, ast.USub) else operator.pos, [part], values)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _calculated(_FUNCTIONS[name], args, values)
    metric = name_of(tree)
    assert metric is not None, "the rule was checked when it was parsed"
    return _metric(metric, values)


def _calculated(function: Callable[..., float], parts: Sequence[ast.expr], values: RuleValues) -> float | None:
    found = [_number(part, values) for part in parts]
    return None if None in found else float(function(*found))


def _metric(name: RuleName, values: RuleValues) -> float | None:
    stage = _stage_of(name, values)
    if stage is not None:
        version = values.stages[stage]
        parts = name.parts if name.prefix is None else name.parts[1:]
        return None if version is None else _lookup(".".join(parts), version)
    parts = name.parts[1:] if len(name.parts) > 1 and name.parts[0] == NEW else name.parts
    try:
        return _lookup(".".join(parts), values.new)
    except _MissingValue as error:
        if name.prefix is None:
            raise
        explicit = f'{STAGE}["{name.prefix}"].{name.parts[-1]}'
        raise _MissingValue(f"{error}; no version was ever in a stage {name.prefix!r}: is it `{explicit}`?") from error


def _lookup(name: str, version: ComparedVersion) -> float:
    """The metric `name` of a version: a whole `FILE:KEY`, a key, or the last part of one. Raises _MissingValue."""
    if name in version.metrics:
        return version.metrics[name]
    keys = {full: full.rpartition(":")[2] for full in version.metrics}
    found = [full for full, key in keys.items() if key == name] or [
        full for full, key in keys.items() if key.rpartition(".")[2] == name
    ]
    if len({version.metrics[full] for full in found}) == 1:
        return version.metrics[found[0]]
    if found:
        raise _MissingValue(f"{version.label} has several metrics {name!r}: {', '.join(sorted(found))}")
    known = ", ".join(sorted(version.metrics)[:5]) or "none"
    raise _MissingValue(f"{version.label} has no metric {name!r}; it has: {known}")
