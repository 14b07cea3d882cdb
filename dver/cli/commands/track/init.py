"""`dver init`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.hooks import tell_installed
from dver.ops.track.init import init


@options.command(
    acts=True,
    examples=[
        ("dver init", "Make this Git repository a project."),
        ("dver init --cd models", "Make its folder models/ one."),
        ("dver init --no-hooks", "Leave Git's hooks and settings alone."),
    ],
)
@click.option("--no-hooks", is_flag=True, help="Do not do what `dver install` does.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, no_hooks: bool, as_json: bool) -> None:
    """Create a dver project in a Git repository.

    Writes .dver/config.toml, which holds the settings that everybody shares, and stages it for Git. Then has Git run
    dver, as `dver install` does. Doing it again does no harm.
    """
    result = init(ctx.cwd, hooks=not no_hooks)
    if as_json:
        ctx.emit_json(result)
        return
    if result.existed:
        ctx.say(f"{terminal.printable(result.root)} is a dver project already")
    else:
        ctx.say(f"{terminal.printable(result.root)} is a dver project now; commit its .dver/config.toml with Git")
        ctx.note("next: `dver add PATH…` tracks data, `dver remote add -d origin URL` says where to push it")
    if result.installed is not None:
        tell_installed(ctx, result.installed)
