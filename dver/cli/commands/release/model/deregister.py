"""`dver model deregister`."""

from __future__ import annotations

import click

from dver.cli import options as shared
from dver.cli.context import Context
from dver.cli.registry_options import change_options
from dver.cli.render.models.registry_changes import print_change
from dver.gitflow.registry_changes import ChangeOptions
from dver.ops.model.deregister import deregister
from dver.repo import Repository


@shared.command(
    acts=True,
    examples=[("dver model deregister churn v1.2.0 --push", "Remove a version that must not be used.")],
)
@click.argument("name")
@click.argument("version", required=False)
@change_options
@click.pass_obj
def command(ctx: Context, *, name: str, version: str | None, options: ChangeOptions, as_json: bool) -> None:
    """Remove a version from the registry.

    Its commit, its data and its tag stay, and a further tag removes it. The version must not be in a stage.
    """
    with Repository.open(ctx.cwd) as repo:
        change = deregister(repo, name, version, options, progress=ctx.progress)
        if as_json:
            ctx.emit_json(change)
            return
        verb = "would remove" if change.dry_run else "removed"
        print_change(ctx, repo.git, change, f"{verb} {change.artifact} {change.version} from the registry")
