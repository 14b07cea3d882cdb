"""What a chart shows: the rows of all revisions, and which of their columns are x and y."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dver.core.errors import PipelineError
from dver.pipelines.plots.definition import PlotColumns, PlotDefinition
from dver.pipelines.plots.points import Row, kind_of_column

REV: Final = "rev"
FILE: Final = "filename"
FIELD: Final = "field"
SERIES: Final = "dver_series"
STEP: Final = "step"
"""Columns that every row has besides its own; the first three are called so in DVC's templates, too."""

_X: Final = "dver_x"
_Y: Final = "dver_y"
_JOINT: Final = "::"
_RESERVED: Final = frozenset((REV, FILE, FIELD, SERIES))


@dataclass(frozen=True, slots=True)
class Chart:
    """Data for a template."""

    rows: tuple[Row, ...]
    x: str
    y: str
    x_label: str
    y_label: str
    title: str
    revs: tuple[str, ...]
    series: tuple[str, ...]
    """The lines, bars, or whatever else of one revision; one if there is nothing to tell apart."""
    x_kind: str
    y_kind: str


@dataclass(frozen=True, slots=True)
class Series:
    """One column of one file at one revision."""

    rev: str
    place: str
    x: str | None
    y: str
    rows: Sequence[Row]
    x_rows: Sequence[Row]


def build_chart(definition: PlotDefinition, lines: Sequence[Series], title: str) -> Chart:
    """The chart of the `lines`, of which there is one or more; `title` where the definition has none."""
    x_names, y_names = (dict.fromkeys(names) for names in zip(*((one.x, one.y) for one in lines), strict=True))
    x, y = _called(list(x_names), _X), _called(list(y_names), _Y)
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
    """The lines of one revision; `files` are its rows by place. Raises PipelineError for columns that are not there,
    and for files that do not fit together."""
    pairs = [(one.place, name) for one in definition.ys if one.place in files for name in _chosen(one, files)]
    xs = [(one.place, name) for one in definition.xs for name in one.names]
    if len(xs) > 1 and len(xs) != len(pairs):
        raise PipelineError(
            f"{definition.name!r} has {len(xs)} columns for x and {len(pairs)} for y",
            fix="use one x column, or as many as y columns",
        )
    found = []
    for at, (place, name) in enumerate(pairs):
        rows = _with_column(files, place, name)
        x_place, x = xs[at if len(xs) > 1 else 0] if xs else (place, definition.x)
        x_rows = rows if x is None else _with_column(files, x_place, x)
        if len(x_rows) != len(rows):
            why = f"the files have {len(x_rows):,} and {len(rows):,} rows"
            raise PipelineError(f"column {x!r} of {x_place!r} does not match column {name!r} of {place!r}", why=why)
        found.append(Series(rev, place, x, name, rows, x_rows))
    return found


def _chosen(columns: PlotColumns, files: Mapping[str, Sequence[Row]]) -> Sequence[str]:
    return columns.names or [list(files[columns.place][0])[-1]]


def _with_column(files: Mapping[str, Sequence[Row]], place: str, name: str) -> Sequence[Row]:
    rows = files.get(place)
    if rows is None:
        raise PipelineError(f"file {place!r} with column {name!r} not found")
    if not any(name in row for row in rows):
        raise PipelineError(f"{place!r} has no column {name!r}", fix=f"its columns: {', '.join(map(str, rows[0]))}")
    return rows


def _called(names: Sequence[str | None], several: str) -> str | None:
    """The one name of all that is x, or y; a name of ours where there are several, or where it means something else."""
    return names[0] if len(names) == 1 and names[0] not in _RESERVED else several


def _labels(lines: Sequence[Series]) -> dict[tuple[str, str], str]:
    """What tells the lines of one revision apart: the file, the column, or both."""
    pairs = list(dict.fromkeys((line.place, line.y) for line in lines))
    places = {place for place, _ in pairs}
    columns = {column for _, column in pairs}
    above = os.path.commonpath([os.path.dirname(place) for place in places]) if len(places) > 1 else ""
    found = {}
    for place, column in pairs:
        short = os.path.relpath(place, above) if above else place
        parts = [part for part, many in ((short, len(places) > 1), (column, len(columns) > 1)) if many]
        found[place, column] = _JOINT.join(parts) or column
    return found


def _rows(line: Series, x: str | None, y: str, labels: Mapping[tuple[str, str], str]) -> list[Row]:
    found: list[Row] = []
    for at, (row, other) in enumerate(zip(line.rows, line.x_rows, strict=True)):
        more: dict[str, Any] = {y: row.get(line.y)}
        if line.x is None:
            more[x or STEP] = row.get(STEP, at)
        else:
            more[x or STEP] = other.get(line.x)
        label = {REV: line.rev, FILE: line.place, FIELD: line.y, SERIES: labels[line.place, line.y]}
        found.append({**row, **more, **label})
    return found
