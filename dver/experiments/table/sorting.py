"""The order of rows: by values of any type, rows without a value last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dver.experiments.table.columns import Names
from dver.experiments.table.rows import Getter, TableRow
from dver.pipelines.definition.param_files import ABSENT, is_number


def sort_rows(
    rows: Sequence[TableRow], keys: Sequence[str], names: Names, *, descending: bool = False
) -> list[TableRow]:
    """The rows in the order of `keys`, the first key first. A key with a leading `-` is descending; with `descending`,
    keys without it are, too. Raises UsageError for an unknown key.

    Numbers come before text, and rows without a value come last, in both directions. Equal rows keep their order.
    """
    found = list(rows)
    for key in reversed(keys):
        name = key.removeprefix("-")
        found = _sorted(found, names.getter(name), descending=descending or name != key)
    return found


def _sorted(rows: Sequence[TableRow], get: Getter, *, descending: bool) -> list[TableRow]:
    groups: list[list[tuple[Any, TableRow]]] = [[] for _ in range(_GROUPS)]
    for row in rows:
        group, key = _key(get(row))
        groups[group].append((key, row))
    return [row for group in groups for _, row in sorted(group, key=lambda one: one[0], reverse=descending)]


_GROUPS = 6


def _key(value: Any) -> tuple[int, Any]:
    """The group of a value and its order in the group: numbers, NaN, truth values, text, others, missing values."""
    if is_number(value):
        return (0, value) if value == value else (1, 0)
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, str):
        return 3, value
    if value is ABSENT or value is None:
        return 5, 0
    return 4, json.dumps(value)
