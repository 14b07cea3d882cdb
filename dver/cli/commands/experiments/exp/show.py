"""`dver exp show`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.compare_options import precision_option
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.experiments.live_table import watch_table
from dver.cli.render.experiments.table import (
    experiment_json,
    print_experiments,
    print_experiments_csv,
    print_experiments_md,
)
from dver.core.errors import UsageError
from dver.experiments.table.table import ExperimentTable
from dver.ops.exp.page import write_experiments_page
from dver.ops.exp.show import ExperimentScope, TableQuery, show_experiments
from dver.repo import Repository


@options.command(
    examples=[
        ("dver exp show", "Compare the experiments of this branch."),
        ("dver exp show --sort -auc -n 10", "Show the ten best ones."),
        ("dver exp show --filter 'auc > 0.9 and lr < 0.1'", "Show some of them."),
        ("dver exp show --pcp --open", "Show a page with parallel coordinates in the browser."),
        ("dver exp show -A --json", "Print all experiments for a program."),
    ]
)
@click.option("--sort", multiple=True, metavar="KEY", help="Sort by a value; -KEY is descending (repeatable).")
@click.option("--sort-order", type=click.Choice(("asc", "desc")), default="asc", help="The order of --sort.")
@click.option("--filter", "filter_", metavar="TEXT", help="Show only experiments that match, such as 'auc > 0.9'.")
@click.option("--baseline", "baselines", multiple=True, metavar="REV", help="Show those of commit REV (repeatable).")
@click.option("-A", "--all", "everything", is_flag=True, help="Also show those of other branches.")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="Show at most N experiments.")
@click.option("--only-changed", is_flag=True, help="Omit metrics with the same value everywhere.")
@click.option("--all-params", is_flag=True, help="Also show parameters with the same value everywhere.")
@click.option("--watch", is_flag=True, help="Show the table with the latest metrics each second until Ctrl-C.")
@click.option("--html", "page", metavar="FILE", help="Write a page with the table and parallel coordinates.")
@click.option("--pcp", is_flag=True, help="Write the page with parallel coordinates; FILE is optional.")
@click.option("--open", "open_", is_flag=True, help="Open the page in the browser.")
@precision_option
@options.form_options
@click.pass_obj
def command(
    ctx: Context,
    *,
    sort: tuple[str, ...],
    sort_order: str,
    filter_: str | None,
    baselines: tuple[str, ...],
    everything: bool,
    limit: int | None,
    only_changed: bool,
    all_params: bool,
    watch: bool,
    page: str | None,
    pcp: bool,
    open_: bool,
    precision: int,
    form: str,
) -> None:
    """Compare experiments: their metrics, and the parameters and data that differ.

    Shows the experiments that start from commits of this branch, and those whose commit is on no branch any more
    because it was rebased or amended.

    A filter compares metrics, parameters and fields (name, status, created, duration, host, ...) with `<`, `<=`, `>`,
    `>=`, `==`, `!=` and `in`, and joins comparisons with `and`, `or`, `not`. A missing value matches nothing.
    """
    query = TableQuery(
        filter=filter_,
        sort=sort,
        descending=sort_order == "desc",
        limit=limit,
        only_changed=only_changed,
        all_params=all_params,
    )
    scope = ExperimentScope(everything, baselines)
    wants_page = page is not None or pcp or open_
    if watch and (form != "table" or wants_page):
        raise UsageError("--watch shows a table on the terminal", fix="leave the options for other forms out")
    with Repository.open(ctx.cwd) as repo:
        if watch:
            table = watch_table(ctx, lambda: show_experiments(repo, query, scope), precision=precision)
        else:
            context = wants_page or form in ("table", "md")
            table = show_experiments(repo, query, scope, context=context, progress=ctx.progress)
        for problem in table.problems:
            ctx.warn_about(problem)
        if wants_page:
            _write_page(ctx, repo, table, page, pcp=pcp, show=open_)
        else:
            _print(ctx, table, form, precision)


def _print(ctx: Context, table: ExperimentTable, form: str, precision: int) -> None:
    match form:
        case "json":
            ctx.emit_json_list(map(experiment_json, table.experiments))
        case "csv":
            print_experiments_csv(ctx, table)
        case "md":
            print_experiments_md(ctx, table, precision=precision)
        case _:
            print_experiments(ctx, table, precision=precision)


def _write_page(
    ctx: Context, repo: Repository, table: ExperimentTable, page: str | None, *, pcp: bool, show: bool
) -> None:
    to = ctx.cwd / page if page is not None else None
    written = write_experiments_page(repo, table, to, parallel_coordinates=pcp)
    ctx.note(f"wrote {terminal.printable(written if page is None else page)}")
    if show:
        import webbrowser  # only for this option

        if not webbrowser.open(written.absolute().as_uri()):
            ctx.warn("no browser could be opened")
