"""The HTML page of a table of experiments: sorting, filters, and parallel coordinates, in one file.

The rows that are not in sight are data, not elements, so the page works with tens of thousands of experiments.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any, Final

from dver.core.html_page import mark_of, render_document, script_json
from dver.experiments.table.columns import ColumnKind
from dver.experiments.table.rows import TableRow
from dver.experiments.table.table import ExperimentTable
from dver.formats.experiment import Experiment
from dver.pipelines.definition.param_files import ABSENT

MARK: Final = mark_of("exp show")
"""The beginning of each page, by which dver recognizes it."""

_POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
_EXACT: Final = 2**53
"""JavaScript has no integers beyond this one."""
_SHORT: Final = 8
_FIXED: Final = (("experiment", "name"), ("status", "status"), ("created", "time"), ("message", "text"))
_BODY: Final = """\
<h1>{title}</h1>
<div class="bar"><span id="count"></span><button id="reset">Reset</button></div>
<details id="axes-of"{opened}>
<summary>Parallel coordinates</summary>
<div class="bar"><label>Colour by <select id="colour"></select></label>
<span>Drag along an axis to select a range; click on it to clear the range.</span></div>
<div id="axes"><div id="plot"><canvas></canvas><svg></svg></div></div>
</details>
<div id="table"><table><colgroup></colgroup><thead></thead><tbody></tbody></table></div>
<script type="application/json" id="data">{data}</script>
<script>
{script}</script>
"""


def render_table_page(table: ExperimentTable, title: str, *, parallel_coordinates: bool = False) -> bytes:
    """The page of `table`. With `parallel_coordinates`, they are open when the page is."""
    from importlib.resources import files  # takes 20 ms

    here = files("dver.experiments.table")
    body = _BODY.format(
        title=html.escape(title),
        opened=" open" if parallel_coordinates else "",
        data=script_json(_data(table)),
        script=here.joinpath("page.js").read_text("utf-8"),
    )
    return render_document(MARK, title, body, style=here.joinpath("page.css").read_text("utf-8"), policy=_POLICY)


def _data(table: ExperimentTable) -> dict[str, Any]:
    fixed = _FIXED if any(row.message for row in table.rows) else _FIXED[:-1]
    columns = [{"title": title, "kind": kind} for title, kind in fixed]
    columns += [{"title": one.title, "kind": one.kind.value, "file": one.file} for one in table.columns]
    positions = {row.commit: at for at, row in enumerate(table.rows) if not isinstance(row, Experiment)}
    values = [
        [_data_text(one) if column.kind is ColumnKind.DATA else _value(one) for one in column.values(table.rows)]
        for column in table.columns
    ]
    rows = [
        {**_row(row, positions), "cells": [*_fixed(row)[: len(fixed)], *found]}
        for row, *found in zip(table.rows, *values, strict=True)
    ]
    return {"columns": columns, "rows": rows}


def _row(row: TableRow, positions: Mapping[str | None, int]) -> dict[str, Any]:
    """Whether a row is a reference, and the number of the row to compare it with."""
    if isinstance(row, Experiment):
        return {"base": positions.get(row.baseline, -1)}
    return {"reference": True, "base": -1}


def _fixed(row: TableRow) -> list[Any]:
    status = row.status.value if isinstance(row, Experiment) else None
    return [row.name, status, row.created or None, row.message or None]


def _value(value: Any) -> Any:
    """A value as JavaScript has it: numbers that it cannot represent, lists and others as text."""
    if value is ABSENT:
        return None
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return "null" if value is None else str(value)


def _data_text(value: Any) -> str | None:
    return None if value is ABSENT else value[:_SHORT]
