"""`dver plots`."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.measures import print_problems
from dver.ops.compare.plots import FOLDER, plots_diff, plots_show, write_page, write_pictures
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.pipelines.compare.plots import Plots, only_chart
from dver.pipelines.definition.stage import Plot
from dver.pipelines.plots.page import Drawn
from dver.pipelines.plots.templates import BUILT_IN, built_in
from dver.repo import Repository
from dver.tracking.revision_scope import Scope

F = TypeVar("F", bound=Callable[..., Any])


def _shared_options(function: F) -> F:
    """How plots look, and where they go; passed as `style` (a mapping) and `how`."""
    for option in reversed(
        (
            click.option("-o", "--out", metavar="FILE|DIR", help=f"Write there, instead of into {FOLDER}/."),
            click.option("--open", "open_", is_flag=True, help="Open the page in the browser."),
            click.option("--png", is_flag=True, help="Write PNG files, one a plot, instead of a page."),
            click.option("--show-vega", is_flag=True, help="Print the Vega-Lite specification of one chart."),
            click.option("--json", "as_json", is_flag=True, help="Print the specifications of all charts as JSON."),
            click.option("-t", "--template", metavar="NAME", help="Draw with this template."),
            click.option("-x", metavar="COLUMN", help="The column for x."),
            click.option("-y", multiple=True, metavar="COLUMN", help="A column for y; may be repeated."),
            click.option("--title", metavar="TEXT", help="The title of the charts."),
            click.option("--x-label", metavar="TEXT", help="The name of the axis x."),
            click.option("--y-label", metavar="TEXT", help="The name of the axis y."),
            click.option(
                "--no-header", is_flag=True, help="The first line of a CSV or TSV is data; columns are 0, 1 …"
            ),
        )
    ):
        function = option(function)
    return function


@options.group(
    examples=[
        ("dver plots show --open", "Look at all plots in the browser."),
        ("dver plots diff main", "The workspace beside main, in the same charts."),
    ]
)
def command() -> None:
    """Draw plots and compare them between revisions.

    Plots are the files that stages name under `plots`, and those that `plots` at the top of dver.yaml names: CSV, TSV,
    JSON and YAML are drawn, pictures are shown side by side. The page is one file that needs no network.
    """


@command.command(
    name="show",
    examples=[
        ("dver plots show --open", "All plots of the workspace, in the browser."),
        ("dver plots show roc.csv -x fpr -y tpr", "One file, which dver.yaml need not name."),
        ("dver plots show --rev v1 --rev v2 -o plots.html", "Two revisions, in a file of that name."),
        ("dver plots show --png -o pictures", "A PNG file for each chart."),
    ],
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--rev", "revs", multiple=True, metavar="REV", help="The plots of this revision; may be repeated.")
@click.option("--all-branches", is_flag=True, help="The tips of all branches, and the workspace.")
@click.option("--all-tags", is_flag=True, help="All tags, and the workspace.")
@click.option("--all-commits", is_flag=True, help="The whole history, and the workspace.")
@_shared_options
@click.pass_obj
def show_command(
    ctx: Context,
    /,
    *,
    targets: tuple[str, ...],
    revs: tuple[str, ...],
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    **how: Any,
) -> None:
    """Draw plots.

    A TARGET is a file, which need not be named in dver.yaml, a folder with some below it, or the id of a plot.
    """
    scope = Scope(None, all_branches, all_tags, all_commits)
    with Repository.open(ctx.cwd) as repo:
        found = plots_show(repo, targets, cwd=ctx.cwd, revs=revs, scope=scope, style=_style(how))
        _print_result(ctx, repo, found, how, named=bool(targets))


@command.command(
    name="diff",
    examples=[
        ("dver plots diff", "HEAD and the workspace."),
        ("dver plots diff v1 v2 --targets roc.csv --open", "One file at two revisions."),
    ],
)
@click.argument("old", default="HEAD", metavar="[A]")
@click.argument("new", default=WORKSPACE, metavar="[B]")
@click.option("--targets", multiple=True, metavar="PATH", help="Only this plot, or those below this folder.")
@_shared_options
@click.pass_obj
def diff_command(ctx: Context, /, *, old: str, new: str, targets: tuple[str, ...], **how: Any) -> None:
    """Draw the plots of A and B in the same charts, and their pictures side by side.

    A is HEAD unless given, B the workspace, which can also be called `workspace`.
    """
    with Repository.open(ctx.cwd) as repo:
        found = plots_diff(repo, targets, cwd=ctx.cwd, old=old, new=new, style=_style(how))
        _print_result(ctx, repo, found, how, named=bool(targets))


@command.command(
    name="templates",
    examples=[
        ("dver plots templates", "Their names."),
        ("dver plots templates linear > .dver/plots/mine.json", "A template of your own, to begin with."),
    ],
)
@click.argument("name", required=False)
@click.pass_obj
def templates_command(ctx: Context, *, name: str | None) -> None:
    """List the templates that come with dver, or print one."""
    if name is not None:
        ctx.emit_json(built_in(name))
        return
    for one in BUILT_IN:
        ctx.say(one)


def _style(how: dict[str, Any]) -> Plot:
    return Plot(
        how["x"], how["y"] or None, how["x_label"], how["y_label"], how["title"], how["template"], not how["no_header"]
    )


def _print_result(ctx: Context, repo: Repository, found: Plots, how: dict[str, Any], *, named: bool) -> None:
    if how["show_vega"]:
        ctx.emit_json(only_chart(found).spec)
    elif how["as_json"]:
        ctx.emit_json({one.name: one.spec for one in found.plots if isinstance(one, Drawn)})
    elif found.plots:
        _write(ctx, repo, found, ctx.cwd / (how["out"] or FOLDER), png=how["png"], show=how["open_"])
    elif not found.problems:
        ctx.note("there are no plots")
    print_problems(ctx, found.problems, nothing=not found.plots, named=named)


def _write(ctx: Context, repo: Repository, found: Plots, to: Path, *, png: bool, show: bool) -> None:
    written = write_pictures(found, to) if png else write_page(repo, found, to)
    for path in written.paths:
        ctx.say(terminal.printable(os.path.relpath(path, ctx.cwd)))
    for error in written.errors if written.paths else written.errors[:-1]:
        ctx.warn("; ".join(part for part in (error.what, error.why) if part))
    if not written.paths and written.errors:
        raise written.errors[-1]
    shown = written.paths[0] if len(written.paths) == 1 else to
    if show and not webbrowser.open(shown.absolute().as_uri()):
        ctx.warn("no browser could be opened")
