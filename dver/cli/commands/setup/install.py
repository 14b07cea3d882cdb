"""`dver install`: install Git hooks and drivers."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.hooks import changed, print_installed
from dver.ops.setup.install import install


@options.command(
    acts=True,
    examples=[
        ("dver install", "Set up a fresh clone of a project that uses dver."),
        ("dver install --no-hooks", "Install only the drivers; husky or another program runs the hooks."),
        ("dver install --json", "Print the result as JSON."),
    ],
)
@click.option("--no-hooks", is_flag=True, help="Install only the drivers, and remove dver's hooks.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, no_hooks: bool, as_json: bool) -> None:
    """Install Git hooks and merge drivers.

    With the hooks, data follows checkouts, merges, rebases and stashes, `git commit` refuses commits whose data is
    missing, and `git push` uploads data first. With the drivers, which .gitattributes names, Git merges and
    compares pointers file by file.

    Keeps hooks that exist already, and runs them first. Leaves hooks of the pre-commit framework to it.
    """
    result = install(ctx.cwd, hooks=not no_hooks)
    if as_json:
        ctx.emit_json(result)
    elif not changed(result):
        ctx.say(f"everything is installed in {terminal.printable(result.folder)}")
    else:
        print_installed(ctx, result)
