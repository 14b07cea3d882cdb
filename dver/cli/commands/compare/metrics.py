"""`dver metrics`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import tables
from dver.cli.render.measures import print_comparison, print_values
from dver.ops.compare.metrics import metrics_diff, metrics_show
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.repo import Repository
from dver.tracking.revision_scope import Scope


@options.group(
    examples=[
        ("dver metrics show --all-tags", "How each release did."),
        ("dver metrics diff main", "Is the workspace better than main?"),
    ]
)
def command() -> None:
    """Show metrics and compare them between revisions.

    Metrics are the values in the files that stages name under `metrics`, and those that `metrics` at the top of
    dver.yaml names: JSON, YAML, TOML or Python.
    """


@command.command(
    name="show",
    examples=[
        ("dver metrics show", "Those of the workspace."),
        ("dver metrics show --rev v1 --rev v2", "Two revisions."),
        ("dver metrics show --all-branches eval/metrics.json", "One file, on all branches."),
    ],
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--rev", "revs", multiple=True, metavar="REV", help="The metrics of this revision; may be repeated.")
@click.option("--all-branches", is_flag=True, help="The tips of all branches, and the workspace.")
@click.option("--all-tags", is_flag=True, help="All tags, and the workspace.")
@click.option("--all-commits", is_flag=True, help="The whole history, and the workspace.")
@options.precision_option(tables.PRECISION)
@options.form_options
@click.pass_obj
def show_command(
    ctx: Context,
    *,
    targets: tuple[str, ...],
    revs: tuple[str, ...],
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    precision: int,
    form: str,
) -> None:
    """Print metrics.

    A TARGET is a file, which need not be named in dver.yaml, or a folder with some below it.
    """
    scope = Scope(None, all_branches, all_tags, all_commits)
    with Repository.open(ctx.cwd) as repo:
        found = metrics_show(repo, targets, cwd=ctx.cwd, revs=revs, scope=scope)
    print_values(ctx, found, "Metric", form=form, precision=precision, named=bool(targets))


@command.command(
    name="diff",
    examples=[
        ("dver metrics diff", "HEAD and the workspace."),
        ("dver metrics diff v1 v2 --all", "Two revisions, also what is the same."),
        ("dver metrics diff main --md", "For a pull request."),
    ],
)
@click.argument("old", default="HEAD", metavar="[A]")
@click.argument("new", default=WORKSPACE, metavar="[B]")
@click.option("--targets", multiple=True, metavar="PATH", help="Only this file, or the files below this folder.")
@click.option("--all", "every", is_flag=True, help="Also those that are the same.")
@options.precision_option(tables.PRECISION)
@options.form_options
@click.pass_obj
def diff_command(
    ctx: Context, *, old: str, new: str, targets: tuple[str, ...], every: bool, precision: int, form: str
) -> None:
    """Say which metrics differ between A and B, and by how much.

    A is HEAD unless given, B the workspace, which can also be called `workspace`.
    """
    with Repository.open(ctx.cwd) as repo:
        found = metrics_diff(repo, cwd=ctx.cwd, old=old, new=new, targets=targets)
    print_comparison(ctx, found, "Metric", form=form, every=every, precision=precision, named=bool(targets))
