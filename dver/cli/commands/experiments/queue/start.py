"""`dver queue start`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.errors import EXIT_INTERRUPTED
from dver.cli.render.experiments.queue import queue_summary, watch_queue
from dver.ops.queue.start import start, start_detached
from dver.repo import Repository


@options.command(
    examples=[
        ("dver queue start", "Run the queued experiments, one after the other."),
        ("dver queue start -j 4", "Run them in four processes."),
        ("dver queue start -j 4 --detach", "Run them in the background."),
    ]
)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Run experiments in parallel."
)
@click.option("--detach", is_flag=True, help="Run them in the background, also after you log out.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, jobs: int, detach: bool, as_json: bool) -> int:
    """Run queued experiments until the queue is empty.

    Each runs in a working tree of its own, so you can edit, commit and switch branches meanwhile. GPUs are shared out
    among the processes. An experiment whose process is killed is queued again, at most twice.

    Ctrl-C ends after the experiments that run now; a second Ctrl-C stops them.

    Exit code 10 if an experiment failed, 130 after Ctrl-C, 8 if the disk is full. Unfinished experiments stay in the
    queue then.
    """
    with Repository.open(ctx.cwd) as repo:
        if detach:
            process = start_detached(repo, jobs=jobs, cwd=ctx.cwd)
            if as_json:
                ctx.emit_json(process)
            else:
                ctx.say(f"process {process.pid} runs the queue in the background: `dver queue status` shows it")
            return 0
        with watch_queue(ctx) as watcher:
            result = start(repo, watcher, jobs=jobs, cwd=ctx.cwd)
    if as_json:
        ctx.emit_json(result)
    else:
        for line in queue_summary(result, ctx.style):
            ctx.say(line)
    error = result.error()
    if error is not None:
        raise error
    return EXIT_INTERRUPTED if result.stopped else 0
