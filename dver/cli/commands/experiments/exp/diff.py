"""`dver exp diff`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.compare_options import precision_option
from dver.cli.context import Context
from dver.cli.render.experiments.diff import difference_json, print_difference, print_difference_md
from dver.core.errors import UsageError
from dver.ops.exp.diff import diff_experiments
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.repo import Repository


@options.command(
    examples=[
        ("dver exp diff", "Compare HEAD and the workspace."),
        ("dver exp diff brave-otter", "Compare an experiment and the workspace."),
        ("dver exp diff brave-otter calm-lake --patch", "Compare two experiments, and print the changes of the code."),
        ("dver exp diff main brave-otter --md", "Print tables for a pull request."),
    ]
)
@click.argument("old", default="HEAD", metavar="[A]")
@click.argument("new", default=WORKSPACE, metavar="[B]")
@click.option("--patch", is_flag=True, help="Also print the changes of the code, as `git diff` does.")
@precision_option
@options.json_option
@click.option("--md", "as_md", is_flag=True, help="Print the result as Markdown tables.")
@click.pass_obj
def command(ctx: Context, *, old: str, new: str, patch: bool, precision: int, as_json: bool, as_md: bool) -> None:
    """Compare two experiments: metrics, parameters, code and data.

    A and B are experiments, revisions, or `workspace`. A defaults to HEAD, B to `workspace`.

    Data is compared as pointers and dver.lock record it, with the numbers of changed files.
    """
    if as_json and as_md:
        raise UsageError("--json and --md exclude each other", fix="give one of them")
    with Repository.open(ctx.cwd) as repo:
        found = diff_experiments(repo, old, new, patch=patch, progress=ctx.progress)
    if as_json:
        ctx.emit_json(difference_json(found))
    elif as_md:
        print_difference_md(ctx, found, precision=precision)
    else:
        print_difference(ctx, found, precision=precision)
