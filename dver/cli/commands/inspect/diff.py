"""`dver diff`: compare two versions of tracked data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.data.changes import change_lines, path_text
from dver.cli.render.data.rows import print_rows
from dver.core.errors import UsageError
from dver.core.phrasing import count
from dver.ops.inspect.diff import DiffResult, diff
from dver.ops.inspect.diff_page import write_diff_page
from dver.ops.inspect.diff_rows import RowsOfTable, diff_rows
from dver.repo import Repository
from dver.store.trees.compare import change_summary
from dver.tracking.targets import split_revision

_LIMIT: Final = 10


@options.command(
    examples=[
        ("dver diff", "Compare HEAD with the workspace."),
        ("dver diff v1 v2 data/", "Compare two versions of data/."),
        ("dver diff --exit-code main", "Exit with 1 if the workspace differs from main."),
        ("dver diff v1 --html changes.html", "Write a page with images before and after."),
        ("dver diff --rows --key id data/users.csv", "Compare rows: added, removed, changed cells."),
    ]
)
@click.argument("arguments", nargs=-1, metavar="[A [B]] [PATH...]")
@click.option("--html", "page", metavar="FILE", help="Write the difference as a page that stands alone.")
@click.option("--rows", is_flag=True, help="Compare the rows of changed tables (CSV, TSV, Parquet, JSONL).")
@click.option("--key", multiple=True, metavar="COLUMN", help="A column that identifies a row. May be repeated.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=_LIMIT, show_default=True, help="Sample rows of each kind."
)
@options.exit_code_option
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    arguments: tuple[str, ...],
    page: str | None,
    rows: bool,
    key: tuple[str, ...],
    limit: int,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Compare two versions of tracked data file by file.

    A defaults to HEAD, B to the workspace. Files are added (A), deleted (D), modified (M) or renamed (R).

    With --rows, the rows of modified tables are compared by the columns of --key; without a key, equal rows are
    counted. Values of CSV files are compared as text.
    """
    if (key or limit != _LIMIT) and not rows:
        raise UsageError("--key and --limit need --rows", why="they belong to the rows of tables", fix="add --rows")
    with Repository.open(ctx.cwd) as repo:
        old, rest = split_revision(repo, arguments, ctx.cwd)
        new, paths = split_revision(repo, rest, ctx.cwd) if old else (None, rest)
        result = diff(repo, paths, cwd=ctx.cwd, old=old, new=new, progress=ctx.progress)
        if page is not None:
            write_diff_page(repo, result.changes, ctx.cwd / page, old=old, new=new)
            ctx.note(f"wrote {terminal.printable(page)}: {change_summary(result.changes)}")
        if rows:
            tables = diff_rows(repo, result.changes, key=key, old=old, new=new, limit=limit, progress=ctx.progress)
            _print_tables(ctx, repo, result, tables, as_json=as_json)
        elif as_json:
            ctx.emit_json(result)
        elif page is None:
            _print_result(ctx, repo, result)
        return 1 if exit_code and result.changes else 0


def _print_tables(
    ctx: Context, repo: Repository, result: DiffResult, tables: Sequence[RowsOfTable], *, as_json: bool
) -> None:
    if as_json:
        ctx.emit_json({"tables": tables})
        return
    for table in tables:
        print_rows(ctx, repo, table)
    others = len(result.changes) - len(tables)
    if others:
        ctx.note(f"{count(others, 'more changed path')} without rows to compare: `dver diff` lists them")


def _print_result(ctx: Context, repo: Repository, result: DiffResult) -> None:
    for line in change_lines(repo, result.changes, ctx.style):
        ctx.say(line)
    if result.changes:
        ctx.note(change_summary(result.changes))
    for path in result.out_of_date:
        ctx.note(f"skipped {path_text(repo, path)}: it is out of date, `dver pull` updates it")
    for path in result.absent:
        ctx.note(f"skipped {path_text(repo, path)}: it is not in the workspace, `dver checkout` restores it")
