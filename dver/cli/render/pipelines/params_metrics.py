"""Output of `dver params`, `dver metrics` and `dver plots`: values, their changes, and files that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dver.cli.context import Context
from dver.cli.render import tables, terminal
from dver.core.phrasing import join_limited
from dver.pipelines.compare.compared_versions import WORKSPACE, FileMissingError, ReadProblem
from dver.pipelines.compare.params_metrics import ValueTable, compare_sides
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.param_files import ABSENT

_SHOWN: Final = 20
"""The number of unreadable files to list; the rest is counted."""


def print_comparison(
    ctx: Context, table: ValueTable, word: str, *, form: str, every: bool, precision: int | None, named: bool
) -> None:
    """Print the values that differ between the two sides, or with `every` all values. Metrics have a column for the
    difference. `named`: see `print_problems`."""
    old, new = table.sides
    files = compare_sides(old, new)
    changes = {file: [one for one in found if every or one.differs] for file, found in files.items()}
    measured = word == "Metric"
    if form == "json":
        ctx.emit_json(
            {file: {one.key: _sides(one, measured) for one in found} for file, found in changes.items() if found}
        )
    else:
        header = ["Path", word, old.side, new.side, *(["Change"] if measured else [])]
        rows = [_row(file, one, measured) for file, found in changes.items() for one in found]
        if form == "csv":
            tables.print_csv(ctx, header, rows)
        else:
            _print_form(ctx, header, [_cells(row, precision) for row in rows], form=form)
        if not rows and not table.problems and form == "table":
            ctx.note(f"no {word.lower()}s differ" if files else f"there are no {word.lower()}s")
    print_problems(ctx, table.problems, nothing=not files, named=named)


def print_values(ctx: Context, table: ValueTable, word: str, *, form: str, precision: int | None, named: bool) -> None:
    """Print the values of each side. `named`: see `print_problems`."""
    nothing = not any(side.files for side in table.sides)
    if form == "json":
        ctx.emit_json({side.side: side.files for side in table.sides})
    elif form == "csv":
        tables.print_csv(ctx, ["Revision", "Path", word, "Value"], _long(table))
    elif nothing and not table.problems:
        ctx.note(f"there are no {word.lower()}s")
    elif not nothing:
        _print_value_table(ctx, table, word, form, precision)
    print_problems(ctx, table.problems, nothing=nothing, named=named)


def print_problems(ctx: Context, problems: Sequence[ReadProblem], *, nothing: bool, named: bool) -> None:
    """Warn about files that could not be read; raise the last error if `nothing` could be read.

    Missing files are one message per side. They are no error before the first run, unless they are `named` by the
    user or are files that no stage produces.
    """
    absent = [] if named else [one for one in problems if isinstance(one.error, FileMissingError)]
    others = [one for one in problems if one not in absent]
    for side in dict.fromkeys(one.side for one in absent):
        text = _absent([one for one in absent if one.side == side])
        ctx.note(text) if nothing and not others else ctx.warn(text)
    warned = others[:-1] if nothing else others
    for one in warned[:_SHOWN]:
        ctx.warn(_problem(one))
    if len(warned) > _SHOWN:
        ctx.warn(f"{terminal.count(len(warned) - _SHOWN, 'more file')} could not be read")
    if nothing and others:
        raise others[-1].error


def _problem(one: ReadProblem) -> str:
    where = "" if one.side in one.error.what else f" ({_at(one.side)})"
    return "; ".join([one.error.what + where, *(part for part in (one.error.why, one.error.fix) if part)])


def _absent(problems: Sequence[ReadProblem]) -> str:
    if len(problems) == 1:
        return _problem(problems[0])
    what = f"not {_at(problems[0].side)}: {join_limited([one.path for one in problems])}"
    fix = problems[0].error.fix
    return f"{what}; {fix}" if fix else what


def _at(side: str) -> str:
    return "in the workspace" if side == WORKSPACE else f"at {side}"


def _print_form(ctx: Context, header: Sequence[str], rows: Sequence[Sequence[str]], *, form: str) -> None:
    header = [terminal.printable(name) for name in header]
    shown = [[terminal.printable(one) if at < 2 else one for at, one in enumerate(row)] for row in rows]
    if form == "md":
        tables.print_markdown(ctx, header, shown)
    elif shown:
        tables.print_table(ctx, header, shown, right=range(2, len(header)))


def _print_value_table(ctx: Context, found: ValueTable, word: str, form: str, precision: int | None) -> None:
    """Print one value per line; with several revisions, one revision per line if its values fit into it."""
    many = len(found.sides) > 1
    header, rows = _wide(found, precision)
    if many and (form == "md" or tables.fits(header, rows)):
        _print_form(ctx, header, rows, form=form)
        return
    start = 0 if many else 1
    rows = [[*row[:2], terminal.printable(row[2]), tables.cell_text(row[3], precision)][start:] for row in _long(found)]
    _print_form(ctx, ["Revision", "Path", word, "Value"][start:], rows, form=form)


def _wide(found: ValueTable, precision: int | None) -> tuple[list[str], list[list[str]]]:
    files = [(side.side, file, values) for side in found.sides for file, values in side.files.items()]
    keys = dict.fromkeys(key for _, _, values in files for key in values)
    rows = [
        [side, file, *(tables.cell_text(values.get(key, ABSENT), precision) for key in keys)]
        for side, file, values in files
    ]
    return ["Revision", "Path", *keys], rows


def _long(found: ValueTable) -> list[list[Any]]:
    return [
        [side.side, file, key, value]
        for side in found.sides
        for file, values in side.files.items()
        for key, value in values.items()
    ]


def _sides(change: ValueChange, measured: bool) -> dict[str, Any]:
    found = {"old": change.old, "new": change.new}
    if measured and change.difference is not None:
        found["diff"] = change.difference
    return {key: value for key, value in found.items() if value is not ABSENT}


def _row(file: str, change: ValueChange, measured: bool) -> list[Any]:
    row = [file, change.key, change.old, change.new]
    return [*row, ABSENT if change.difference is None else change.difference] if measured else row


def _cells(row: Sequence[Any], precision: int | None) -> list[str]:
    file, key, old, new, *change = row
    values = [tables.cell_text(one, precision) for one in (old, new)]
    return [file, key, *values, *(tables.cell_text(one, precision, signed=True) for one in change)]
