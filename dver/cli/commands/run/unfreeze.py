"""`dver unfreeze`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.commands.run.freeze import freeze_stages
from dver.cli.context import Context


@options.command(acts=True, examples=[("dver unfreeze prepare", "Run prepare again when it is out of date.")])
@click.argument("stages", nargs=-1, required=True, metavar="STAGE...")
@click.pass_obj
def command(ctx: Context, *, stages: tuple[str, ...]) -> None:
    """Unfreeze stages so that repro runs them again.

    Removes `frozen: true` from dver.yaml; the rest of the file stays as it is.
    """
    freeze_stages(ctx, stages, frozen=False)
