"""`dver doctor`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.maintenance.project_checks import Finding, Level
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
    if as_json:
        ctx.emit_json(diagnosis)
    else:
        for finding in diagnosis.findings:
            _print_result(ctx, finding)
        ctx.say(_summary_line(diagnosis.problems, diagnosis.warnings))
    return 1 if diagnosis.problems else 0


def _print_result(ctx: Context, finding: Finding) -> None:
    paint = {Level.OK: ctx.style.green, Level.WARNING: ctx.style.yellow, Level.PROBLEM: ctx.style.red}[finding.level]
    padding = " " * (9 - len(finding.level.value))
    ctx.say(f"{paint(finding.level.value)}{padding}{finding.topic:10}{terminal.one_line(finding.text)}")
    if finding.fix:
        ctx.say(f"{'':19}fix: {terminal.one_line(finding.fix)}")


def _summary_line(problems: int, warnings: int) -> str:
    if not problems and not warnings:
        return "no problems"
    counts = [(problems, "problem"), (warnings, "warning")]
    return ", ".join(terminal.count(number, noun) for number, noun in counts if number)
