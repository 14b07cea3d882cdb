"""Blocks as Markdown that GitHub and GitLab display as intended, whatever names contain.

In code, neither host follows a mention (`@name`), a reference (`#1`), a URL or a tag of HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dver.core.phrasing import count
from dver.reports.blocks.model import (
    Block,
    Code,
    Commands,
    Inline,
    ItemList,
    Paragraph,
    Picture,
    Prose,
    ReportTable,
    Tone,
    Toned,
)

_MARKED: Final = re.compile(r"([\\`*_{}\[\]<>|~#&@])")
_LINE_START: Final = re.compile(r"^(?:(?=[-+=])|(\d+)(?=[.)]))")
"""The start of a line that would make a list, a heading or a table of it."""
_URL: Final = re.compile(r"(?<=[A-Za-z]):(?=//)")
_FOR_TABLES: Final = re.compile(r"[^|\\]+")
"""Text that a code span in a table holds as it is. Escapes in it differ between the hosts."""
_MARKS: Final = {Tone.PLAIN: "", Tone.BETTER: "🟢 ", Tone.WORSE: "🔴 "}
ROWS: Final = 10_000
"""The most rows of a table."""


@dataclass(frozen=True, slots=True)
class MarkdownForm:
    """How blocks are written."""

    rows: int = ROWS
    """The most rows of each table and items of each list."""
    links: Mapping[str, str] = field(default_factory=dict)
    """URLs of pictures by file name."""


def inline_markdown(text: Inline, *, in_table: bool = False) -> str:
    """A line of text as Markdown."""
    return "".join(_part(one, in_table) for one in text)


def code_markdown(code: Code, *, in_table: bool = False) -> str:
    """A name or value as code."""
    shown = code.shown
    if not shown.strip() or (in_table and not _FOR_TABLES.fullmatch(shown)):
        return f"<code>{_references(shown)}</code>"
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    # Markdown takes one space from both ends, if there are any.
    padding = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def block_markdown(block: Block, form: MarkdownForm) -> str:
    """A block as Markdown, without an empty line after it."""
    match block:
        case Paragraph(text):
            return inline_markdown(text)
        case Prose():
            return "\n\n".join(map(_prose, block.paragraphs))
        case Commands(lines):
            fence = "`" * max(3, *(len(one) + 1 for one in re.findall("`+", " ".join(lines))), 0)
            return "\n".join((fence, *lines, fence))
        case Picture(name, caption):
            return _picture(name, caption, form)
        case ItemList():
            return _items(block, form)
        case ReportTable():
            return _table(block, form)


def joined_blocks(parts: list[str]) -> str:
    """Blocks and headings in Markdown, with an empty line between them."""
    return "\n\n".join(one for one in parts if one) + "\n"


def _part(part: str | Code | Toned, in_table: bool) -> str:
    match part:
        case Code():
            return code_markdown(part, in_table=in_table)
        case Toned(text, tone):
            return _MARKS[tone] + _escaped(text)
    return _escaped(part)


def _escaped(text: str) -> str:
    return _MARKED.sub(r"\\\1", text)


def _prose(paragraph: str) -> str:
    """A paragraph that a person wrote: no markup in it has an effect, and no URL becomes a link."""
    return _LINE_START.sub(lambda found: (found[1] or "") + "\\", _URL.sub("&#58;", _escaped(paragraph)))


def _references(text: str) -> str:
    """HTML in which each character that is not a letter, digit or space is a reference to it."""
    found = "".join(one if one.isalnum() or one == " " else f"&#{ord(one)};" for one in text)
    return found if found.strip() == found else found.replace(" ", "&#32;")


def _table(table: ReportTable, form: MarkdownForm) -> str:
    rows = table.rows[: form.rows]
    left = table.total - len(rows)
    if not rows:
        return _left_out(left, "row", table.more)
    line = ["---:" if at in table.right else "---" for at in range(len(table.header))]
    cells = [[inline_markdown(one, in_table=True) for one in row] for row in (table.header, *rows)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in (cells[0], line, *cells[1:]))
    return f"{text}\n\n{_left_out(left, 'more row', table.more)}" if left else text


def _items(found: ItemList, form: MarkdownForm) -> str:
    items = found.items[: form.rows]
    left = found.total - len(items)
    parts = ["\n".join(f"- {inline_markdown(one)}" for one in items)] if items else []
    if left:
        parts.append(_left_out(left, "more item" if items else "item", found.more))
    text = "\n\n".join(parts)
    if not found.title or not items:
        return text
    return f"<details><summary>{html.escape(found.title)}</summary>\n\n{text}\n\n</details>"


def _left_out(number: int, noun: str, more: Inline) -> str:
    where = f": {inline_markdown(more)}" if more else ""
    return f"… {count(number, noun)} left out{where}"


def _picture(name: str, caption: str, form: MarkdownForm) -> str:
    url = form.links.get(name)
    if url is None:
        return f"{code_markdown(Code(caption))}: picture {code_markdown(Code(name))}"
    return f"{code_markdown(Code(caption))}\n\n![{_escaped(Code(caption).shown)}]({url})"
