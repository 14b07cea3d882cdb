"""`dver params`."""

from __future__ import annotations

from functools import partial

import click

from dver.cli import options
from dver.cli.compare_options import comparison_options, revision_options
from dver.cli.context import Context
from dver.cli.render.pipelines.params_metrics import print_comparison, print_values
from dver.ops.compare.params_metrics import diff_values, show_values
from dver.pipelines.compare.params_metrics import params_of
from dver.repo import Repository
from dver.tracking.revision_scope import RevisionScope


@options.group(
    examples=[
        ("dver params show", "Show the parameters of the workspace."),
        ("dver params diff", "Show changes since the last commit."),
        ("dver params diff v1 main", "Compare two revisions."),
    ]
)
def command() -> None:
    """Show parameters and compare them between revisions.

    Parameters are the values in params.yaml, in the files under `params` at the top of dver.yaml, and in the files that
    stages use.
    """


@command.command(
    name="show",
    examples=[
        ("dver params show", "Show the workspace."),
        ("dver params show --rev v1 --rev v2", "Show two revisions."),
        ("dver params show --all-tags --deps --csv", "Print dependencies of stages at all tags for a spreadsheet."),
    ],
)
@revision_options("parameters")
@click.option("--deps", is_flag=True, help="Show only parameters that stages depend on.")
@options.form_options
@click.pass_obj
def show_command(
    ctx: Context, *, targets: tuple[str, ...], revs: tuple[str, ...], scope: RevisionScope, deps: bool, form: str
) -> None:
    """Show parameters of the workspace or of revisions.

    A TARGET is a file, in dver.yaml or not, or a directory that contains parameter files.
    """
    with Repository.open(ctx.cwd) as repo:
        table = show_values(repo, partial(params_of, only_stages=deps), targets, cwd=ctx.cwd, revs=revs, scope=scope)
    print_values(ctx, table, "Param", form=form, precision=None, named=True)


@command.command(
    name="diff",
    examples=[
        ("dver params diff", "Compare HEAD and the workspace."),
        ("dver params diff main feature --md", "Compare two branches for a pull request."),
        ("dver params diff v1 --targets params.yaml", "Compare one file."),
    ],
)
@comparison_options
@click.option("--deps", is_flag=True, help="Compare only parameters that stages depend on.")
@click.option("--all", "every", is_flag=True, help="Show equal values, too.")
@options.form_options
@click.pass_obj
def diff_command(
    ctx: Context, *, old: str, new: str, targets: tuple[str, ...], deps: bool, every: bool, form: str
) -> None:
    """Show parameters that differ between A and B.

    A defaults to HEAD, B to `workspace`. The dver.yaml of each revision decides which files are read.
    """
    with Repository.open(ctx.cwd) as repo:
        table = diff_values(repo, partial(params_of, only_stages=deps), targets, cwd=ctx.cwd, old=old, new=new)
    print_comparison(ctx, table, "Param", form=form, every=every, precision=None, named=True)
