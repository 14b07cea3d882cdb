"""What `install` and `init` say of the hooks that they put in place."""

from __future__ import annotations

from dver.cli import terminal
from dver.cli.context import Context
from dver.project.installing import InstallResult


def tell_installed(ctx: Context, result: InstallResult) -> None:
    """Print it."""
    folder = terminal.printable(result.folder)
    if result.written:
        ctx.say(f"hooks in {folder}: {', '.join(result.written)}")
    if result.kept:
        ctx.say(f"kept, and run first: {', '.join(f'{name}.before-dver' for name in result.kept)}")
    if result.settings:
        ctx.say("drivers set for Git: pointers are merged and compared file by file")
    for file in result.attributes:
        ctx.say(f"changed and staged: {terminal.printable(file)}")
    if result.by_hand:
        ctx.warn(f"core.hooksPath names {folder}, which is not this clone's own: no hook was put there")
        ctx.note("add to each of these hooks a line, such as for the first: " + f'dver hook {result.by_hand[0]} "$@"')
        ctx.note(f"hooks: {', '.join(result.by_hand)}")
