"""`dver monitor compare`, and `dver monitor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dver.cli import options
from dver.cli.commands.quality.monitor.monitor_options import monitor_options, options_of
from dver.cli.context import Context
from dver.cli.render.quality.monitoring import print_monitor_result, result_json
from dver.cli.render.terminal import printable
from dver.core.errors import UsageError
from dver.formats.monitor_history import DIRECTORY, SUFFIX
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.ops.quality.monitor import MonitorResult


@options.command(
    examples=[
        ("dver monitor live.csv --model churn#prod", "Compare live data with what the model was trained on."),
        ("dver monitor live/*.parquet --reference data/train.csv@v1.0", "Compare each file with a version of data."),
        ("dver monitor log.csv --reference train.csv --window day --time at", "Compare each day of a file."),
        ("dver monitor live.csv --model churn --labels l.csv --target y --prediction p", "Measure the performance."),
        ("dver monitor live.csv --model churn --on-alarm ./page-me.sh", "Run a command if something drifted."),
    ]
)
@click.argument("live", nargs=-1, metavar="LIVE...")
@monitor_options
@click.option("--no-record", is_flag=True, help="Do not add the windows to the history.")
@click.option("--html", "page", metavar="FILE", help="Write a page with the windows and charts over time to FILE.")
@click.option("--on-alarm", metavar="COMMAND", help="Run COMMAND in a shell after an alarm is recorded.")
@options.json_option
@click.pass_obj
def command(
    ctx: Context,
    /,
    *,
    live: tuple[str, ...],
    no_record: bool,
    page: str | None,
    on_alarm: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Compare live data with a reference.

    The reference is data of the project, or the training data of a registered model. Its profile is enough: drift needs
    no data. Each LIVE is a window, unless --window divides its rows. The windows are recorded in dver.monitor/, which
    Git tracks. Exits with 1 if a column drifted, or a metric is not as expected.
    """
    if on_alarm is not None and no_record:
        raise UsageError("--on-alarm and --no-record exclude each other", fix="leave one of them out")
    chosen = options_of(given, record=not no_record)
    if page is not None:
        from dver.ops.quality.monitor_history import refuse_foreign_history_page

        refuse_foreign_history_page(ctx.cwd / page)  # before windows are recorded
    with Repository.open(ctx.cwd) as repo:
        from dver.ops.quality.monitor import monitor
        from dver.ops.quality.monitor_definition import request_for

        request = request_for(repo, chosen, cwd=ctx.cwd)
        result = monitor(repo, live, request, cwd=ctx.cwd, progress=ctx.progress)
        root = repo.root
    try:
        if page is not None:
            _write_page(ctx, result, page)
    finally:  # an alarm of recorded windows is never lost
        if as_json:
            ctx.emit_json(result_json(result))
        else:
            print_monitor_result(ctx, result)
        if on_alarm is not None and result.alarm:
            _run_command(ctx, on_alarm, result, root, out=2 if as_json else None)
    return 1 if result.alarm else 0


def _write_page(ctx: Context, result: MonitorResult, page: str) -> None:
    from dver.ops.quality.monitor_history import MonitorHistory, write_history_page

    write_history_page(MonitorHistory(result.name, result.history), ctx.cwd / page)
    ctx.note(f"wrote {printable(page)}")


def _run_command(ctx: Context, command: str, result: MonitorResult, root: Path, *, out: int | None) -> None:
    from dver.ops.quality.alarm_command import run_alarm_command

    windows = [one.window for one in result.windows]
    history = root / DIRECTORY / f"{result.name}{SUFFIX}"
    ctx.flush()
    run_alarm_command(command, result.name, windows, history, cwd=ctx.cwd, out=out)
