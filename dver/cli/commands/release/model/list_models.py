"""`dver model list`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.models.text import model_row
from dver.cli.render.terminal import count
from dver.git.git_repo import discover
from dver.ops.model.list_models import list_models


@options.command(
    examples=[
        ("dver model list", "List models with their latest versions and stages."),
        ("dver model list --all", "Also list deprecated ones."),
    ],
)
@click.option("-a", "--all", "everything", is_flag=True, help="Also list deprecated models.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, everything: bool, as_json: bool) -> None:
    """List the models and datasets of the registry.

    Works in every Git repository, also without a dver project.
    """
    found = list_models(discover(ctx.cwd), everything=everything)
    if as_json:
        ctx.emit_json_list(found.models)
        return
    ctx.table(model_row(one, ctx.style) for one in found.models)
    if found.hidden:
        ctx.note(f"{count(found.hidden, 'deprecated model')} not listed; `dver model list --all` lists all")
    elif not found.models:
        ctx.note("no tag of this clone registers a model; `git fetch --tags` brings those of others")
