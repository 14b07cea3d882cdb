"""`dver uninstall`: remove what `dver install` did."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.gitflow.hooks.hook_scripts import HookAction
from dver.ops.setup.uninstall import uninstall


@options.command(acts=True, examples=[("dver uninstall", "Remove hooks and drivers; pointers and data stay.")])
@options.json_option
@click.pass_obj
def command(ctx: Context, *, as_json: bool) -> None:
    """Remove dver's hooks and drivers.

    Restores the hooks that were there before, and removes the drivers from this clone's configuration and from
    .gitattributes. Pointers, data and the store stay as they are.
    """
    result = uninstall(ctx.cwd)
    if as_json:
        ctx.emit_json(result)
        return
    back = [step.name for step in result.steps if step.action is HookAction.BRING_BACK]
    ctx.say(f"hooks removed from {terminal.printable(result.folder)}: {len(result.steps)}")
    if back:
        ctx.say(f"restored: {', '.join(back)}")
    for file in result.attributes:
        ctx.say(f"changed, commit it: {terminal.printable(file)}")
    if result.by_hand:
        ctx.note(f"your own hooks still call dver: {', '.join(result.by_hand)}")
