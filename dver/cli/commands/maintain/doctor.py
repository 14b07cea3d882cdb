"""`dver doctor`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render.findings import print_diagnosis
from dver.ops.maintain.doctor import doctor


@options.command(
    examples=[
        ("dver doctor", "Check everything; exit with 1 if there is a problem."),
        ("dver doctor --offline", "Skip the remotes."),
        ("dver doctor --json", "Print JSON for a bug report."),
    ]
)
@click.option("--offline", is_flag=True, help="Do not contact the remotes.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=20.0,
    metavar="SECONDS",
    help="Wait at most SECONDS for each remote. Default: 20.",
)
@options.json_option
@click.pass_obj
def command(ctx: Context, *, offline: bool, timeout: float, as_json: bool) -> int:
    """Check the installation, disk and project for problems.

    Checks versions, the disk, settings, the store, pointers, hooks, and the connection to each remote. Shows a fix for
    each problem, and changes nothing.
    """
    diagnosis = doctor(ctx.cwd, offline=offline, seconds=timeout)
    return print_diagnosis(ctx, diagnosis, as_json=as_json)
