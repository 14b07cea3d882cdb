"""`dver logs`: print the output of a run."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.ops.run.logs import find_log
from dver.repo import Repository


@options.command(
    examples=[
        ("dver logs train", "Print the output of the last or current run of train."),
        ("dver logs -f train", "Also print new output until the run ends."),
        ("dver logs --run 2 train", "Print the output of the run before the last."),
    ]
)
@click.argument("stage")
@click.option("--run", type=click.IntRange(min=1), default=1, show_default=True, help="Select a run; 1 is the last.")
@click.option("-f", "--follow", is_flag=True, help="Print new output until the run ends.")
@click.pass_obj
def command(ctx: Context, *, stage: str, run: int, follow: bool) -> None:
    """Print the output of a stage's run.

    Prints standard output and error in their original order. The Git directory of this worktree keeps the logs of the
    last ten runs of each stage. You can also follow a run that another process started.
    """
    with Repository.open(ctx.cwd) as repo:
        log = find_log(repo, stage, cwd=ctx.cwd, run=run)
        for piece in log.pieces(follow=follow):
            ctx.write_bytes(piece, now=True)
