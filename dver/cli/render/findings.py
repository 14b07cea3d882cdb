"""Findings of `dver doctor` and `dver model doctor` as text."""

from __future__ import annotations

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.maintenance.project_checks import Finding, Level


def print_finding(ctx: Context, finding: Finding) -> None:
    """Print a finding and its fix."""
    paint = {Level.OK: ctx.style.green, Level.WARNING: ctx.style.yellow, Level.PROBLEM: ctx.style.red}[finding.level]
    padding = " " * (9 - len(finding.level.value))
    ctx.say(f"{paint(finding.level.value)}{padding}{finding.topic:10}{terminal.one_line(finding.text)}")
    if finding.fix:
        ctx.say(f"{'':19}fix: {terminal.one_line(finding.fix)}")


def summary_line(problems: int, warnings: int) -> str:
    """The numbers of problems and warnings."""
    if not problems and not warnings:
        return "no problems"
    counts = [(problems, "problem"), (warnings, "warning")]
    return ", ".join(terminal.count(number, noun) for number, noun in counts if number)
