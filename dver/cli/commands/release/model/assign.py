"""`dver model assign`."""

from __future__ import annotations

import click

from dver.cli import options as shared
from dver.cli.context import Context
from dver.cli.registry_options import change_options
from dver.cli.render.models.registry_changes import assigned_text, print_change
from dver.gitflow.registry_changes import ChangeOptions
from dver.ops.model.assign import assign
from dver.repo import Repository


@shared.command(
    acts=True,
    examples=[
        ("dver model assign churn prod", "Assign the latest version to the stage prod."),
        ("dver model assign churn prod v1.2.0 --push", "Assign v1.2.0, and push the tag."),
        ("dver model assign churn prod '#staging'", "Assign the version that is in staging."),
    ],
)
@click.argument("name")
@click.argument("stage")
@click.argument("version", required=False)
@change_options
@click.pass_obj
def command(ctx: Context, *, name: str, stage: str, version: str | None, options: ChangeOptions, as_json: bool) -> None:
    """Assign a version of a model to a stage.

    VERSION is v1.2.3, or #STAGE for the version in another stage. Without it, the latest version is assigned. A stage
    may have any name. Each assignment is a Git tag with a number of its own; when two people assign at once, both
    succeed, and the higher number counts.
    """
    with Repository.open(ctx.cwd) as repo:
        change = assign(repo, name, stage, version, options, progress=ctx.progress)
        if as_json:
            ctx.emit_json(change)
        else:
            print_change(ctx, repo.git, change, assigned_text(change))
