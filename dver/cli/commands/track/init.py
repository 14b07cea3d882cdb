"""`dver init`: create a project."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.hooks import print_installed
from dver.ops.track.init import init


@options.command(
    acts=True,
    examples=[
        ("dver init", "Create a project in this Git repository."),
        ("dver init --cd models", "Create a project in its directory models/."),
        ("dver init --no-hooks", "Leave Git's hooks and settings alone."),
    ],
)
@click.option("--no-hooks", is_flag=True, help="Do not install Git hooks and drivers.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, no_hooks: bool, as_json: bool) -> None:
    """Create a dver project in a Git repository.

    Writes the shared settings to .dver/config.toml, stages the file for Git, and installs Git hooks and drivers as
    `dver install` does. Run it in a subdirectory to create the project there. Running it again is safe.
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
        print_installed(ctx, result.installed)
