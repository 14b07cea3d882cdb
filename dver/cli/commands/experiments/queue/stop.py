"""`dver queue stop`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.core.phrasing import count
from dver.ops.queue.stop import stop
from dver.repo import Repository


@options.command(
    examples=[
        ("dver queue stop", "End after the experiments that run now."),
        ("dver queue stop --kill", "Also stop the experiments that run now."),
    ]
)
@click.option("--kill", is_flag=True, help="Also stop the experiments that run now. They are recorded as stopped.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, kill: bool, as_json: bool) -> None:
    """Ask the workers to end after the experiments that they run.

    Experiments that were stopped keep their logs, and `dver queue retry` queues them again.
    """
    with Repository.open(ctx.cwd) as repo:
        found = stop(repo, kill=kill)
    if as_json:
        ctx.emit_json(found)
        return
    for one in found.unreachable:
        ctx.warn(f"process {one.pid} on {one.host} cannot be stopped from here: run dver queue stop there")
    ended = len(found.asked) - sum(one in found.asked for one in found.remaining)
    if not found.asked:
        ctx.say("no worker runs")
    elif found.remaining:
        ctx.say(f"{count(len(found.remaining), 'worker')} will end after the current experiment")
    else:
        ctx.say(f"{count(ended, 'worker')} ended")
