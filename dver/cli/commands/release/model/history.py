"""`dver model history`."""

from __future__ import annotations

from typing import Final

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.models.text import event_json, event_rows
from dver.git.git_repo import discover
from dver.ops.model.history import model_history

_LAST: Final = 20


@options.command(
    examples=[
        ("dver model history churn", "Show what happened to churn, newest first."),
        ("dver model history churn -v", "Show all events, not only the last 20."),
    ],
)
@click.argument("name", metavar="NAME")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Show at most N events; -v shows all.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, name: str, limit: int | None, as_json: bool) -> None:
    """Show the registrations and stages of a model, newest first.

    Prints the last 20 events, or all with -v. JSON has all of them. Works in every Git repository, also without a dver
    project.
    """
    if limit is None and not as_json and not ctx.verbose:
        limit = _LAST
    history = model_history(discover(ctx.cwd), name, limit=limit)
    if as_json:
        ctx.emit_json_list(map(event_json, history.events))
        return
    ctx.table(event_rows(history.events))
    if history.older:
        ctx.say(f"… and {history.older:,} more (-v lists them)")
