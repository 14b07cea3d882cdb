"""Parses the rules of a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from dver.checks.result import Severity
from dver.checks.suite.limits import at_most, between, bound, duration, number, scalar, whole
from dver.checks.suite.rules import Between, CheckRule, RuleKind, Wanted
from dver.checks.suite.written import Written, types, written
from dver.formats.profile import Value
from dver.pipelines.definition.yaml_fields import mapping, text
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at

_QUANTILES: Final = "quantiles"


def column_rules(name: str, node: Node, severity: Severity) -> Iterator[CheckRule]:
    """The rules of the column `name`, or of the columns that match this pattern. Raises PipelineError."""
    found = mapping(node, f"column {name!r}", (*_READERS, _QUANTILES, "severity"))
    limits = {key: found[key].value for key in ("min", "max") if key in found}
    low, high = limits.get("min"), limits.get("max")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        raise error_at(node.keys["min"], f"column {name!r}: `min` is greater than `max`", fix="exchange them")
    own = found.get("severity")
    if own is not None:
        severity = written(Node({"severity": own}, own.mark), severity).severity
    for key, read in _READERS.items():
        if key not in found:
            continue
        given = written(found[key], severity)
        wanted = read(given.node, f"`{key}`")
        if wanted is not None:
            yield CheckRule(RuleKind(key), wanted, given.severity, str(node.keys[key]), name)
    if _QUANTILES in found:
        yield from _quantiles(name, written(found[_QUANTILES], severity))


def _quantiles(name: str, given: Written) -> Iterator[CheckRule]:
    for key, one in mapping(given.node, "`quantiles`").items():
        mark = given.node.keys[key]
        own = written(one, given.severity)
        limits = between(own.node, f"quantile {key}", number)
        yield CheckRule(RuleKind.QUANTILE, limits, own.severity, str(mark), name, rank=_rank(key, mark))


def _rank(key: str, mark: Mark) -> float:
    try:
        rank = float(key)
    except ValueError:
        rank = -1.0
    if not 0 <= rank <= 1:
        raise error_at(mark, f"`quantiles`: expected a number from 0 to 1, not {key!r}", fix="0.5 is the median")
    return rank


def _limit(low: bool) -> Callable[[Node, str], Wanted]:
    def read(node: Node, what: str) -> Wanted:
        value = bound(node, what)
        return Between(low=value) if low else Between(high=value)

    return read


def _flag(node: Node, what: str) -> Wanted | None:
    """True, or None for false, which is no rule."""
    if not isinstance(node.value, bool):
        raise error_at(node.mark, f"{what}: expected true or false, not {node.kind}")
    return node.value or None


def _values(node: Node, what: str) -> Wanted:
    if not isinstance(node.value, tuple) or not node.value:
        raise error_at(node.mark, f"{what}: expected a list of values, not {node.kind if node.value else 'nothing'}")
    found: dict[tuple[type, Value], Value] = {}
    for one in node.value:
        value = scalar(one, what)
        if (type(value), value) in found:
            raise error_at(one.mark, f"{what}: duplicate {value!r}")
        found[type(value), value] = value
    return tuple(found.values())


_READERS: Final[Mapping[str, Callable[[Node, str], Wanted | None]]] = {
    "type": lambda node, _what: types(node),
    "declared": text,
    "nulls": at_most,
    "min": _limit(low=True),
    "max": _limit(low=False),
    "mean": lambda node, what: between(node, what, number),
    "deviation": lambda node, what: between(node, what, number),
    "finite": _flag,
    "unique": _flag,
    "distinct": lambda node, what: between(node, what, whole, exactly=True),
    "values": _values,
    "regex": text,
    "lengths": lambda node, what: between(node, what, whole, exactly=True),
    "fresh": duration,
}
