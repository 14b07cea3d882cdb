"""`dver exp list`."""

from __future__ import annotations

from collections import Counter

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.experiments.table import experiment_json
from dver.cli.render.experiments.text import list_row
from dver.cli.render.terminal import printable
from dver.ops.exp.list_experiments import list_experiments
from dver.repo import Repository


@options.command(
    examples=[
        ("dver exp list", "List the experiments with their status."),
        ("dver exp list --names-only", "List their names, for scripts."),
    ],
)
@click.option("--names-only", is_flag=True, help="Print only names.")
@click.option("--removed", is_flag=True, help="List removed experiments that can be restored instead.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, names_only: bool, removed: bool, as_json: bool) -> None:
    """List the experiments."""
    with Repository.open(ctx.cwd) as repo:
        found = list_experiments(repo, removed=removed, on_problem=ctx.warn_about)
    if as_json:
        ctx.emit_json_list(one.name if names_only else experiment_json(one) for one in found)
    elif names_only:
        for one in found:
            ctx.say(printable(one.name))
    else:
        times = Counter(one.name for one in found)
        ctx.table(list_row(one, ctx.style, with_id=times[one.name] > 1) for one in found)
        if not found:
            ctx.note(
                "no removed experiment can be restored"
                if removed
                else "there are no experiments: `dver exp run` makes one"
            )
