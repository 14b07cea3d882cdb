"""Prints the hooks and drivers that `install` and `init` set up."""

from __future__ import annotations

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.gitflow.hooks.hook_scripts import hook_line
from dver.gitflow.hooks.install import InstallResult


def changed(result: InstallResult) -> bool:
    """Whether the installation changed anything, or needs the user to."""
    return bool(result.written or result.removed or result.settings or result.attributes or result.by_hand)


def print_installed(ctx: Context, result: InstallResult) -> None:
    """Print the installed, kept and removed hooks, the drivers, and the remaining steps."""
    folder = terminal.printable(result.folder)
    if result.written:
        ctx.say(f"hooks in {folder}: {', '.join(result.written)}")
    if result.kept:
        ctx.say(f"kept and run first: {', '.join(f'{name}.before-dver' for name in result.kept)}")
    if result.removed:
        ctx.say(f"removed from {folder}: {', '.join(result.removed)}")
    if result.framework:
        ctx.say(f"left to the pre-commit framework: {', '.join(result.framework)}")
    if result.settings:
        ctx.say("installed Git drivers: pointers are merged and compared file by file")
    for file in result.attributes:
        ctx.say(f"changed and staged: {terminal.printable(file)}")
    if result.pending:
        types = " ".join(f"-t {name}" for name in result.pending)
        ctx.note(f"to run them with the pre-commit framework: pre-commit install {types} && dver install")
    if result.by_hand:
        ctx.warn(f"core.hooksPath is {folder}, not this clone's hooks directory: add these lines to its hooks")
        for name in result.by_hand:
            ctx.note(f"    {terminal.printable((result.scripts or result.folder) / name)}: {hook_line(name)}")
