"""`dver queue status`."""

from __future__ import annotations

import sys

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.experiments.queue import counts_line, running_rows, task_rows
from dver.cli.render.terminal import columns, is_terminal, width
from dver.ops.queue.status import status
from dver.repo import Repository


@options.command(
    examples=[
        ("dver queue status", "Show the workers, and the experiments in the queue."),
        ("dver queue status --json", "Print them for a program."),
    ]
)
@options.json_option
@click.pass_obj
def command(ctx: Context, *, as_json: bool) -> None:
    """Show the workers and the experiments of the queue.

    Experiments that succeeded are counted only: `dver exp show` compares them.
    """
    with Repository.open(ctx.cwd) as repo:
        found = status(repo)
    if as_json:
        ctx.emit_json(found)
        return
    ctx.say(counts_line(found, ctx.style))
    ctx.table(running_rows(found, ctx.style))
    for tasks in (found.failed, found.stopped, found.queued):
        ctx.listing(list(columns(task_rows(tasks, ctx.style), width=width() if is_terminal(sys.stdout) else None)))
    if found.queued and not found.workers:
        ctx.note("no worker runs: `dver queue start` starts one")
