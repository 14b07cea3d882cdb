"""Results of checks of data."""

from __future__ import annotations

from collections.abc import Iterator

from dver.checks.result import CheckedData, RuleOutcome, RuleResult, Severity
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.terminal import Style
from dver.core.phrasing import one_line
from dver.gates.kept_results import ReplacedResult


def print_checked(ctx: Context, checked: CheckedData) -> None:
    """Print the failed checks of one file or directory, and how many passed."""
    passed = sum(one.ok for one in checked.results)
    ctx.say(f"{ctx.style.bold(terminal.printable(checked.path))}: {_summary(checked, passed)}")
    for result in checked.results:
        if not result.ok:
            for line in failed_lines(result, ctx.style):
                ctx.say(line)
            if result.rows:
                names = [name for name, _ in result.rows[0]]
                rows = [[value for _, value in row] for row in result.rows]
                ctx.table([[one_line(cell) for cell in row] for row in (names, *rows)], indent=8)
        elif ctx.verbose:
            ctx.say(f"  {ctx.style.green('passed')}    {_subject(result)}: {one_line(result.found)}")


def failed_lines(result: RuleResult, style: Style) -> Iterator[str]:
    """A failed check: what it is about, what was expected and found."""
    warns = result.severity is Severity.WARNING
    word = style.yellow("warning ") if warns else style.red("critical")
    yield f"  {word}  {_subject(result)}"
    yield f"      expected  {one_line(result.expected)}"
    error = result.outcome is RuleOutcome.ERROR
    yield f"      {'error   ' if error else 'found   '}  {one_line(result.found)}"


def replaced_text(one: ReplacedResult) -> str:
    """That a kept result was wrong, and which."""
    name = " ".join(part for part in (one.path, one.column or "", one.rule) if part)
    before = "was missing" if one.kept is None else f"said {one.kept.value}"
    return f"kept result of {terminal.printable(name)} {before}, but the check {one.found.value}: replaced it"


def _subject(result: RuleResult) -> str:
    rule = one_line(result.rule)
    return f"{one_line(result.column)}: {rule}" if result.column is not None else rule


def _summary(checked: CheckedData, passed: int) -> str:
    parts = [terminal.count(passed, "check") + " passed"]
    parts += [terminal.count(len(checked.warnings), "warning")] if checked.warnings else []
    parts += [f"{len(checked.critical):,} failed"] if checked.critical else []
    return f"{', '.join(parts)} ({terminal.printable(checked.suite)})"
