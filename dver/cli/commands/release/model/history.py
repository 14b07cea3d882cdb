"""`dver model history`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.models import event_json, event_rows
from dver.ops.model.history import model_history
from dver.repo import Repository


@options.command(
    examples=[
        ("dver model history churn", "Show what happened to churn, newest first."),
        ("dver model history churn -n 5", "Show the last five events."),
    ],
)
@click.argument("name", metavar="NAME")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Show at most N events.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, name: str, limit: int | None, as_json: bool) -> None:
    """Show the registrations and stages of a model, newest first."""
    with Repository.open(ctx.cwd) as repo:
        events = model_history(repo, name, limit=limit)
    if as_json:
        ctx.emit_json_list(map(event_json, events))
    else:
        ctx.table(event_rows(events))
