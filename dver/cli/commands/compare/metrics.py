"""`dver metrics`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.compare_options import comparison_options, precision_option, revision_options
from dver.cli.context import Context
from dver.cli.render.pipelines.params_metrics import print_comparison, print_values
from dver.ops.compare.params_metrics import diff_values, show_values
from dver.pipelines.compare.params_metrics import metrics_of
from dver.repo import Repository
from dver.tracking.revision_scope import RevisionScope


@options.group(
    examples=[
        ("dver metrics show --all-tags", "Compare all releases."),
        ("dver metrics diff main", "Compare the workspace with main."),
    ]
)
def command() -> None:
    """Show metrics and compare them between revisions.

    Metrics are the values in the files under `metrics` of stages and at the top of dver.yaml: JSON, YAML, TOML or
    Python.
    """


@command.command(
    name="show",
    examples=[
        ("dver metrics show", "Show the workspace."),
        ("dver metrics show --rev v1 --rev v2", "Show two revisions."),
        ("dver metrics show --all-branches eval/metrics.json", "Show one file on all branches."),
    ],
)
@revision_options("metrics")
@precision_option
@options.form_options
@click.pass_obj
def show_command(
    ctx: Context, *, targets: tuple[str, ...], revs: tuple[str, ...], scope: RevisionScope, precision: int, form: str
) -> None:
    """Show metrics of the workspace or of revisions.

    A TARGET is a file, in dver.yaml or not, or a directory that contains metrics files.
    """
    with Repository.open(ctx.cwd) as repo:
        table = show_values(repo, metrics_of, targets, cwd=ctx.cwd, revs=revs, scope=scope)
    print_values(ctx, table, "Metric", form=form, precision=precision, named=bool(targets))


@command.command(
    name="diff",
    examples=[
        ("dver metrics diff", "Compare HEAD and the workspace."),
        ("dver metrics diff v1 v2 --all", "Compare two revisions and show equal values, too."),
        ("dver metrics diff main --md", "Print a table for a pull request."),
    ],
)
@comparison_options
@click.option("--all", "every", is_flag=True, help="Show equal values, too.")
@precision_option
@options.form_options
@click.pass_obj
def diff_command(
    ctx: Context, *, old: str, new: str, targets: tuple[str, ...], every: bool, precision: int, form: str
) -> None:
    """Show metrics that differ between A and B, and their differences.

    A defaults to HEAD, B to `workspace`.
    """
    with Repository.open(ctx.cwd) as repo:
        table = diff_values(repo, metrics_of, targets, cwd=ctx.cwd, old=old, new=new)
    print_comparison(ctx, table, "Metric", form=form, every=every, precision=precision, named=bool(targets))
