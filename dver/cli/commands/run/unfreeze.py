"""`dver unfreeze`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render import terminal
from dver.ops.run.freeze import freeze
from dver.repo import Repository


@options.command(acts=True, examples=[("dver unfreeze prepare", "Run prepare again when it is out of date.")])
@click.argument("stages", nargs=-1, required=True, metavar="STAGE...")
@click.pass_obj
def command(ctx: Context, *, stages: tuple[str, ...]) -> None:
    """Unfreeze stages so that repro runs them again.

    Removes `frozen: true` from dver.yaml; the rest of the file stays as it is.
    """
    with Repository.open(ctx.cwd) as repo:
        changed = freeze(repo, stages, cwd=ctx.cwd, frozen=False)
        for one in changed:
            ctx.say(f"unfrozen: {terminal.printable(str(one))}")
        if not changed:
            ctx.note("nothing changed: not frozen")
        print_staged(ctx, repo)
