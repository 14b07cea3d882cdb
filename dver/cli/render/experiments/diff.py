"""The difference of two experiments as text, Markdown and JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dver.cli.context import Context
from dver.cli.render import tables, terminal
from dver.experiments.difference import CodeChange, ComparedState, DataDifference, ExperimentDifference
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.param_files import ABSENT

_SHORT: Final = 7
_KINDS: Final = ("added", "removed", "modified", "renamed")

Files = Mapping[str, tuple[ValueChange, ...]]


def print_difference(ctx: Context, found: ExperimentDifference, *, precision: int | None) -> None:
    """Print a section for each kind of difference."""
    old, new = (terminal.printable(side.name) for side in (found.old, found.new))
    style = ctx.style
    sections = [
        ("metrics", [["", old, new, "change"], *_value_rows(found.metrics, precision, measured=True)]),
        ("params", [["", old, new], *_value_rows(found.params, None, measured=False)]),
        ("code", [[""], *(_code_row(one, style) for one in found.code)]),
        ("data", [[""], *(_data_row(one) for one in found.data)]),
    ]
    shown = [(title, rows) for title, rows in sections if len(rows) > 1]
    if not shown:
        ctx.note(f"{old} and {new} do not differ")
    for title, rows in shown:
        header = [style.bold(title), *rows[0][1:]]
        ctx.table([header, *([f"  {row[0]}", *row[1:]] for row in rows[1:])], right=(1, 2, 3) if rows[0][1:] else ())
    if found.patch:
        ctx.say("")
        ctx.write_bytes(found.patch)
    for one in found.data:
        if one.error is not None:
            ctx.warn_about(one.error)


def print_difference_md(ctx: Context, found: ExperimentDifference, *, precision: int | None) -> None:
    """Print a table for each kind of difference in Markdown."""
    old, new = (terminal.printable(side.name) for side in (found.old, found.new))
    sections = [
        (["Metric", old, new, "Change"], list(_value_rows(found.metrics, precision, measured=True))),
        (["Param", old, new], list(_value_rows(found.params, None, measured=False))),
        (["Code", "Lines"], [_code_row(one, terminal.Style(enabled=False)) for one in found.code]),
        (["Data", "Files", "Content"], [_data_row(one) for one in found.data]),
    ]
    shown = [(header, rows) for header, rows in sections if rows]
    for number, (header, rows) in enumerate(shown):
        if number:
            ctx.say("")
        tables.print_markdown(ctx, header, rows)


def difference_json(found: ExperimentDifference) -> dict[str, Any]:
    """The object of `--json`."""
    return {
        "old": _side_json(found.old),
        "new": _side_json(found.new),
        "metrics": _values_json(found.metrics, measured=True),
        "params": _values_json(found.params, measured=False),
        "code": found.code,
        "data": found.data,
    } | ({"patch": found.patch.decode("utf-8", "replace")} if found.patch is not None else {})


def _side_json(side: ComparedState) -> dict[str, Any]:
    one = side.experiment
    known = {} if one is None else {"id": one.id, "status": one.status, "baseline": one.baseline}
    return {"name": side.name, "commit": None if side.name == "workspace" else side.tree, **known}


def _values_json(files: Files, *, measured: bool) -> dict[str, dict[str, Any]]:
    return {file: {one.key: _value_json(one, measured) for one in values} for file, values in files.items()}


def _value_json(one: ValueChange, measured: bool) -> dict[str, Any]:
    found = {"old": one.old, "new": one.new}
    if measured and one.difference is not None:
        found["diff"] = one.difference
    return {key: value for key, value in found.items() if value is not ABSENT}


def _value_rows(files: Files, precision: int | None, *, measured: bool) -> Iterator[list[str]]:
    """A row for each value. The name of the file is left out if there is only one."""
    for file, values in files.items():
        for one in values:
            name = one.key if len(files) == 1 else f"{file}:{one.key}"
            row = [terminal.printable(name), *(tables.cell_text(side, precision) for side in (one.old, one.new))]
            if measured:
                change = ABSENT if one.difference is None else one.difference
                row.append(tables.cell_text(change, precision, signed=True) if change is not ABSENT else "")
            yield row


def _code_row(one: CodeChange, style: terminal.Style) -> list[str]:
    if one.added is None or one.removed is None:
        return [terminal.printable(one.path), "binary"]
    return [terminal.printable(one.path), f"{style.green(f'+{one.added}')} {style.red(f'-{one.removed}')}"]


def _data_row(one: DataDifference) -> list[str]:
    counts = [f"{number:,} {kind}" for kind in _KINDS if (number := getattr(one, kind))]
    what = ", ".join(counts) or ("not in the store" if one.error is not None else "")
    old, new = ((side or "")[:_SHORT] or "-" for side in (one.old, one.new))
    path = terminal.printable(os.fsdecode(one.path))
    return [f"{path} (output)" if one.is_output else path, what, f"{old} -> {new}"]
