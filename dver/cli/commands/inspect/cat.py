"""`dver cat`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.ops.inspect.cat import cat
from dver.repo import Repository


@options.command(
    examples=[
        ("dver cat data/labels.csv | head", "Print a file as its pointer has it."),
        ("dver cat --rev v1 models/net.bin > old.bin", "Save last month's version of one."),
    ]
)
@click.argument("path")
@click.option("--rev", metavar="REV", help="The file as it was at this revision.")
@click.pass_obj
def command(ctx: Context, *, path: str, rev: str | None) -> None:
    """Print a tracked file.

    The bytes come from the store, verified; the data need not be checked out. For a symbolic link, the path that it
    holds is printed.
    """
    with Repository.open(ctx.cwd) as repo:
        for piece in cat(repo, path, cwd=ctx.cwd, rev=rev):
            ctx.write_bytes(piece)
