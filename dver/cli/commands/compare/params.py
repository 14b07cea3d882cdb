"""`dver params`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.measures import print_comparison, print_values
from dver.ops.compare.params import params_diff, params_show
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.repo import Repository
from dver.tracking.revision_scope import Scope


@options.group(
    examples=[
        ("dver params show", "The parameters of the workspace."),
        ("dver params diff", "What changed since the last commit."),
        ("dver params diff v1 main", "Compare two revisions."),
    ]
)
def command() -> None:
    """Show parameters and compare them between revisions.

    Parameters are the values in params.yaml, in the files that `params` at the top of dver.yaml names, and those that
    stages name.
    """


@command.command(
    name="show",
    examples=[
        ("dver params show", "Those of the workspace."),
        ("dver params show --rev v1 --rev v2", "Two revisions."),
        ("dver params show --all-tags --deps --csv", "What stages depend on, in all tags, for a spreadsheet."),
    ],
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--rev", "revs", multiple=True, metavar="REV", help="The parameters of this revision; may be repeated.")
@click.option("--all-branches", is_flag=True, help="The tips of all branches, and the workspace.")
@click.option("--all-tags", is_flag=True, help="All tags, and the workspace.")
@click.option("--all-commits", is_flag=True, help="The whole history, and the workspace.")
@click.option("--deps", is_flag=True, help="Only parameters that stages depend on.")
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
    deps: bool,
    form: str,
) -> None:
    """Print parameters.

    A TARGET is a file, which need not be named in dver.yaml, or a folder with some below it.
    """
    scope = Scope(None, all_branches, all_tags, all_commits)
    with Repository.open(ctx.cwd) as repo:
        found = params_show(repo, targets, cwd=ctx.cwd, revs=revs, scope=scope, only_stages=deps)
    print_values(ctx, found, "Param", form=form, precision=None, named=True)


@command.command(
    name="diff",
    examples=[
        ("dver params diff", "HEAD and the workspace."),
        ("dver params diff main feature --md", "Two branches, for a pull request."),
        ("dver params diff v1 --targets params.yaml", "One file."),
    ],
)
@click.argument("old", default="HEAD", metavar="[A]")
@click.argument("new", default=WORKSPACE, metavar="[B]")
@click.option("--targets", multiple=True, metavar="PATH", help="Only this file, or the files below this folder.")
@click.option("--deps", is_flag=True, help="Only parameters that stages depend on.")
@click.option("--all", "every", is_flag=True, help="Also those that are the same.")
@options.form_options
@click.pass_obj
def diff_command(
    ctx: Context, *, old: str, new: str, targets: tuple[str, ...], deps: bool, every: bool, form: str
) -> None:
    """Say which parameters differ between A and B.

    A is HEAD unless given, B the workspace, which can also be called `workspace`. What each revision's own dver.yaml
    names is compared.
    """
    with Repository.open(ctx.cwd) as repo:
        found = params_diff(repo, cwd=ctx.cwd, old=old, new=new, targets=targets, only_stages=deps)
    print_comparison(ctx, found, "Param", form=form, every=every, precision=None, named=True)
