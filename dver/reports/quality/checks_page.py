"""The HTML page of the results of checks: failed ones first, with the rows that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dver.checks.result import CheckedData, RuleOutcome, RuleResult, Severity
from dver.core.html_page import mark_of
from dver.core.phrasing import count
from dver.reports.blocks.html import block_html, inline_html, render_blocks_page
from dver.reports.blocks.model import Code, Inline, ReportTable
from dver.reports.quality.profile_page import STYLE, totals_html

CHECKS_MARK: Final = mark_of("check data")
ROWS_MAX: Final = 100
"""The most failing rows of a rule that the page shows."""
_STYLE: Final = """\
.failed { border-left: 4px solid var(--warn); background: var(--soft); border-radius: 6px;
  margin: .6rem 0; padding: .5rem .9rem; }
.failed.critical { border-color: var(--worse); }
.failed h3 { margin: 0 0 .2rem; font-size: 1rem; overflow-wrap: anywhere; }
.failed dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .1rem .9rem; margin: 0; }
.failed dt { opacity: .8; } .failed dd { margin: 0; overflow-wrap: anywhere; }
.label { font-size: .85rem; font-weight: 600; margin-right: .4rem; color: var(--warn); }
.critical > h3 > .label { color: var(--worse); }
.scroll td code { overflow-wrap: anywhere; }
"""


def checks_page(checked: Sequence[CheckedData], *, title: str = "") -> bytes:
    """The page of the results for some files and directories. `title` names the data, for example a revision."""
    heading: Inline = ("Checks of ", Code(title)) if title else ("Checks of data",)
    body = _totals(checked) + "".join(map(_data, checked))
    if not checked:
        body += "<p>No checks are defined for this data.</p>\n"
    return render_blocks_page(CHECKS_MARK, heading, body, style=STYLE + _STYLE)


def _totals(checked: Sequence[CheckedData]) -> str:
    results = [result for one in checked for result in one.results]
    return totals_html(
        [
            ("checks", f"{len(results):,}"),
            ("passed", f"{sum(one.ok for one in results):,}"),
            ("warnings", f"{sum(len(one.warnings) for one in checked):,}"),
            ("critical", f"{sum(len(one.critical) for one in checked):,}"),
        ]
    )


def _data(checked: CheckedData) -> str:
    content = f", content {checked.oid.short}" if checked.oid is not None else ""
    said = inline_html(("rules of ", Code(checked.suite), content))
    failed = sorted((one for one in checked.results if not one.ok), key=lambda one: one.severity is Severity.WARNING)
    return (
        f"<section><h2>{inline_html((Code(checked.path),))}</h2>\n<p>{said}</p>\n"
        f"{''.join(map(_failed, failed))}{_passed([one for one in checked.results if one.ok])}</section>\n"
    )


def _failed(result: RuleResult) -> str:
    error = result.outcome is RuleOutcome.ERROR
    label = f"{result.severity.value}{', not evaluated' if error else ''}"
    facts: list[tuple[str, Inline]] = [
        ("expected", (Code(result.expected, is_whole=True),)),
        ("why" if error else "found", (Code(result.found, is_whole=True),)),
    ]
    if result.failed_rows is not None:
        facts.append(("failed rows", (f"{result.failed_rows:,}",)))
    items = "".join(f"<dt>{name}</dt><dd>{inline_html(text)}</dd>" for name, text in facts)
    return (
        f'<article class="failed {result.severity.value}"><h3><span class="label">{label}</span>'
        f"{inline_html(_rule(result))}</h3>\n<dl>{items}</dl>\n{_rows(result)}</article>\n"
    )


def _rule(result: RuleResult) -> Inline:
    return (Code(result.rule), *((" of ", Code(result.column)) if result.column is not None else ()))


def _rows(result: RuleResult) -> str:
    """The failing rows as a table with a column for each name that occurs."""
    if not result.rows:
        return ""
    shown = result.rows[:ROWS_MAX]
    names = list(dict.fromkeys(name for row in shown for name, _ in row))
    cells = [dict(row) for row in shown]
    table = ReportTable(
        tuple((Code(name),) for name in names),
        tuple(tuple((Code(row[name]),) if name in row else ("-",) for name in names) for row in cells),
        max(result.failed_rows or 0, len(result.rows)),
    )
    return f"<details><summary>{count(len(shown), 'failing row')}</summary>\n{block_html(table)}</details>\n"


def _passed(results: Sequence[RuleResult]) -> str:
    if not results:
        return ""
    rows = tuple(
        (
            (Code(one.rule),),
            (Code(one.column),) if one.column is not None else ("",),
            (Code(one.expected),),
            (Code(one.found),),
        )
        for one in results
    )
    table = ReportTable((("rule",), ("column",), ("expected",), ("found",)), rows, len(rows))
    return f"<details><summary>{count(len(results), 'check')} passed</summary>\n{block_html(table)}</details>\n"
