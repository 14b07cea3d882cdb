"""`dver install`."""

from __future__ import annotations

import click

from dver.cli import options, terminal
from dver.cli.context import Context
from dver.cli.installed import tell_installed
from dver.ops.install import install


@options.command(
    examples=[
        ("dver install", "In a fresh clone of a project that uses dver."),
        ("dver install --json", "Say what was done, for a program."),
    ]
)
@options.json_option
@click.pass_obj
def command(ctx: Context, *, as_json: bool) -> None:
    """Have Git run dver, so that data follows.

    Puts hooks in place: data follows checkouts, merges, rebases and stashes; commits that nobody could check out are
    refused; data is pushed before the commits that need it. Configures the drivers that merge and compare pointers, and
    names them in .gitattributes. Hooks that are there already are kept, and run first.
    """
    result = install(ctx.cwd)
    if as_json:
        ctx.emit_json(result)
    elif not (result.written or result.settings or result.attributes or result.by_hand):
        ctx.say(f"all is in place in {terminal.printable(result.folder)}")
    else:
        tell_installed(ctx, result)
