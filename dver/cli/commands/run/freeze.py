"""`dver freeze`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged
from dver.cli.render import terminal
from dver.ops.run.stage import freeze
from dver.repo import Repository


@options.command(acts=True, examples=[("dver freeze prepare", "Skip prepare, whatever changes.")])
@click.argument("stages", nargs=-1, required=True, metavar="STAGE...")
@click.pass_obj
def command(ctx: Context, *, stages: tuple[str, ...]) -> None:
    """Freeze stages so that repro skips them.

    Adds `frozen: true` to dver.yaml; the rest of the file stays as it is. A foreach or matrix is frozen as a whole.
    """
    freeze_stages(ctx, stages, frozen=True)


def freeze_stages(ctx: Context, stages: tuple[str, ...], *, frozen: bool) -> None:
    """Freeze or unfreeze stages, and print those that changed."""
    with Repository.open(ctx.cwd) as repo:
        changed = freeze(repo, stages, cwd=ctx.cwd, frozen=frozen)
        for one in changed:
            ctx.say(f"{'frozen' if frozen else 'unfrozen'}: {terminal.printable(str(one))}")
        if not changed:
            ctx.note(f"nothing changed: {'already' if frozen else 'not'} frozen")
        print_staged(ctx, repo)
