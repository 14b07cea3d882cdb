"""`dver cat`: print a tracked file."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.ops.inspect.cat import cat, cat_from
from dver.repo import Repository


@options.command(
    examples=[
        ("dver cat data/labels.csv | head", "Print the version that the pointer names."),
        ("dver cat --rev v1 models/net.bin > old.bin", "Save the version of v1."),
        ("dver cat https://host/team/data.git@v1:labels.csv", "Print a file of another repository."),
    ]
)
@click.argument("path")
@click.option("--rev", metavar="REV", help="Print the file of this revision.")
@click.pass_obj
def command(ctx: Context, *, path: str, rev: str | None) -> None:
    """Print a tracked file.

    Reads the file from the store and verifies it; the data need not be checked out. For a symbolic link, prints its
    target.

    PATH may be @REV:PATH, or REPO@REV:PATH for any file of another repository, which needs no project here and no
    clone: see `dver get`.
    """
    address = options.data_address((path,), rev)
    if address is not None and address.repo is not None:
        for piece in cat_from(address, cwd=ctx.cwd):
            ctx.write_bytes(piece)
        return
    path, rev = (address.path, address.rev) if address is not None else (path, rev)
    with Repository.open(ctx.cwd) as repo:
        for piece in cat(repo, path, cwd=ctx.cwd, rev=rev):
            ctx.write_bytes(piece)
