"""`dver queue logs`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.ops.queue.logs import logs
from dver.repo import Repository


@options.command(
    examples=[
        ("dver queue logs brave-otter", "Print the output of an experiment."),
        ("dver queue logs -f brave-otter", "Also print new output until it ends."),
    ]
)
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Print new output until the experiment ends.")
@click.pass_obj
def command(ctx: Context, *, name: str, follow: bool) -> None:
    """Print the output of an experiment's stages.

    Also of experiments that ran in the workspace. Of an experiment of another clone, the last 16 kB are known.
    """
    with Repository.open(ctx.cwd) as repo:
        for piece in logs(repo, name, follow=follow):
            ctx.write_bytes(piece, now=True)
