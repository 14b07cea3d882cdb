"""`dver logs`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.ops.run.logs import find_log
from dver.repo import Repository


@options.command(
    examples=[
        ("dver logs train", "What the last run of train wrote, or the one that goes on."),
        ("dver logs -f train", "The same, and what it goes on to write."),
        ("dver logs --run 2 train", "What the run before the last one wrote."),
    ]
)
@click.argument("stage")
@click.option("--run", type=click.IntRange(min=1), default=1, show_default=True, help="Which run: 1 is the last one.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run is over.")
@click.pass_obj
def command(ctx: Context, *, stage: str, run: int, follow: bool) -> None:
    """Print the output of a stage's run.

    Its standard output and error, as they came. The logs of the last ten runs of each stage are kept in the Git folder
    of this worktree; a run that another process has started is seen while it goes on.
    """
    with Repository.open(ctx.cwd) as repo:
        log = find_log(repo, stage, cwd=ctx.cwd, run=run)
        for piece in log.pieces(follow=follow):
            ctx.write_bytes(piece, now=True)
