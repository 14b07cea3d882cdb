"""Options that `params`, `metrics` and `plots` share: revisions to show, and two revisions to compare."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from dver.cli.options import with_options
from dver.cli.render.tables import PRECISION
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.tracking.revision_scope import RevisionScope

precision_option = click.option(
    "--precision",
    type=click.IntRange(1, 17),
    default=PRECISION,
    show_default=True,
    metavar="N",
    help="Show N significant digits.",
)


def revision_options(values: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`TARGET...`, `--rev`, `--all-branches`, `--all-tags`, `--all-commits`: passed as `targets`, `revs` and `scope`.
    `values` names what the command shows."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def inner(*args: Any, all_branches: bool, all_tags: bool, all_commits: bool, **named: Any) -> Any:
            return function(*args, scope=RevisionScope(None, all_branches, all_tags, all_commits), **named)

        return with_options(
            inner,
            click.argument("targets", nargs=-1, metavar="[TARGET...]"),
            click.option("--rev", "revs", multiple=True, metavar="REV", help=f"Show the {values} at REV (repeatable)."),
            click.option("--all-branches", is_flag=True, help="Show the tips of all branches and the workspace."),
            click.option("--all-tags", is_flag=True, help="Show all tags and the workspace."),
            click.option("--all-commits", is_flag=True, help="Show all commits and the workspace."),
        )

    return decorate


def comparison_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`[A] [B] --targets PATH`, passed as `old`, `new` and `targets`."""
    return with_options(
        function,
        click.argument("old", default="HEAD", metavar="[A]"),
        click.argument("new", default=WORKSPACE, metavar="[B]"),
        click.option(
            "--targets", multiple=True, metavar="PATH", help="Compare only this file or directory (repeatable)."
        ),
    )
