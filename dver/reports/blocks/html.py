"""Blocks as HTML for pages that stand alone: without scripts, and loading nothing."""

from __future__ import annotations

import base64
import html
from typing import Final

from dver.core.html_page import render_document
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
    Toned,
)

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE: Final = """\
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --better: #1a7f37; --worse: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --better: #3fb950; --worse: #f85149; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.35rem; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
code { font: .92em ui-monospace, monospace; background: var(--soft); border-radius: 4px; padding: .05rem .25rem;
  overflow-wrap: anywhere; white-space: pre-wrap; }
pre { background: var(--soft); border-radius: 6px; margin: .4rem 0; overflow-x: auto; padding: .6rem .75rem; }
pre code { background: none; padding: 0; white-space: pre; }
.scroll { overflow-x: auto; } .scroll table { width: max-content; max-width: 62rem; }
table { border-collapse: collapse; font-size: .93rem; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td code, th code { overflow-wrap: normal; } td code.whole { overflow-wrap: anywhere; }
.better { color: var(--better); font-weight: 600; } .worse { color: var(--worse); font-weight: 600; }
ul { margin: .4rem 0; padding-left: 1.3rem; }
summary { cursor: pointer; }
figure { margin: 1rem 0; }
figure img { display: block; max-width: 100%; background: #fff; border-radius: 6px; }
.note { border-left: 3px solid var(--line); margin: .5rem 0; padding-left: .7rem; opacity: .9; }
.more { font-size: .9rem; opacity: .8; }
"""


def render_blocks_page(mark: bytes, title: Inline, body: str, *, style: str = "") -> bytes:
    """A page with a heading and the elements `body`. `style` is the CSS of elements that are not blocks."""
    heading = f"<h1>{inline_html(title)}</h1>\n"
    plain = "".join(one if isinstance(one, str) else _shown(one) for one in title)
    return render_document(mark, plain, f"<main>\n{heading}{body}</main>\n", style=_STYLE + style, policy=_POLICY)


def inline_html(text: Inline) -> str:
    """A line of text as HTML."""
    return "".join(map(_part, text))


def block_html(block: Block) -> str:
    """A block as HTML."""
    match block:
        case Paragraph(text):
            return f"<p>{inline_html(text)}</p>\n"
        case Prose():
            return "".join(f"<p>{html.escape(one)}</p>\n" for one in block.paragraphs)
        case Commands(lines):
            return f"<pre><code>{html.escape(chr(10).join(lines))}</code></pre>\n"
        case Picture(_, caption, content):
            data = base64.b64encode(content).decode()
            label = html.escape(Code(caption).shown)
            image = f'<img alt="{label}" src="data:image/png;base64,{data}">'
            return f"<figure><figcaption>{label}</figcaption>{image}</figure>\n"
        case ItemList():
            return _items(block)
        case ReportTable():
            return _table(block)


def _items(found: ItemList) -> str:
    items = "".join(f"<li>{inline_html(one)}</li>\n" for one in found.items)
    text = f"<ul>\n{items}</ul>\n{_left_out(found.total - len(found.items), 'more item', found.more)}"
    return f"<details><summary>{html.escape(found.title)}</summary>\n{text}</details>\n" if found.title else text


def _table(table: ReportTable) -> str:
    head = "".join(_cell("th", one, at in table.right) for at, one in enumerate(table.header))
    rows = "".join(
        f"<tr>{''.join(_cell('td', one, at in table.right) for at, one in enumerate(row))}</tr>\n" for row in table.rows
    )
    left = _left_out(table.total - len(table.rows), "more row", table.more)
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n{left}'


def _cell(tag: str, text: Inline, is_number: bool) -> str:
    return f'<{tag} class="number">{inline_html(text)}</{tag}>' if is_number else f"<{tag}>{inline_html(text)}</{tag}>"


def _left_out(number: int, noun: str, more: Inline) -> str:
    where = f": {inline_html(more)}" if more else ""
    return f'<p class="more">… {count(number, noun)} left out{where}</p>\n' if number else ""


def _part(part: str | Code | Toned) -> str:
    match part:
        case Code():
            return f"<code{' class=whole' if part.is_whole else ''}>{html.escape(part.shown)}</code>"
        case Toned(text, tone):
            return f'<span class="{tone.value}">{html.escape(text)}</span>'
    return html.escape(part)


def _shown(part: Code | Toned) -> str:
    return part.shown if isinstance(part, Code) else part.text
