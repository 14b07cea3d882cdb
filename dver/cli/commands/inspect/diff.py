"""`dver diff`: compare two versions of tracked data."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.changes import change_lines, change_summary, path_text
from dver.ops.inspect.diff import DiffResult, diff
from dver.ops.inspect.diff_page import write_diff_page
from dver.repo import Repository
from dver.tracking.targets import split_revision


@options.command(
    examples=[
        ("dver diff", "Compare HEAD with the workspace."),
        ("dver diff v1 v2 data/", "Compare two versions of data/."),
        ("dver diff --exit-code main", "Exit with 1 if the workspace differs from main."),
        ("dver diff v1 --html changes.html", "Write a page with images before and after."),
    ]
)
@click.argument("arguments", nargs=-1, metavar="[A [B]] [PATH...]")
@click.option("--html", "page", metavar="FILE", help="Write the difference as a page that stands alone.")
@options.exit_code_option
@options.json_option
@click.pass_obj
def command(ctx: Context, *, arguments: tuple[str, ...], page: str | None, exit_code: bool, as_json: bool) -> int:
    """Compare two versions of tracked data file by file.

    A defaults to HEAD, B to the workspace. Files are added (A), deleted (D), modified (M) or renamed (R).
    """
    with Repository.open(ctx.cwd) as repo:
        old, rest = split_revision(repo, arguments, ctx.cwd)
        new, paths = split_revision(repo, rest, ctx.cwd) if old else (None, rest)
        result = diff(repo, paths, cwd=ctx.cwd, old=old, new=new, progress=ctx.progress)
        if page is not None:
            write_diff_page(repo, result.changes, ctx.cwd / page, old=old, new=new)
            ctx.note(f"wrote {terminal.printable(page)}: {change_summary(result.changes)}")
        if as_json:
            ctx.emit_json(result)
        elif page is None:
            _print_result(ctx, repo, result)
        return 1 if exit_code and result.changes else 0


def _print_result(ctx: Context, repo: Repository, result: DiffResult) -> None:
    for line in change_lines(repo, result.changes, ctx.style):
        ctx.say(line)
    if result.changes:
        ctx.note(change_summary(result.changes))
    for path in result.out_of_date:
        ctx.note(f"skipped {path_text(repo, path)}: it is out of date, `dver pull` updates it")
    for path in result.absent:
        ctx.note(f"skipped {path_text(repo, path)}: it is not in the workspace, `dver checkout` restores it")
