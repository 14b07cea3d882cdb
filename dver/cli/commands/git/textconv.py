"""`dver textconv`: convert a pointer to text. Git runs it (gitattributes(5), `diff.dver.textconv`)."""

from __future__ import annotations

from pathlib import Path

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.core.errors import DverError
from dver.formats.tree import Entry, Kind
from dver.git.git_repo import discover
from dver.ops.git.textconv import PointerListing, list_pointer


@options.command()
@click.argument("file")
@click.pass_obj
def command(ctx: Context, *, file: str) -> None:
    """Print a pointer and the list of its files.

    Git runs this command for `git show` and `git log -p`. For a directory with more than 5,000 files, lists its
    directories.
    """
    content = Path(file).read_bytes()
    ctx.write_bytes(content)
    try:
        listing = list_pointer(discover(ctx.cwd), content)
    except DverError:  # a bare repository has no data; the pointer itself can still be compared
        listing = PointerListing((), incomplete=True)
    if listing is not None:
        ctx.say("")
        for path, entry in listing.entries:
            ctx.say(_line(path, entry, folders=listing.folders))
        if listing.incomplete:
            ctx.say("(cannot list its files: `dver fetch` downloads the list)")


def _line(path: bytes, entry: Entry, *, folders: bool) -> str:
    """One file, without aligned columns: a long name would change all other lines."""
    name = terminal.printable(path + b"/" if entry.kind is Kind.DIRECTORY else path)
    number = f"  {entry.files} files" if folders else ""
    return f"{name}{number}  {entry.size}  {entry.oid.hex()[:10]}"
