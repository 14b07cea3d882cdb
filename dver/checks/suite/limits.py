"""Reads the limits of rules from YAML. Errors point at the position in the file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from dver.checks.suite.rules import AtMost, Between
from dver.config.schema import parse_duration
from dver.formats.profile import Value
from dver.pipelines.definition.yaml_fields import mapping
from dver.pipelines.definition.yaml_tree import Node, error_at

T = TypeVar("T", bound=Value)

_PERCENT: Final = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%")
_DURATION: Final = re.compile(r"[0-9]{1,6}[mhdw]")


def scalar(node: Node, what: str) -> Value:
    """Text, a finite number, true or false."""
    value = node.value
    if value is None or isinstance(value, (tuple, Mapping)):
        raise error_at(node.mark, f"{what}: expected a value, not {node.kind}")
    if isinstance(value, float) and not math.isfinite(value):
        raise error_at(node.mark, f"{what}: expected a finite number")
    return value


def number(node: Node, what: str) -> float:
    """A finite number."""
    value = scalar(node, what)
    if isinstance(value, (bool, str)):
        raise error_at(node.mark, f"{what}: expected a number, not {node.kind}")
    if abs(value) > 1e300:
        raise error_at(node.mark, f"{what}: expected a number of at most 1e300")
    return value


def whole(node: Node, what: str) -> int:
    """An integer of at least 0."""
    value = number(node, what)
    if not isinstance(value, int) or value < 0:
        raise error_at(node.mark, f"{what}: expected an integer of at least 0, not {value!r}")
    return value


def bound(node: Node, what: str) -> float | str:
    """A number, or text: also a date or time such as `2026-01-31`."""
    value = scalar(node, what)
    if isinstance(value, bool):
        raise error_at(node.mark, f"{what}: expected a number or text, not true or false")
    return value if isinstance(value, str) else number(node, what)


def between(
    node: Node, what: str, read: Callable[[Node, str], float], *, exactly: bool = False, more: Collection[str] = ()
) -> Between:
    """`{min: …, max: …}`, or with `exactly` also a single number. `more` are other keys that are allowed."""
    if exactly and not isinstance(node.value, (tuple, Mapping)):
        value = read(node, what)
        return Between(value, value)
    found = mapping(node, what, ("min", "max", *more))
    low, high = (read(found[end], f"{what}: `{end}`") if end in found else None for end in ("min", "max"))
    if low is None and high is None and not set(more) & set(found):
        raise error_at(node.mark, f"{what}: expected `min`, `max` or both")
    if low is not None and high is not None and low > high:
        raise error_at(node.mark, f"{what}: `min` is greater than `max`", fix="exchange them")
    return Between(low, high)


def share(node: Node, what: str) -> float:
    """A percentage such as `5 %`, as a number: 0.05."""
    match = _PERCENT.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
    if match is None:
        fix = "write 5 % for a share" if not isinstance(node.value, (tuple, Mapping)) else None
        raise error_at(node.mark, f"{what}: expected a percentage, not {_shown(node)}", fix=fix)
    return float(Decimal(match[1]) / 100)  # 0.7 / 100 of floats is not the nearest one to 0.007


def at_most(node: Node, what: str) -> AtMost:
    """A number of rows such as `10`, or a share such as `5 %`."""
    if isinstance(node.value, Mapping):
        return at_most(mapping(node, what, ("max",)).get("max", Node(None, node.mark)), what)
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return AtMost(number=whole(node, what))
    if not isinstance(node.value, str):
        why = f"{what}: expected a number of rows or a percentage, not {_shown(node)}"
        raise error_at(node.mark, why, fix="such as 10, or 5 %")
    found = share(node, what)
    if not 0 <= found <= 1:
        raise error_at(node.mark, f"{what}: expected 0 % to 100 %")
    return AtMost(share=found)


def change(node: Node, what: str) -> Between:
    """`10 %` for both directions, or `{min: -5 %, max: 20 %}`, as shares."""
    if not isinstance(node.value, Mapping):
        found = abs(share(node, what))
        return Between(-found, found)
    return between(node, what, share)


def duration(node: Node, what: str) -> str:
    """A duration such as `7d`."""
    if not isinstance(node.value, str) or not _DURATION.fullmatch(node.value) or not parse_duration(node.value):
        raise error_at(node.mark, f"{what}: expected a number and m, h, d or w, such as 7d, not {_shown(node)}")
    return node.value


def is_time(text: str) -> bool:
    """Is `text` a date or a time in the form of ISO 8601?"""
    return seconds_of_time(text) is not None


def seconds_of_time(text: str) -> float | None:
    """The Unix seconds of a date or time in the form of ISO 8601, without a zone in UTC. None for other text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    from datetime import UTC

    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _shown(node: Node) -> str:
    return node.kind if node.value is None or isinstance(node.value, (tuple, Mapping)) else repr(node.value)
