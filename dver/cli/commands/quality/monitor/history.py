"""`dver monitor history`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.quality.monitoring import print_monitor_history, window_json
from dver.cli.render.terminal import printable
from dver.ops.quality.monitor_history import monitor_history, write_history_page
from dver.repo import Repository


@options.command(
    examples=[
        ("dver monitor history churn", "Show the windows of a monitor and how they changed over time."),
        ("dver monitor history churn --html churn.html", "Write a page with charts."),
    ]
)
@click.argument("name", metavar="NAME")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Show only the last N windows.")
@click.option("--html", "page", metavar="FILE", help="Write a page with charts over time to FILE.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, name: str, limit: int | None, page: str | None, as_json: bool) -> None:
    """Show the windows of a monitor, with a chart over time."""
    with Repository.open(ctx.cwd) as repo:
        history = monitor_history(repo, name, limit=limit)
    if page is not None:
        write_history_page(history, ctx.cwd / page)
        ctx.note(f"wrote {printable(page)}")
    if as_json:
        ctx.emit_json({"name": history.name, "windows": list(map(window_json, history.windows))})
    elif page is None:
        print_monitor_history(ctx, history)
