"""The HTML page of a profile: what is in the data, without the data."""

from __future__ import annotations

import html
from importlib.util import find_spec
from typing import Final

from dver.core.errors import UsageError
from dver.core.html_page import mark_of
from dver.core.oid import Oid
from dver.core.phrasing import count, human_size
from dver.formats.profile import CollectionKind, CollectionProfile, Profile
from dver.reports.blocks.html import block_html, inline_html, render_blocks_page
from dver.reports.blocks.model import Code, Inline, ItemList, one_printable_line
from dver.reports.quality.columns import HEAD, TOP_MAX, column_html
from dver.reports.quality.figures import ROW_NOUNS

PROFILE_MARK: Final = mark_of("profile")
_OPEN_UP_TO: Final = 20
"""The most collections that are shown open."""
_MANY: Final = 200
_FEW_TOP: Final = 5
"""The most values that each of many columns lists."""

STYLE: Final = """\
:root { --bar: #2f6fb0; --rest: #9aa4ae; --warn: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --bar: #6cb0f5; --rest: #66707a; --warn: #d29922; } }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .5rem; margin: 0 0 1rem; }
.totals div { background: var(--soft); border-radius: 6px; padding: .5rem .75rem; }
.totals dt, .facts dt { font-size: .85rem; opacity: .8; }
.totals dd { font-size: 1.2rem; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
section > details > summary h2 { display: inline; overflow-wrap: anywhere; }
section { margin-top: 1.75rem; }
.column { display: grid; align-items: center; gap: .2rem 1rem; padding: .3rem .4rem;
  border-bottom: 1px solid var(--line);
  grid-template-columns: minmax(8rem, 1.5fr) 5.5rem 168px 4.5rem 5.5rem minmax(8rem, 2fr); }
.column > * { min-width: 0; overflow-wrap: anywhere; }
.columns details { content-visibility: auto; contain-intrinsic-size: auto 46px; }
.columns details[open] { content-visibility: visible; }
summary.column { list-style: none; } summary.column::-webkit-details-marker { display: none; }
.columns summary .name { position: relative; padding-left: 1rem; }
.columns summary .name::before { content: "▸"; opacity: .6; position: absolute; left: 0; }
.columns details[open] > summary .name::before { content: "▾"; }
summary.column:hover { background: var(--soft); }
.head { font-size: .85rem; opacity: .8; }
.column small { opacity: .75; font-size: 1em; }
.nulls, .distinct { text-align: right; font-variant-numeric: tabular-nums; }
.nulls small, .distinct small { display: none; }
.head span:nth-child(4), .head span:nth-child(5) { text-align: right; }
.nulls.some, .odd { color: var(--warn); font-weight: 600; }
.type { font-size: .87rem; opacity: .85; }
.chart { height: 34px; } .chart svg { display: block; width: 100%; max-width: 168px; height: 34px;
  border-bottom: 1px solid var(--line); }
.chart path { fill: var(--bar); } .chart path.rest { fill: var(--rest); }
.facts { padding: .5rem .4rem 1rem 1.2rem; border-bottom: 1px solid var(--line); font-size: .93rem; }
.facts dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .3rem 1rem;
  margin: 0 0 .6rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
table.top { width: 100%; max-width: 42rem; table-layout: fixed; } table.top td { padding: .15rem .5rem; }
table.top td:first-child { overflow-wrap: anywhere; } table.top td.number { width: 6rem; }
table.top td.bar { width: 30%; vertical-align: middle; } table.top td:last-child { width: 5.5rem; text-align: right; }
.share { display: block; height: .7rem; min-width: 1px; background: var(--bar); border-radius: 2px; }
code.blank { opacity: .7; font-style: italic; }
.unreadable { color: var(--warn); }
@media (max-width: 56rem) {
  .column { display: flex; flex-wrap: wrap; padding: .5rem .2rem; }
  .column.head { display: none; }
  .column .name { flex: 1 1 60%; font-weight: 600; } .column .type { flex: none; max-width: 35%; text-align: right; }
  .column .chart, .column .values { flex: 1 0 100%; }
  .nulls, .distinct { text-align: left; } .nulls small, .distinct small { display: inline; }
  .chart svg { max-width: 100%; }
}
"""


def profile_page(profile: Profile, *, path: str, oid: Oid | None = None, version: str | None = None) -> bytes:
    """The page of a profile. `path` and `version` name the data in the title, and `oid` is its content.

    A page of 1,000 columns takes 1.5 to 3 MB. Raises UsageError without the extra `data`.
    """
    if find_spec("numpy") is None:
        raise UsageError(
            "pages of profiles need the extra `data`", why="NumPy is not installed", fix='pip install "dver[data]"'
        )
    title: Inline = ("Profile of ", Code(path), *((" at ", Code(version)) if version else ()))
    few = len(profile.collections) <= _OPEN_UP_TO
    body = _totals(profile, oid) + "".join(_collection(one, opened=few) for one in profile.collections)
    if not profile.collections:
        body += "<p>There are neither tables nor images, recordings or texts in it.</p>\n"
    return render_blocks_page(PROFILE_MARK, title, body, style=STYLE)


def _totals(profile: Profile, oid: Oid | None) -> str:
    found = profile.collections
    files = sum(one.files for one in found)
    facts = [("size", human_size(sum(one.bytes for one in found)))]
    for kind, noun in ROW_NOUNS.items():
        if total := sum(one.rows for one in found if one.kind is kind):
            facts.append((f"{noun}s", f"{total:,}"))
    facts += [("columns", f"{sum(len(one.columns) for one in found):,}"), ("files", f"{files:,}")]
    if unreadable := sum(one.unreadable_count for one in found):
        facts.append(("unreadable files", f"{unreadable:,}"))
    if profile.ignored:
        facts.append(("other files", f"{profile.ignored:,}"))
    content = f'<p class="more">content {oid.short}</p>\n' if oid is not None else ""
    return totals_html(facts) + content


def totals_html(facts: list[tuple[str, str]]) -> str:
    """Figures side by side. Labels and figures are dver's own text."""
    cells = "".join(f"<div><dt>{html.escape(label)}</dt><dd>{html.escape(text)}</dd></div>\n" for label, text in facts)
    return f'<dl class="totals">\n{cells}</dl>\n'


def _collection(found: CollectionProfile, *, opened: bool) -> str:
    heading = inline_html((Code(found.name),)) if found.name else html.escape(found.kind.value.capitalize())
    rows = count(found.rows, ROW_NOUNS[found.kind])
    files = f" in {count(found.files, 'file')}" if found.kind is CollectionKind.TABLE else ""
    said = f"{rows}{files}, {human_size(found.bytes)}, {count(len(found.columns), 'column')}"
    top = TOP_MAX if len(found.columns) <= _MANY else _FEW_TOP
    columns = "".join(column_html(one, top=top) for one in found.columns)
    listed = f'<div class="columns">\n{HEAD}{columns}</div>\n' if columns else ""
    return (
        f"<section><details{' open' if opened else ''}><summary><h2>{heading}</h2> <span>{said}</span></summary>\n"
        f"{_unreadable(found)}{listed}</details></section>\n"
    )


def _unreadable(found: CollectionProfile) -> str:
    if not found.unreadable_count:
        return ""
    items: tuple[Inline, ...] = tuple((Code(one.path), f": {one_printable_line(one.why)}") for one in found.unreadable)
    files = block_html(ItemList(items, found.unreadable_count, count(found.unreadable_count, "unreadable file")))
    return f'<div class="unreadable">{files}</div>\n'
