"""`dver checks init`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.ops.quality.init_checks import init_checks
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver checks init data/train.csv", "Propose rules for a file."),
        ("dver checks init data/ --dry-run", "Print them, and write nothing."),
    ],
)
@click.argument("path")
@click.option("--dry-run", is_flag=True, help="Print the new rules, and write nothing.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, path: str, dry_run: bool, as_json: bool) -> None:
    """Propose rules for data from its profile.

    Adds rules that hold for the data of today, with margins, to the nearest `dver.checks.yaml` above it, or to a new
    one beside it. Rules that are there stay. Read them: dver cannot know which of them you need.
    """
    with Repository.open(ctx.cwd) as repo:
        found = init_checks(repo, path, cwd=ctx.cwd, dry_run=dry_run, progress=ctx.progress)
    if as_json:
        ctx.emit_json(found)
    elif dry_run:
        ctx.say(found.content.rstrip("\n"))
    else:
        rules = terminal.count(found.rules, "rule")
        ctx.say(f"added {rules} for {terminal.printable(found.data)} to {terminal.printable(found.path)}")
        ctx.note("read them, then run `dver check data`")
