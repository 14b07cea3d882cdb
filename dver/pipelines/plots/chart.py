"""The data of a chart: the rows of all revisions, with columns for x, y and the series."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.errors import PipelineError
from dver.pipelines.plots.definition import PlotColumns, PlotDefinition
from dver.pipelines.plots.points import Row, kind_of_column

REV: Final = "rev"
FILE: Final = "filename"
FIELD: Final = "field"
SERIES: Final = "dver_series"
STEP: Final = "step"
"""Columns that dver adds to each row. DVC's templates use the names of the first three, too."""

_X: Final = "dver_x"
_Y: Final = "dver_y"
_JOINT: Final = "::"
_RESERVED: Final = frozenset((REV, FILE, FIELD, SERIES))


@dataclass(frozen=True, slots=True)
class Chart:
    """The data that a template is filled with."""

    rows: tuple[Row, ...]
    x: str
    y: str
    x_label: str
    y_label: str
    title: str
    revs: tuple[str, ...]
    series: tuple[str, ...]
    """The lines or groups of bars of one revision; one if there is nothing to tell apart."""
    x_kind: str
    y_kind: str


@dataclass(frozen=True, slots=True)
class Series:
    """One column of one file at one revision."""

    rev: str
    path: str
    x: str | None
    y: str
    rows: Sequence[Row]
    x_rows: Sequence[Row]


def build_chart(definition: PlotDefinition, lines: Sequence[Series], title: str) -> Chart:
    """The chart of one or more `lines`. `title` is the default title."""
    x_names, y_names = (dict.fromkeys(names) for names in zip(*((one.x, one.y) for one in lines), strict=True))
    x, y = _column_name(list(x_names), _X), _column_name(list(y_names), _Y)
    assert y is not None
    labels = _labels(lines)
    rows = tuple(row for line in lines for row in _rows(line, x, y, labels))
    style = definition.style
    return Chart(
        rows,
        x or STEP,
        y,
        style.x_label or (next(iter(x_names)) or STEP if len(x_names) == 1 else "x"),
        style.y_label or (next(iter(y_names)) if len(y_names) == 1 else "y"),
        style.title or title,
        tuple(dict.fromkeys(line.rev for line in lines)),
        tuple(dict.fromkeys(labels.values())),
        kind_of_column([row.get(x or STEP) for row in rows]),
        kind_of_column([row.get(y) for row in rows]),
    )


def series_of(definition: PlotDefinition, rev: str, files: Mapping[str, Sequence[Row]]) -> list[Series]:
    """The series of one revision from its rows by file. Raises PipelineError for missing columns, and for columns of
    different lengths."""
    pairs = [(one.path, name) for one in definition.ys if one.path in files for name in _y_columns(one, files)]
    xs = [(one.path, name) for one in definition.xs for name in one.names]
    if len(xs) > 1 and len(xs) != len(pairs):
        raise PipelineError(
            f"{definition.name!r} has {len(xs)} columns for x and {len(pairs)} for y",
            fix="use one x column, or as many as y columns",
        )
    found = []
    for at, (path, name) in enumerate(pairs):
        rows = _with_column(files, path, name)
        x_path, x = xs[at if len(xs) > 1 else 0] if xs else (path, definition.x)
        x_rows = rows if x is None else _with_column(files, x_path, x)
        if len(x_rows) != len(rows):
            why = f"the files have {len(x_rows):,} and {len(rows):,} rows"
            raise PipelineError(f"column {x!r} of {x_path!r} does not match column {name!r} of {path!r}", why=why)
        found.append(Series(rev, path, x, name, rows, x_rows))
    return found


def _y_columns(columns: PlotColumns, files: Mapping[str, Sequence[Row]]) -> Sequence[str]:
    return columns.names or [list(files[columns.path][0])[-1]]


def _with_column(files: Mapping[str, Sequence[Row]], path: str, name: str) -> Sequence[Row]:
    rows = files.get(path)
    if rows is None:
        raise PipelineError(f"file {path!r} with column {name!r} not found")
    if not any(name in row for row in rows):
        raise PipelineError(f"{path!r} has no column {name!r}", fix=f"its columns: {', '.join(map(str, rows[0]))}")
    return rows


def _column_name(names: Sequence[str | None], several: str) -> str | None:
    """The common name of all columns; a name of our own if there are several or if it is reserved."""
    return names[0] if len(names) == 1 and names[0] not in _RESERVED else several


def _labels(lines: Sequence[Series]) -> dict[tuple[str, str], str]:
    """The label of each series of one revision: its file, its column, or both."""
    pairs = list(dict.fromkeys((line.path, line.y) for line in lines))
    paths = {path for path, _ in pairs}
    columns = {column for _, column in pairs}
    above = os.path.commonpath([os.path.dirname(path) for path in paths]) if len(paths) > 1 else ""
    found = {}
    for path, column in pairs:
        short = os.path.relpath(path, above) if above else path
        parts = [part for part, many in ((short, len(paths) > 1), (column, len(columns) > 1)) if many]
        found[path, column] = _JOINT.join(parts) or column
    return found


def _rows(line: Series, x: str | None, y: str, labels: Mapping[tuple[str, str], str]) -> list[Row]:
    found: list[Row] = []
    for at, (row, other) in enumerate(zip(line.rows, line.x_rows, strict=True)):
        x_value = row.get(STEP, at) if line.x is None else other.get(line.x)
        label = {REV: line.rev, FILE: line.path, FIELD: line.y, SERIES: labels[line.path, line.y]}
        found.append({**row, y: row.get(line.y), x or STEP: x_value, **label})
    return found
