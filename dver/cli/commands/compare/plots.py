"""`dver plots`."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dver.cli import options
from dver.cli.compare_options import comparison_options, revision_options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.pipelines.params_metrics import print_problems
from dver.ops.compare.plots import DIRECTORY, plots_diff, plots_show, write_images, write_page
from dver.pipelines.compare.plots import ComparedPlots, only_chart
from dver.pipelines.definition.stage import PlotStyle
from dver.pipelines.plots.page import VegaPlot
from dver.pipelines.plots.templates import BUILT_IN, built_in
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.tracking.revision_scope import RevisionScope


def _plot_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The style of the plots and the output, passed as keywords."""
    return options.with_options(
        function,
        click.option("-o", "--out", metavar="FILE|DIR", help=f"Write to FILE or DIR instead of {DIRECTORY}/."),
        click.option("--open", "open_", is_flag=True, help="Open the page in the browser."),
        click.option("--png", is_flag=True, help="Write a PNG file per plot instead of a page."),
        click.option("--show-vega", is_flag=True, help="Print the Vega-Lite specification of a single plot."),
        click.option("--json", "as_json", is_flag=True, help="Print the specifications of all plots as JSON."),
        click.option("-t", "--template", metavar="NAME", help="Use this template."),
        click.option("-x", metavar="COLUMN", help="Use this column for the x axis."),
        click.option("-y", multiple=True, metavar="COLUMN", help="Use this column for the y axis (repeatable)."),
        click.option("--title", metavar="TEXT", help="Set the title of the plots."),
        click.option("--x-label", metavar="TEXT", help="Set the label of the x axis."),
        click.option("--y-label", metavar="TEXT", help="Set the label of the y axis."),
        click.option("--no-header", is_flag=True, help="Read the first line of CSV or TSV as data: columns 0, 1 …"),
    )


@options.group(
    examples=[
        ("dver plots show --open", "Show all plots in the browser."),
        ("dver plots diff main", "Draw the workspace and main in the same plots."),
    ]
)
def command() -> None:
    """Draw plots and compare them between revisions.

    Plots are the files under `plots` of stages and at the top of dver.yaml. CSV, TSV, JSON and YAML files are drawn;
    images are shown side by side. The page is one file that needs no network.
    """


@command.command(
    name="show",
    examples=[
        ("dver plots show --open", "Show all plots of the workspace in the browser."),
        ("dver plots show roc.csv -x fpr -y tpr", "Draw one file, in dver.yaml or not."),
        ("dver plots show --rev v1 --rev v2 -o plots.html", "Write two revisions to one page."),
        ("dver plots show --png -o pictures", "Write a PNG file per plot."),
    ],
)
@revision_options("plots")
@_plot_options
@click.pass_obj
def show_command(
    ctx: Context, /, *, targets: tuple[str, ...], revs: tuple[str, ...], scope: RevisionScope, **how: Any
) -> None:
    """Draw plots of the workspace or of revisions.

    A TARGET is a file, in dver.yaml or not, a directory that contains plots, or the id of a plot.
    """
    with Repository.open(ctx.cwd) as repo:
        found = plots_show(repo, targets, cwd=ctx.cwd, revs=revs, scope=scope, style=_style(how))
        _print_plots(ctx, repo.layout, found, how, named=bool(targets))


@command.command(
    name="diff",
    examples=[
        ("dver plots diff", "Compare HEAD and the workspace."),
        ("dver plots diff v1 v2 --targets roc.csv --open", "Compare one file at two revisions."),
    ],
)
@comparison_options
@_plot_options
@click.pass_obj
def diff_command(ctx: Context, /, *, old: str, new: str, targets: tuple[str, ...], **how: Any) -> None:
    """Draw A and B in the same plots, and show their images side by side.

    A defaults to HEAD, B to `workspace`.
    """
    with Repository.open(ctx.cwd) as repo:
        found = plots_diff(repo, targets, cwd=ctx.cwd, old=old, new=new, style=_style(how))
        _print_plots(ctx, repo.layout, found, how, named=bool(targets))


@command.command(
    name="templates",
    examples=[
        ("dver plots templates", "List the templates."),
        ("dver plots templates linear > .dver/plots/mine.json", "Copy a template to adapt it."),
    ],
)
@click.argument("name", required=False)
@click.pass_obj
def templates_command(ctx: Context, *, name: str | None) -> None:
    """List the built-in templates, or print one."""
    if name is not None:
        ctx.emit_json(built_in(name))
        return
    for one in BUILT_IN:
        ctx.say(one)


def _style(how: dict[str, Any]) -> PlotStyle:
    return PlotStyle(
        how["x"], how["y"] or None, how["x_label"], how["y_label"], how["title"], how["template"], not how["no_header"]
    )


def _print_plots(ctx: Context, layout: Layout, found: ComparedPlots, how: dict[str, Any], *, named: bool) -> None:
    if how["show_vega"]:
        ctx.emit_json(only_chart(found).spec)
    elif how["as_json"]:
        ctx.emit_json({one.name: one.spec for one in found.plots if isinstance(one, VegaPlot)})
    elif found.plots:
        _write(ctx, layout, found, ctx.cwd / (how["out"] or DIRECTORY), png=how["png"], show=how["open_"])
    elif not found.problems:
        ctx.note("there are no plots")
    print_problems(ctx, found.problems, nothing=not found.plots, named=named)


def _write(ctx: Context, layout: Layout, found: ComparedPlots, to: Path, *, png: bool, show: bool) -> None:
    written = write_images(found, to) if png else write_page(layout, found, to)
    for path in written.paths:
        ctx.say(terminal.printable(os.path.relpath(path, ctx.cwd)))
    for error in written.errors if written.paths else written.errors[:-1]:
        ctx.warn("; ".join(part for part in (error.what, error.why) if part))
    if not written.paths and written.errors:
        raise written.errors[-1]
    shown = written.paths[0] if len(written.paths) == 1 else to
    if show and not webbrowser.open(shown.absolute().as_uri()):
        ctx.warn("no browser could be opened")
