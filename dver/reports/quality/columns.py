"""The columns of a collection as rows of a page. Each row opens to all that is known of its column."""

from __future__ import annotations

from typing import Final

from dver.core.errors import CorruptError
from dver.formats.profile import ColumnProfile, ColumnType, NumberSummary
from dver.profiles.sketches.distinct import Distinct
from dver.profiles.sketches.quantiles import Quantiles
from dver.reports.blocks.html import inline_html
from dver.reports.blocks.model import Code
from dver.reports.quality.charts import histogram_svg, share_bar
from dver.reports.quality.distributions import distribution_of
from dver.reports.quality.figures import figure_text, number_of, share_text, value_text

TOP_MAX: Final = 15
"""The most values that a column lists."""
_RARE: Final = 0.005
"""If the most frequent value has no larger share, values are not listed."""
_RANKS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_NAMES: Final = ("5 %", "25 %", "median", "75 %", "95 %")

HEAD: Final = (
    '<div class="column head"><span>column</span><span>type</span><span>distribution</span><span>nulls</span>'
    "<span>distinct</span><span>values</span></div>\n"
)


def column_html(column: ColumnProfile, *, top: int = TOP_MAX) -> str:
    """One column, with at most `top` of its values."""
    found = distribution_of(column)
    nulls = f"<small>nulls </small>{share_text(column.null_share)}"
    cells = (
        f'<span class="name">{_code(column.name)}</span>',
        f'<span class="type">{column.type.value}{" · private" if column.private else ""}</span>',
        f'<span class="chart">{histogram_svg(found) if found else ""}</span>',
        f'<span class="nulls{" some" if column.nulls else ""}">{nulls}</span>',
        f'<span class="distinct"><small>distinct </small>{distinct_text(column)}</span>',
        f'<span class="values">{_values(column)}{_oddities(column)}</span>',
    )
    return (
        f'<details><summary class="column">{"".join(cells)}</summary>\n'
        f'<div class="facts">{_facts(column)}{_top(column, top)}</div></details>\n'
    )


def distinct_text(column: ColumnProfile) -> str:
    """The number of distinct values, with `≈` where it is an estimate; `-` if it is unknown."""
    if not column.distinct:
        return "-"
    try:
        found = Distinct.of(column.distinct)
    except CorruptError:
        return "-"
    return f"{'' if found.exact else '≈ '}{min(found.estimate(), column.count - column.nulls):,}"


def _values(column: ColumnProfile) -> str:
    """The values in short: a range of numbers, or the most frequent values."""
    if column.type is ColumnType.BOOLEAN:
        return f"{share_text(column.true / max(1, column.count - column.nulls))} true"
    if column.numbers is not None:
        low, high = (number_of(column.type, one) for one in (column.numbers.minimum, column.numbers.maximum))
        mean = number_of(column.type, column.numbers.mean)
        return f"{low} to {high}, <small>mean</small> {mean}" if low != high else low
    if column.counts is not None and column.counts.values:
        shown = ", ".join(_code(value_text(value)) for value, _ in column.counts.values[:3])
        return shown + (", …" if len(column.counts.values) > 3 or not column.counts.complete else "")
    if column.lengths is not None:
        return f"{_lengths(column.lengths)} {'items' if column.type is ColumnType.NESTED else 'long'}"
    return ""


def _oddities(column: ColumnProfile) -> str:
    """The numbers of values that are no proper ones."""
    found = [f"{number:,} {label}" for label, number in _odd(column)]
    return f' <span class="odd">{", ".join(found)}</span>' if found else ""


def _odd(column: ColumnProfile) -> list[tuple[str, int]]:
    counted = (("NaN", column.nans), ("infinite", column.infinities), ("of another type", column.mixed))
    return [(label, number) for label, number in counted if number]


def _lengths(found: NumberSummary) -> str:
    low, high = figure_text(found.minimum), figure_text(found.maximum)
    return f"{low} to {high}, <small>mean</small> {figure_text(found.mean)}" if low != high else low


def _facts(column: ColumnProfile) -> str:
    facts = [("values", f"{column.count - column.nulls:,}"), ("nulls", f"{column.nulls:,}")]
    facts += [(label, f"{number:,}") for label, number in _odd(column)]
    if column.declared is not None:
        facts.append(("type in the file", _code(column.declared)))
    if column.numbers is not None and column.type is not ColumnType.BOOLEAN:
        facts += _number_facts(column.type, column.numbers)
    if column.lengths is not None:
        facts.append(("items" if column.type is ColumnType.NESTED else "length", _lengths(column.lengths)))
    for label, text in (("first", column.first), ("last", column.last)):
        if text is not None:
            facts.append((label, _code(value_text(text))))
    if column.private:
        facts.append(("private", "values were left out"))
    return f"<dl>{''.join(f'<div><dt>{label}</dt><dd>{text}</dd></div>' for label, text in facts)}</dl>\n"


def _number_facts(type_: ColumnType, summary: NumberSummary) -> list[tuple[str, str]]:
    facts = [("least", number_of(type_, summary.minimum))]
    try:
        found = Quantiles.of(summary.quantiles).quantiles(_RANKS).tolist()
        facts += [(name, number_of(type_, one)) for name, one in zip(_NAMES, found, strict=True)]
    except CorruptError:
        facts.append(("quantiles", "damaged"))
    facts += [("greatest", number_of(type_, summary.maximum)), ("mean", number_of(type_, summary.mean))]
    unit = " s" if type_ is ColumnType.TIME else ""
    return [*facts, ("standard deviation", figure_text(summary.deviation) + unit)]


def _top(column: ColumnProfile, most: int) -> str:
    counts = column.counts
    if counts is None or not counts.values:
        return ""
    filled = max(1, column.count - column.nulls)
    shown = counts.values[:most]
    if shown[0][1] <= max(1, _RARE * filled) and len(counts.values) > most:
        return "<p>No value occurs often.</p>\n"
    rows = "".join(
        f'<tr><td>{_code(value_text(value))}</td><td class="number">{times:,}</td>'
        f'<td class="bar">{share_bar(times / filled)}</td><td>{share_text(times / filled)}</td></tr>\n'
        for value, times in shown
    )
    more = "" if counts.complete and len(counts.values) == len(shown) else "<p>… and other values</p>\n"
    return f'<table class="top">\n{rows}</table>\n{more}'


def _code(text: str) -> str:
    """A name or value. An empty one has a width, too."""
    return inline_html((Code(text or " "),)) if text.strip() else '<code class="blank">(blank)</code>'
