"""The HTML page of a difference. It has no scripts, and its policy lets the browser load nothing."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from typing import Final

from dver.core.html_page import mark_of, render_document
from dver.core.phrasing import count, human_size
from dver.formats.tree import Entry, Kind
from dver.reports.difference import (
    ChangedDirectory,
    ChangeTotals,
    DifferenceReport,
    PicturePair,
    TablePair,
)
from dver.reports.thumbnails import Thumbnail
from dver.store.trees.compare import ChangeStatus, TreeChange
from dver.tables.difference import ColumnSummary, TableSummary

MARK: Final = mark_of("diff")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_OPEN_BELOW: Final = 100
"""The most changes in a directory that is shown open."""

_LABELS: Final = {
    ChangeStatus.ADDED: "added",
    ChangeStatus.REMOVED: "removed",
    ChangeStatus.MODIFIED: "modified",
    ChangeStatus.RENAMED: "renamed",
}

_STYLE: Final = """\
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --added: #1a7f37; --removed: #cf222e;
  --modified: #9a6700; --renamed: #0969da; }
@media (prefers-color-scheme: dark) {
  :root { --added: #3fb950; --removed: #f85149; --modified: #d29922; --renamed: #58a6ff; }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.35rem; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
ul { list-style: none; margin: 0; padding: 0; }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .5rem; margin: 0; }
.totals div { background: var(--soft); border-radius: 6px; padding: .5rem .75rem; }
.totals dt { font-size: .85rem; opacity: .8; }
.totals dd { font-size: 1.2rem; font-weight: 600; margin: 0; }
details { border-left: 2px solid var(--line); margin: .15rem 0 .15rem .3rem; padding-left: .7rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary span, .size, .more { opacity: .75; font-size: .87rem; }
.files li { display: flex; gap: .6rem; padding: .1rem 0; align-items: baseline; }
.files b { flex: none; width: 5.2rem; font-weight: 600; font-size: .85rem; }
.files .name { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.files .size { flex: none; max-width: 45%; text-align: right; }
.added { color: var(--added); } .removed { color: var(--removed); }
.modified { color: var(--modified); } .renamed { color: var(--renamed); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
article { background: var(--soft); border-radius: 6px; min-width: 0; padding: .75rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
figure { margin: 0; min-width: 0; }
figure img { display: block; max-width: 100%; max-height: 24rem; border-radius: 4px; color: #000;
  background: repeating-conic-gradient(#ccc 0% 25%, #fff 0% 50%) 0 0 / 16px 16px; }
figcaption { font-size: .85rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .87rem; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.changed { font-weight: 600; }
.note { opacity: .85; }
"""


def render_report(report: DifferenceReport) -> bytes:
    """The page of `report`."""
    title = f"Changes from {report.old} to {report.new}"
    parts = [f"<h1>{_text(title)}</h1>\n", _totals(report.totals)]
    parts += [f'<p class="note">{_text(note)}</p>\n' for note in report.notes]
    if report.tree.total:
        parts.append(f"<h2>Files</h2>\n{_content(report.tree, opened=True)}")
    if report.pictures:
        parts.append(f'<h2>Images</h2>\n<div class="cards">\n{"".join(map(_picture, report.pictures))}</div>\n')
    if report.tables:
        parts.append(f"<h2>Tables</h2>\n{''.join(map(_table, report.tables))}")
    return render_document(MARK, title, f"<main>\n{''.join(parts)}</main>\n", style=_STYLE, policy=_POLICY)


def _totals(totals: ChangeTotals) -> str:
    shown = [(label, f"{totals.counts[status]:,}") for status, label in _LABELS.items()]
    change = totals.new_size - totals.old_size
    shown += [
        ("size before", human_size(totals.old_size)),
        ("size after", human_size(totals.new_size)),
        ("change", f"{'-' if change < 0 else '+'}{human_size(abs(change))}"),
    ]
    cells = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>\n" for label, value in shown)
    return f'<dl class="totals">\n{cells}</dl>\n'


# -- the tree


def _directory(directory: ChangedDirectory, *, opened: bool) -> str:
    attribute = " open" if opened or directory.total <= _OPEN_BELOW else ""
    label = f"{_text(directory.name)}/ <span>{count(directory.total, 'change')}</span>"
    return f"<details{attribute}><summary>{label}</summary>\n{_content(directory)}</details>\n"


def _content(directory: ChangedDirectory, *, opened: bool = False) -> str:
    below = "".join(_directory(one, opened=opened) for one in directory.directories.values())
    files = "".join(map(_file, directory.files))
    listed = f'<ul class="files">\n{files}</ul>\n' if files else ""
    more = f'<p class="more">{count(directory.left_out, "more file")}</p>\n' if directory.left_out else ""
    return below + listed + more


def _file(change: TreeChange) -> str:
    label = _LABELS[change.status]
    name = _text(os.path.basename(change.path))
    if change.old_path is not None:
        name = f"{_text(change.old_path)} → {name}"
    return (
        f'<li><b class="{label}">{label}</b> <span class="name">{name}</span> '
        f'<span class="size">{_text(_sizes(change))}</span></li>\n'
    )


def _sizes(change: TreeChange) -> str:
    if change.old is not None and change.new is not None:
        if change.old.kind is not change.new.kind:
            return f"{_size(change.old)} → {_size(change.new)}, {_kind(change.old)} → {_kind(change.new)}"
        if change.old.size == change.new.size:
            return _size(change.new)
        return f"{_size(change.old)} → {_size(change.new)}"
    entry = change.new or change.old
    return _size(entry) if entry is not None else ""


def _size(entry: Entry) -> str:
    return "empty directory" if entry.kind is Kind.DIRECTORY else human_size(entry.size)


def _kind(entry: Entry) -> str:
    return entry.kind.name.lower()


# -- pictures and tables


def _picture(pair: PicturePair) -> str:
    sides = _side("before", pair.path, pair.old) + _side("after", pair.path, pair.new)
    return f'<article><h3>{_text(pair.path)}</h3>\n<div class="pair">\n{sides}</div></article>\n'


def _side(when: str, path: str, side: Thumbnail | str | None) -> str:
    if isinstance(side, Thumbnail):
        data = base64.b64encode(side.content).decode()
        image = f'<img alt="{_text(f"{path} {when}")}" src="data:{side.media_type};base64,{data}">'
        return f"<figure>{image}<figcaption>{when}: {_text(side.detail)}</figcaption></figure>\n"
    return f"<figure><figcaption>{when}: {_text(side or 'does not exist')}</figcaption></figure>\n"


def _table(pair: TablePair) -> str:
    old, new = _columns(pair.old), _columns(pair.new)
    rows = "".join(_column(name, old.get(name), new.get(name)) for name in {**old, **new})
    head = "".join(f"<th>{label}</th>" for label in ("column", "type", "nulls", "least", "greatest"))
    return (
        f"<article><h3>{_text(pair.path)}</h3>\n<p>{_text(_row_counts(pair))}</p>\n"
        f'<div class="scroll"><table>\n<tr>{head}</tr>\n{rows}</table></div></article>\n'
    )


def _columns(side: TableSummary | None) -> dict[str, ColumnSummary]:
    return {column.name: column for column in side.columns} if side is not None else {}


def _row_counts(pair: TablePair) -> str:
    sides = [f"{side.rows:,}" if side is not None else "no file" for side in (pair.old, pair.new)]
    return f"rows: {sides[0]}" if sides[0] == sides[1] else f"rows: {sides[0]} → {sides[1]}"


def _column(name: str, old: ColumnSummary | None, new: ColumnSummary | None) -> str:
    label = "added" if old is None else "removed" if new is None else ""
    badge = f' <b class="{label}">{label}</b>' if label else ""
    cells = _cell(_values(old, new, "type")) + _cell(_values(old, new, "nulls"), number=True)
    cells += _cell(_values(old, new, "least")) + _cell(_values(old, new, "greatest"))
    return f"<tr><td>{_text(name)}{badge}</td>{cells}</tr>\n"


def _values(old: ColumnSummary | None, new: ColumnSummary | None, attribute: str) -> Sequence[str]:
    """The value of each side that exists, once if both are equal."""
    found = [getattr(column, attribute) for column in (old, new) if column is not None]
    return list(dict.fromkeys(f"{one:,}" if isinstance(one, int) else one or "-" for one in found))


def _cell(values: Sequence[str], *, number: bool = False) -> str:
    classes = " ".join(name for name, is_so in (("number", number), ("changed", len(values) > 1)) if is_so)
    return f'<td class="{classes}">{_text(" → ".join(values))}</td>' if classes else f"<td>{_text(values[0])}</td>"


def _text(value: str | bytes) -> str:
    """Escaped text. Bytes that are no UTF-8 are shown as `\\xff`."""
    raw = os.fsencode(value) if isinstance(value, str) and not value.isascii() else value
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    return html.escape("".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text))
