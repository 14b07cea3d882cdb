"""Findings of `dver doctor` and `dver model doctor` as text."""

from __future__ import annotations

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.maintenance.project_checks import Diagnosis, Finding, Level


def print_diagnosis(ctx: Context, diagnosis: Diagnosis, *, as_json: bool) -> int:
    """Print all findings and their numbers, or JSON. Returns the exit code: 1 if there is a problem."""
    if as_json:
        ctx.emit_json(diagnosis)
    else:
        for finding in diagnosis.findings:
            _print_finding(ctx, finding)
        ctx.say(_summary_line(diagnosis.problems, diagnosis.warnings))
    return 1 if diagnosis.problems else 0


def _print_finding(ctx: Context, finding: Finding) -> None:
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
