"""Reads data points from CSV, TSV, JSON and YAML files as rows of JSON values."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dver.core.errors import PipelineError
from dver.pipelines.definition.param_files import is_number, parse_json
from dver.pipelines.definition.yaml_tree import check_depth, parse_yaml, type_name

Row = dict[str, Any]

DATA: Final = frozenset((".csv", ".tsv", ".json", ".yaml", ".yml"))
"""The suffixes of data files."""

_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_NOT_NUMBERS: Final = frozenset(("", "nan", "inf", "-inf", "+inf", "infinity", "-infinity", "null", "none", "na"))
_DIGITS: Final = 300
_FIELD_SIZE: Final = 1 << 20


def parse_points(content: bytes, name: str, *, header: bool = True) -> list[Row]:
    """The rows of the file `name`, by its suffix.

    Without a `header`, the columns of CSV and TSV files are `0`, `1` and so on. The rows of JSON and YAML files are the
    lists of mappings in it; several lists are joined side by side. Raises PipelineError.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix in (".csv", ".tsv"):
        return _parse_separated(content, name, "," if suffix == ".csv" else "\t", header=header)
    if suffix == ".json":
        values = parse_json(content, name)
    elif suffix in (".yaml", ".yml"):
        values = parse_yaml(content, name).plain()
    else:
        fix = f"rename it to end in one of {', '.join(sorted(DATA))}"
        raise PipelineError(f"{name} cannot be plotted", why="its suffix is unknown", fix=fix)
    check_depth(values, name)
    rows = _join_side_by_side(_lists(values))
    if not rows:
        why = f"expected a list of mappings in it, found {type_name(values)} without one"
        raise PipelineError(f"{name} has no data points", why=why)
    return [{key: _plain(one) for key, one in row.items()} for row in rows]


def kind_of_column(values: Sequence[Any]) -> str:
    """The Vega-Lite type of the values: `quantitative`, `temporal` or `nominal`."""
    known = [one for one in values if one is not None]
    if known and all(map(is_number, known)):
        return "quantitative"
    if known and all(isinstance(one, str) and _DATE.fullmatch(one) for one in known):
        return "temporal"
    return "nominal"


def _parse_separated(content: bytes, name: str, separator: str, *, header: bool) -> list[Row]:
    try:
        text = content.decode("utf-8-sig")
        csv.field_size_limit(_FIELD_SIZE)
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if line]
    except UnicodeDecodeError as error:
        raise PipelineError(f"{name} is not text", why=f"byte {error.start} is not UTF-8") from None
    except csv.Error as error:
        raise PipelineError(f"{name} cannot be read", why=str(error)) from None
    named = lines.pop(0) if header and lines else [""] * max(map(len, lines), default=0)
    names = [one or str(at) for at, one in enumerate(named)]
    if not lines:
        raise PipelineError(f"{name} has no data points", why="it has only a header line")
    columns = {
        column: _as_numbers([line[at] if at < len(line) else "" for line in lines]) for at, column in enumerate(names)
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _as_numbers(column: Sequence[str]) -> list[Any]:
    """A column as numbers if all its values are numbers or missing."""
    cells = [one.strip() for one in column]
    if all(one.lower() in _NOT_NUMBERS or (len(one) < _DIGITS and _NUMBER.fullmatch(one)) for one in cells):
        return [_number(one) for one in cells]
    return list(column)


def _number(text: str) -> int | float | None:
    if text.lower() in _NOT_NUMBERS:
        return None
    value = float(text)
    whole = text.lstrip("-+").isdecimal() and abs(value) < 2**53  # beyond, JavaScript has no integers
    return int(text) if whole else _finite(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _lists(values: Any) -> Iterator[list[Mapping[str, Any]]]:
    """The lists of mappings in `values` at any depth of mappings."""
    waiting = deque([values])
    while waiting:
        one = waiting.popleft()
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list) and one and all(isinstance(row, Mapping) for row in one):
            yield one


def _join_side_by_side(lists: Iterator[list[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of several lists, joined side by side."""
    rows: list[dict[str, Any]] = []
    for one in lists:
        rows += [{} for _ in range(len(one) - len(rows))]
        for row, more in zip(rows, one, strict=False):
            row.update(more)
    return rows


def _plain(value: Any) -> Any:
    """A value that JSON and JavaScript can represent."""
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return float(value) if abs(value) < 10**_DIGITS else str(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
