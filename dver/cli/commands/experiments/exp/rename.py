"""`dver exp rename`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.terminal import printable
from dver.ops.exp.rename import exp_rename
from dver.repo import Repository


@options.command(acts=True, examples=[("dver exp rename brave-otter deep-model", "Give an experiment another name.")])
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, old: str, new: str, as_json: bool) -> None:
    """Rename an experiment."""
    with Repository.open(ctx.cwd) as repo:
        renamed = exp_rename(repo, old, new)
    if as_json:
        ctx.emit_json(renamed)
    else:
        ctx.say(f"renamed {printable(old)} to {printable(renamed.name)}")
