"""`dver check data`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.quality.checks import print_checked, replaced_text
from dver.ops.quality.check_data import check_data
from dver.repo import Repository


@options.command(
    examples=[
        ("dver check data", "Check all data that has rules."),
        ("dver check data train.csv --rows 5", "Also show up to five failing rows of each rule."),
        ("dver check data --rev v1.0", "Check the data of v1.0 against the rules of today."),
        ("dver check data --junit checks.xml", "Also write the results for a CI service."),
    ]
)
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--rev", metavar="REV", help="Check the data of commit REV instead of the workspace.")
@click.option(
    "--rows", type=click.IntRange(0, 1000), default=0, metavar="N", help="Show up to N failing rows of each rule."
)
@click.option("--html", "page", metavar="FILE", help="Also write the results as a page that stands alone.")
@click.option("--junit", metavar="FILE", help="Also write the results as JUnit XML.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    *,
    paths: tuple[str, ...],
    rev: str | None,
    rows: int,
    page: str | None,
    junit: str | None,
    as_json: bool,
) -> int:
    """Check data against its rules.

    Rules are in `dver.checks.yaml` in a directory above the data, or beside an output in `dver.yaml`. What a profile
    answers costs no scan. Exits with 1 if a critical rule fails or cannot be evaluated; warnings do not count.
    """
    with Repository.open(ctx.cwd) as repo:
        result = check_data(repo, paths, cwd=ctx.cwd, rev=rev, rows=rows, progress=ctx.progress)
    for wrong in result.replaced:
        ctx.warn(replaced_text(wrong))
    if page is not None or junit is not None:
        from dver.ops.quality.check_pages import write_checks_page, write_junit

        if page is not None:
            write_checks_page(result.checked, ctx.cwd / page, title=rev or "")
            ctx.note(f"wrote {terminal.printable(page)}")
        if junit is not None:
            write_junit(result.checked, ctx.cwd / junit)
            ctx.note(f"wrote {terminal.printable(junit)}")
    if as_json:
        ctx.emit_json(result)
    else:
        for one in result.checked:
            print_checked(ctx, one)
    return 0 if result.passed else 1
