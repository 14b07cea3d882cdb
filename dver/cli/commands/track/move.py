"""`dver move`: move or rename tracked data."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render.data.changes import path_text
from dver.ops.track.move import move
from dver.repo import Repository


@options.command(
    acts=True,
    examples=[
        ("dver move data/ images/", "Rename tracked data."),
        ("dver move net.bin models/", "Move it into a directory."),
    ],
)
@click.argument("source")
@click.argument("destination")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, source: str, destination: str, as_json: bool) -> None:
    """Move or rename tracked data.

    Moves the data, its pointer and its line in .gitignore together, and stages the change for Git. Never overwrites
    files. The data need not be checked out, and you may have renamed it with mv already.

    To rename a file inside a tracked directory, use mv and then `dver add`.
    """
    with Repository.open(ctx.cwd) as repo:
        result = move(repo, source, destination, cwd=ctx.cwd, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            ctx.say(f"moved {path_text(repo, result.old)} to {path_text(repo, result.new)}")
            print_staged(ctx, repo)
