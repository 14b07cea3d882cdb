"""`dver uninstall`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.gitflow.hooks.hook_scripts import Action
from dver.ops.setup.uninstall import uninstall


@options.command(acts=True, examples=[("dver uninstall", "Git runs no dver any more; pointers and data stay.")])
@options.json_option
@click.pass_obj
def command(ctx: Context, *, as_json: bool) -> None:
    """Remove dver's hooks and drivers.

    Removes dver's hooks, brings back those that were there before, takes the drivers out of this clone's configuration
    and their lines out of .gitattributes. Pointers, data and the store stay as they are.
    """
    result = uninstall(ctx.cwd)
    if as_json:
        ctx.emit_json(result)
        return
    back = [step.name for step in result.steps if step.action is Action.BRING_BACK]
    ctx.say(f"hooks removed from {terminal.printable(result.folder)}: {len(result.steps)}")
    if back:
        ctx.say(f"brought back: {', '.join(back)}")
    for file in result.attributes:
        ctx.say(f"changed, for you to commit: {terminal.printable(file)}")
    if result.by_hand:
        ctx.note(f"hooks of yours still call dver: {', '.join(result.by_hand)}")
