"""`dver exp run --sweep`."""

from __future__ import annotations

from dver.cli.context import Context
from dver.cli.errors import EXIT_INTERRUPTED
from dver.cli.notices import warn_about_left_out
from dver.cli.render.experiments.queue import watch_queue
from dver.cli.render.experiments.sweeps import sweep_lines
from dver.ops.exp.sweep import SweepOptions, sweep
from dver.repo import Repository

__all__ = ["SweepOptions", "run_sweep"]


def run_sweep(ctx: Context, chosen: SweepOptions, *, as_json: bool) -> int:
    """Run a sweep and print its result. Returns the exit code."""
    with Repository.open(ctx.cwd) as repo:
        with watch_queue(ctx) as watcher:
            result = sweep(repo, chosen, watcher, jobs=chosen.repro.jobs, cwd=ctx.cwd, progress=ctx.progress)
        warn_about_left_out(ctx, repo, result.left_out)
    if as_json:
        ctx.emit_json(result)
    else:
        for line in sweep_lines(result, ctx.style):
            ctx.say(line)
    error = result.error()
    if error is not None:
        raise error
    return EXIT_INTERRUPTED if result.stopped else 0
