"""`dver textconv`: what Git runs to make text of a pointer (gitattributes(5), `diff.dver.textconv`)."""

from __future__ import annotations

from pathlib import Path

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.errors import DverError
from dver.formats.tree import Entry, Kind
from dver.git.git_repo import discover
from dver.ops.git.textconv import Listing, list_pointer


@options.command()
@click.argument("file")
@click.pass_obj
def command(ctx: Context, *, file: str) -> None:
    """Print a pointer, and a list of the files that it stands for.

    Git runs it for `git show` and `git log -p`. Of a directory with more than 5,000 files, the folders are listed.
    """
    content = Path(file).read_bytes()
    ctx.write_bytes(content)
    try:
        listing = list_pointer(discover(ctx.cwd), content)
    except DverError:  # in a bare repository there is no data; the pointer itself is there to compare
        listing = Listing((), lacking=True)
    if listing is not None:
        ctx.say("")
        for path, entry in listing.entries:
            ctx.say(_line(path, entry, folders=listing.folders))
        if listing.lacking:
            ctx.say("(its files cannot be listed here: `dver fetch` gets the list)")


def _line(path: bytes, entry: Entry, *, folders: bool) -> str:
    """Without columns that are aligned: a long name would change the lines of all others."""
    name = terminal.printable(path + b"/" if entry.kind is Kind.DIRECTORY else path)
    number = f"  {entry.files} files" if folders else ""
    return f"{name}{number}  {entry.size}  {entry.oid.hex()[:10]}"
