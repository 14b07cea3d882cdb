"""`dver help`: show the help of a command."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context


@options.command(
    examples=[
        ("dver help add", "Show the help of `dver add`, like `dver add --help`."),
        ("dver help remote add", "Show the help of a subcommand."),
    ]
)
@click.argument("verb", nargs=-1, metavar="[COMMAND...]")
@click.pass_context
def command(ctx: click.Context, *, verb: tuple[str, ...]) -> None:
    """Show the help of a command."""
    shown = ctx.find_root()
    for name in verb:
        if not isinstance(shown.command, click.Group):
            shown.fail(f"{shown.command_path!r} has no subcommands")
        _, found, _ = shown.command.resolve_command(shown, [name])
        assert found is not None
        shown = click.Context(found, info_name=name, parent=shown)
    ctx.ensure_object(Context).say(shown.command.get_help(shown))
