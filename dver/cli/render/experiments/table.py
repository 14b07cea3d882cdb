"""Tables of experiments for terminals, Markdown, CSV and JSON."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dver.cli.context import Context
from dver.cli.render import tables, terminal
from dver.cli.render.experiments.text import status_text
from dver.core.phrasing import join_limited
from dver.experiments.table.columns import ColumnKind, ValueColumn
from dver.experiments.table.rows import TableRow
from dver.experiments.table.table import ExperimentTable, HiddenExperiments
from dver.formats.experiment import Experiment
from dver.pipelines.definition.param_files import ABSENT

_SHORT: Final = 7
_WIDEST_NAME: Final = 40
_WIDEST_VALUE: Final = 24
_GAP: Final = 2
_OLD: Final = 300 * 86_400
"""Seconds after which the year is shown instead of the time of day."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_CSV: Final = ("name", "id", "status", "baseline", "commit", "created", "message")
_JSON: Final = (
    "baseline", "commit", "message", "created", "started", "ended", "host", "user", "params", "metrics", "data", "set",
    "targets", "sweep", "trial",
    "exit_code", "error", "attempt", "pruned",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Cells:
    """A column as text: its title, and its cells without colours."""

    title: str
    cells: Sequence[str]
    right: bool = False

    @property
    def width(self) -> int:
        cells = self.cells if "".join(self.cells).isascii() else ()
        return max(len(self.title), max(map(len, cells), default=0) if cells else self._wide())

    def _wide(self) -> int:
        return max(map(terminal.display_width, (self.title, *self.cells)))


def print_experiments(ctx: Context, table: ExperimentTable, *, precision: int | None) -> None:
    """Print the table in columns, cut to the width of a terminal, and what it omits."""
    width = terminal.width() if terminal.is_terminal(_stdout()) else None
    lines, omitted = table_lines(table, ctx.style, precision=precision, width=width)
    if table.experiments or table.hidden != HiddenExperiments():
        ctx.say("\n".join(lines))
    else:
        ctx.note("there are no experiments: `dver exp run` makes one")
    for note in notes(table, omitted):
        ctx.note(note)


def table_lines(
    table: ExperimentTable, style: terminal.Style, *, precision: int | None, width: int | None
) -> tuple[list[str], list[str]]:
    """The lines of the table, and the titles of the columns that do not fit into `width`."""
    fixed = _fixed_columns(table)
    values = [_value_cells(one, table.rows, precision) for one in table.columns]
    shown = values
    omitted: list[str] = []
    if width is not None:
        shown, omitted = _fitting(table.columns, values, width - sum(one.width + _GAP for one in fixed))
    columns = [*fixed, *shown]
    heading = style.bold("  ".join(_padded(one, [one.title])[0] for one in columns).rstrip())
    cells = [_padded(one, one.cells) for one in columns]
    _paint(cells, table.rows, style)
    lines = ["  ".join(line).rstrip() for line in zip(*cells, strict=True)]
    lines = [heading, *lines]
    return (lines if width is None else [terminal.shorten(one, width) for one in lines]), omitted


def notes(table: ExperimentTable, omitted: Sequence[str]) -> Iterator[str]:
    """What the table omits, and how to see it."""
    if omitted:
        what = terminal.count(len(omitted), "more column")
        yield f"{what} not shown: {join_limited(omitted, 5)}; a wider terminal or --csv shows them"
    hidden = table.hidden
    if hidden.filtered:
        yield f"{terminal.count(hidden.filtered, 'experiment')} did not match the filter"
    if hidden.over_limit:
        yield f"{terminal.count(hidden.over_limit, 'more experiment')} not shown because of -n"
    if hidden.other_branches:
        yield f"{terminal.count(hidden.other_branches, 'experiment')} of other branches not shown: dver exp show -A"


def print_experiments_md(ctx: Context, table: ExperimentTable, *, precision: int | None) -> None:
    """Print the table in Markdown."""
    columns = [*_fixed_columns(table), *(_value_cells(one, table.rows, precision) for one in table.columns)]
    rows = [[cell.strip() for cell in row] for row in zip(*(one.cells for one in columns), strict=True)]
    tables.print_markdown(ctx, [one.title for one in columns], rows)


def print_experiments_csv(ctx: Context, table: ExperimentTable) -> None:
    """Print the experiments as comma-separated values with all digits."""
    header = [*_CSV, *(one.title for one in table.columns)]
    rows = []
    for one in table.experiments:
        fixed = [one.name, one.id, one.status.value, one.baseline, one.commit, _iso(one.created), one.message]
        rows.append([*fixed, *(column.value(one) for column in table.columns)])
    tables.print_csv(ctx, header, rows)


def experiment_json(one: Experiment) -> dict[str, Any]:
    """The object for an experiment in the output of `--json`."""
    return {"name": one.name, "id": one.id, "status": one.status.value, **{name: getattr(one, name) for name in _JSON}}


def _iso(seconds: float) -> Any:
    from datetime import UTC, datetime  # takes 3 ms, and only CSV needs it

    return ABSENT if not seconds else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


# -- columns of text


def _fixed_columns(table: ExperimentTable) -> list[_Cells]:
    """The columns that each table has: name, time and status; and the baseline if the rows are not below it."""
    rows = table.rows
    names = [_name(row, table) for row in rows]
    created = _times([row.created for row in rows])
    found = [
        _Cells("experiment", names),
        _Cells("created", created),
        _Cells("status", [row.status.value if isinstance(row, Experiment) else "" for row in rows]),
    ]
    labels = {row.commit: row.name for row in rows if not isinstance(row, Experiment) and row.commit is not None}
    if table.is_sorted and len(labels) > 1:
        found.append(_Cells("baseline", [_baseline(row, labels) for row in rows]))
    return found


def _name(row: TableRow, table: ExperimentTable) -> str:
    name = row.name
    if not (_PLAIN.fullmatch(name) and len(name) <= _WIDEST_NAME):  # the fast path of a long table
        name = terminal.shorten(terminal.printable(name), _WIDEST_NAME)
    return f"  {name}" if isinstance(row, Experiment) and not table.is_sorted else name


def _baseline(row: TableRow, labels: Mapping[str, str]) -> str:
    if not isinstance(row, Experiment):
        return ""
    return terminal.shorten(terminal.printable(labels.get(row.baseline, row.baseline[:_SHORT])), _WIDEST_NAME)


def _times(found: Sequence[float]) -> list[str]:
    """Times as `ls` shows them. Each minute is formatted once."""
    now, texts = time.time(), {0: ""}
    for seconds in found:
        minute = int(seconds // 60)
        if minute not in texts:
            recent = abs(now - seconds) < _OLD
            texts[minute] = time.strftime("%b %d %H:%M" if recent else "%b %d  %Y", time.localtime(seconds))
    return [texts[int(seconds // 60)] for seconds in found]


def _value_cells(column: ValueColumn, rows: Iterable[TableRow], precision: int | None) -> _Cells:
    title = terminal.shorten(terminal.printable(column.title), _WIDEST_VALUE)
    values = column.values(rows)
    if column.kind is ColumnKind.DATA:
        return _Cells(title, [one[:_SHORT] if one is not ABSENT else "" for one in values])
    types = set(map(type, values))
    if types == {float} and precision is not None:  # the fast path of a long table
        return _Cells(title, [f"{one:.{precision}g}" for one in values], right=True)
    if types <= {int, str}:
        texts = {one: _value_text(one, precision) for one in dict.fromkeys(values)}
        return _Cells(title, [texts[one] for one in values], right=str not in types)
    cells = ["" if one is ABSENT else _value_text(one, precision) for one in values]
    return _Cells(title, cells, right=str not in types)


def _value_text(value: Any, precision: int | None) -> str:
    text = tables.cell_text(value, precision)
    return text if len(text) <= _WIDEST_VALUE and text.isascii() else terminal.shorten(text, _WIDEST_VALUE)


def _fitting(columns: Sequence[ValueColumn], cells: Sequence[_Cells], width: int) -> tuple[list[_Cells], list[str]]:
    """The cells of the columns that fit into `width`: metrics and other columns in turns. And the titles of others."""
    metrics = [at for at, one in enumerate(columns) if one.kind is ColumnKind.METRIC]
    others = [at for at, one in enumerate(columns) if one.kind is not ColumnKind.METRIC]
    turns = [at for pair in zip(metrics, others, strict=False) for at in pair]
    shorter = min(len(metrics), len(others))
    chosen: set[int] = set()
    for at in [*turns, *metrics[shorter:], *others[shorter:]]:
        width -= cells[at].width + _GAP
        if width < -_GAP:
            break
        chosen.add(at)
    shown = [one for at, one in enumerate(cells) if at in chosen]
    return shown, [one.title for at, one in enumerate(columns) if at not in chosen]


def _padded(column: _Cells, cells: Sequence[str]) -> list[str]:
    width = column.width
    if "".join(cells).isascii():
        return [one.rjust(width) for one in cells] if column.right else [one.ljust(width) for one in cells]
    blanks = [" " * (width - terminal.display_width(one)) for one in cells]
    return [b + one if column.right else one + b for one, b in zip(cells, blanks, strict=True)]


def _paint(cells: list[list[str]], rows: Sequence[TableRow], style: terminal.Style) -> None:
    """Colour names of baselines and statuses. The cells are padded, so colours do not change their width."""
    if style.bold("x") == "x":
        return
    for at, row in enumerate(rows):
        if isinstance(row, Experiment):
            blanks = " " * (len(cells[2][at]) - len(row.status.value))
            cells[2][at] = status_text(row.status, style) + blanks
        else:
            name = cells[0][at].rstrip()
            cells[0][at] = style.bold(name) + cells[0][at][len(name) :]


def _stdout() -> Any:
    import sys

    return sys.stdout
