"""`dver move`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render.changes import shown
from dver.ops.track.move import move
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver move data/ images/", "Rename tracked data."),
        ("dver move net.bin models/", "Move it into a folder."),
    ],
)
@click.argument("source")
@click.argument("destination")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, source: str, destination: str, as_json: bool) -> None:
    """Move or rename tracked data.

    The data, its pointer and its line in .gitignore move together, staged for Git. Nothing is overwritten. Data that is
    not checked out can be moved, too, and so can data that was renamed with mv before.

    To rename a file inside of a tracked directory, use mv and then `dver add`.
    """
    with Repository.open(ctx.cwd) as repo:
        result = move(repo, source, destination, cwd=ctx.cwd, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            ctx.say(f"moved {shown(repo, result.old)} to {shown(repo, result.new)}")
            print_staged(ctx, repo)
