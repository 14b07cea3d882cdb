"""`dver model unassign`."""

from __future__ import annotations

import click

from dver.cli import options as shared
from dver.cli.context import Context
from dver.cli.registry_options import change_options
from dver.cli.render.models.registry_changes import print_change, unassigned_text
from dver.gitflow.registry_changes import ChangeOptions
from dver.ops.model.unassign import unassign
from dver.repo import Repository


@shared.command(
    acts=True,
    examples=[
        ("dver model unassign churn prod", "Take the current version out of the stage prod."),
        ("dver model unassign churn prod v1.2.0 --push", "Take v1.2.0 out of it, and push the tag."),
    ],
)
@click.argument("name")
@click.argument("stage")
@click.argument("version", required=False)
@change_options
@click.pass_obj
def command(ctx: Context, *, name: str, stage: str, version: str | None, options: ChangeOptions, as_json: bool) -> None:
    """Take a version of a model out of a stage.

    By default the current version. As for GTO, the version that was assigned before it is then the current one, unless
    it was taken out, too.
    """
    with Repository.open(ctx.cwd) as repo:
        change = unassign(repo, name, stage, version, options, progress=ctx.progress)
        if as_json:
            ctx.emit_json(change)
        else:
            print_change(ctx, repo.git, change, unassigned_text(change))
