"""`dver model rollback`."""

from __future__ import annotations

import click

from dver.cli import options as shared
from dver.cli.context import Context
from dver.cli.registry_options import change_options
from dver.cli.render.models.registry_changes import print_change, rolled_back_text
from dver.gitflow.registry_changes import ChangeOptions
from dver.ops.model.rollback import rollback
from dver.repo import Repository


@shared.command(
    acts=True,
    examples=[("dver model rollback churn prod --push", "Bring back the version that was in prod before.")],
)
@click.argument("name")
@click.argument("stage")
@change_options
@click.pass_obj
def command(ctx: Context, *, name: str, stage: str, options: ChangeOptions, as_json: bool) -> None:
    """Assign the version that was in a stage before the current one.

    The rollback is a new assignment, so the history shows it. A second rollback goes further back.
    """
    with Repository.open(ctx.cwd) as repo:
        change = rollback(repo, name, stage, options, progress=ctx.progress)
        if as_json:
            ctx.emit_json(change)
        else:
            print_change(ctx, repo.git, change, rolled_back_text(change))
