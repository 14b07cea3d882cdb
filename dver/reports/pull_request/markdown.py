"""A report as Markdown for comments and job summaries. It fits into a limit, and says what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dver.core.phrasing import count
from dver.reports.blocks.markdown import ROWS, MarkdownForm, block_markdown, inline_markdown, joined_blocks
from dver.reports.blocks.model import Block, ItemList, ReportTable
from dver.reports.pull_request.model import PullRequestReport, ReportSection
from dver.reports.pull_request.wording import title_of, unchanged_line

LIMIT: Final = 60_000
"""The most bytes by default. GitHub refuses comments of more than 65,536 characters."""
_NOTES: Final = 20
_WHOLE: Final = "Run `dver report -o report.html` to see everything."


def render_markdown(
    report: PullRequestReport, *, limit: int = LIMIT, links: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The report as Markdown of at most `limit` bytes in UTF-8.

    Long tables and lists are cut until it fits, each with the number of rows left out and the command that shows them.
    `links` has URLs of pictures by file name; pictures without a URL are named. Raises ValueError for a limit below
    1,000 bytes.
    """
    if limit < 1000:
        raise ValueError("a report needs at least 1,000 bytes")
    most = max((_length(block) for one in report.sections for block in one.body.blocks), default=0)
    low, high = 0, min(most, ROWS)
    whole = _render(report, MarkdownForm(high, links))
    if _size(whole) <= limit:
        return whole
    while low < high:  # the largest number of rows that fits
        middle = (low + high + 1) // 2
        if _size(_render(report, MarkdownForm(middle, links))) <= limit:
            low = middle
        else:
            high = middle - 1
    found = _render(report, MarkdownForm(low, links))
    return found if _size(found) <= limit else _without_sections(report, links, limit)


def _render(report: PullRequestReport, form: MarkdownForm) -> str:
    sections = (_section(one, form) for one in report.shown())
    return joined_blocks([_title(report), *sections, *map(_own_words, unchanged_line(report))])


def _without_sections(report: PullRequestReport, links: Mapping[str, str], limit: int) -> str:
    """The first sections that fit, without rows, and the summaries or names of the others."""
    shown = list(report.shown())
    for kept in range(len(shown) - 1, -1, -1):
        sections = (_section(one, MarkdownForm(0, links)) for one in shown[:kept])
        left = ", ".join(one.title for one in shown[kept:])
        found = joined_blocks(
            [_title(report), *sections, f"Left out, because the report is too long: {left}. {_WHOLE}"]
        )
        if _size(found) <= limit:
            return found
    return f"The report is too long: {count(len(shown), 'section')}. {_WHOLE}\n"


def _title(report: PullRequestReport) -> str:
    return f"## {inline_markdown(title_of(report))}"


def _section(section: ReportSection, form: MarkdownForm) -> str:
    parts = [f"### {_own_words(section.title)}"]
    if section.body.summary:
        parts.append(inline_markdown(section.body.summary))
    parts += [block_markdown(one, form) for one in section.body.blocks]
    if section.body.notes:
        notes = [f"> {inline_markdown(one)}" for one in section.body.notes[:_NOTES]]
        left = len(section.body.notes) - _NOTES
        parts.append("\n>\n".join([*notes, *([f"> … and {left:,} more"] if left > 0 else [])]))
    return joined_blocks(parts).rstrip("\n")


def _own_words(text: str) -> str:
    return inline_markdown((text,))


def _length(block: Block) -> int:
    match block:
        case ReportTable():
            return len(block.rows)
        case ItemList():
            return len(block.items)
    return 0


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
