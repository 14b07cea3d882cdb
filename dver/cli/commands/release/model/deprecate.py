"""`dver model deprecate`."""

from __future__ import annotations

import click

from dver.cli import options as shared
from dver.cli.context import Context
from dver.cli.registry_options import change_options
from dver.cli.render.models.registry_changes import print_change
from dver.gitflow.registry_changes import ChangeOptions
from dver.ops.model.deprecate import deprecate
from dver.repo import Repository


@shared.command(
    acts=True,
    examples=[("dver model deprecate churn -m 'use churn-2' --push", "Tell others not to use a model any more.")],
)
@click.argument("name")
@change_options
@click.pass_obj
def command(ctx: Context, *, name: str, options: ChangeOptions, as_json: bool) -> None:
    """Mark a model as deprecated.

    Versions, stages and data stay. The next registration or assignment makes the model active again.
    """
    with Repository.open(ctx.cwd) as repo:
        change = deprecate(repo, name, options, progress=ctx.progress)
        if as_json:
            ctx.emit_json(change)
            return
        verb = "would deprecate" if change.dry_run else "deprecated"
        text = f"{verb} {change.artifact}" if change.created else f"{change.artifact} is deprecated already"
        print_change(ctx, repo.git, change, text)
