"""A report as an HTML page that stands alone. It has no scripts, and its policy lets the browser load nothing."""

from __future__ import annotations

import html
from typing import Final

from dver.core.html_page import mark_of
from dver.reports.blocks.html import block_html, inline_html, render_blocks_page
from dver.reports.pull_request.model import PullRequestReport, ReportSection
from dver.reports.pull_request.wording import title_of, unchanged_line

MARK: Final = mark_of("report")


def render_report_page(report: PullRequestReport) -> bytes:
    """The page, with all rows that the report has and with its pictures."""
    parts = [*map(_section, report.shown()), *(f"<p>{html.escape(line)}</p>\n" for line in unchanged_line(report))]
    return render_blocks_page(MARK, title_of(report), "".join(parts))


def _section(section: ReportSection) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>\n"]
    if section.body.summary:
        parts.append(f"<p>{inline_html(section.body.summary)}</p>\n")
    parts += map(block_html, section.body.blocks)
    parts += [f'<p class="note">{inline_html(note)}</p>\n' for note in section.body.notes]
    return f"<section>\n{''.join(parts)}</section>\n"
