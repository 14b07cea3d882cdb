"""`dver model show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dver.cli import options
from dver.cli.context import LISTED, Context
from dver.cli.render.models.versions import version_rows, versions_lines
from dver.cli.render.terminal import printable
from dver.ops.model.show import ModelDescription, show_model
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.models.version_description import VersionDescription


@options.command(
    examples=[
        ("dver model show churn", "List the versions of churn."),
        ("dver model show churn@v1.2.0", "Show what one version has."),
        ("dver model show 'churn#prod'", "Show the version in stage prod."),
    ],
)
@click.argument("reference", metavar="NAME[@VERSION|#STAGE]")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, reference: str, as_json: bool) -> None:
    """Show the versions and stages of a model, or one version.

    Prints where the data of a version is without asking a remote. Quote `#`, or your shell may read a comment.
    """
    with Repository.open(ctx.cwd) as repo:
        found = show_model(repo, reference)
    if as_json:
        ctx.emit_json(found)
        return
    selected = found.selected
    for problem in selected.problems if selected is not None else ():
        ctx.warn_about(problem)
    if selected is not None:
        _print_version(ctx, found, selected)
    else:
        _print_model(ctx, found)


def _print_model(ctx: Context, model: ModelDescription) -> None:
    status = f"  {ctx.style.yellow('deprecated')}" if model.deprecated else ""
    kind = f" ({printable(model.type)})" if model.type else ""
    ctx.say(f"{ctx.style.bold(model.name)}{kind}{status}")
    if model.path:
        ctx.say(f"path: {printable(model.path)}")
    shown = model.versions if ctx.verbose else model.versions[:LISTED]
    for line in versions_lines(shown, ctx.style):
        ctx.say(line)
    if rest := len(model.versions) - len(shown):
        ctx.say(f"  … and {rest:,} more (-v lists them)")
    if not model.versions:
        ctx.note(f"it has no version: dver model register {model.name}")


def _print_version(ctx: Context, model: ModelDescription, version: VersionDescription) -> None:
    ctx.table(version_rows(model, version, ctx.style))
    if version.data_fix is not None:
        ctx.note(f"the data is {version.data.value}: {version.data_fix}")
