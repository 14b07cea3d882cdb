"""`dver install`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.hooks import changed, tell_installed
from dver.ops.setup.install import install


@options.command(
    acts=True,
    examples=[
        ("dver install", "In a fresh clone of a project that uses dver."),
        ("dver install --no-hooks", "Only the drivers, where husky or another program runs the hooks."),
        ("dver install --json", "Say what was done, for a program."),
    ],
)
@click.option("--no-hooks", is_flag=True, help="Set up the drivers only; take away hooks of dver's.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, no_hooks: bool, as_json: bool) -> None:
    """Install Git hooks and merge drivers.

    Puts hooks in place: data follows checkouts, merges, rebases and stashes; commits that nobody could check out are
    refused; data is pushed before the commits that need it. Configures the drivers that merge and compare pointers, and
    names them in .gitattributes. Hooks that are there already are kept, and run first. What the pre-commit framework
    runs for dver is left to it.
    """
    result = install(ctx.cwd, hooks=not no_hooks)
    if as_json:
        ctx.emit_json(result)
    elif not changed(result):
        ctx.say(f"all is in place in {terminal.printable(result.folder)}")
    else:
        tell_installed(ctx, result)
