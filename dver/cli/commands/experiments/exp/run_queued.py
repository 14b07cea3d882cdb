"""`dver exp run --queue`."""

from __future__ import annotations

from dver.cli.context import Context
from dver.cli.notices import warn_about_left_out
from dver.cli.render.experiments.queue import names_line
from dver.experiments.run import ExperimentOptions
from dver.ops.exp.enqueue import enqueue
from dver.repo import Repository


def run_queued(ctx: Context, chosen: ExperimentOptions, *, as_json: bool) -> int:
    """Queue experiments and print their names. Returns the exit code."""
    with Repository.open(ctx.cwd) as repo:
        added = enqueue(repo, chosen, cwd=ctx.cwd, progress=ctx.progress)
        warn_about_left_out(ctx, repo, added.left_out)
    if as_json:
        ctx.emit_json(added.experiments)
    else:
        ctx.say(names_line("queued", added.experiments))
        ctx.note("`dver queue start` runs the queue")
    return 0
