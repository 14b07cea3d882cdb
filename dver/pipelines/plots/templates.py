"""Vega-Lite templates with anchors (`<DVER_DATA>`, `<DVER_X>` …) for data and column names.

The anchors of DVC's templates (`<DVC_METRIC_DATA>` …) work, too. docs/pipelines-reference.md lists them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final

from dver.core.errors import PipelineError
from dver.pipelines.definition.param_files import parse_json
from dver.pipelines.definition.yaml_tree import check_depth, type_name
from dver.pipelines.plots.chart import REV, SERIES, Chart

DEFAULT: Final = "linear"
BUILT_IN: Final = (
    "linear",
    "simple",
    "scatter",
    "scatter_jitter",
    "smooth",
    "bar",
    "bar_horizontal",
    "bar_horizontal_sorted",
    "confusion",
    "confusion_normalized",
)
"""The templates in the files `vega_lite/NAME.json`."""

_ANCHOR: Final = re.compile(r"<(DVC_METRIC|DVER)_([A-Z_]+)>")
_SPECIAL: Final = re.compile(r"([\\.\[\]'\"])")
_COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#7f7f7f")
"""Colours that colour-blind people can distinguish (after Okabe and Ito)."""
_DASHES: Final = ([1, 0], [8, 4], [2, 2], [8, 2, 2, 2], [4, 4], [12, 3])
_LEGEND: Final = {"symbolOpacity": 1}
_DASH_LEGEND: Final = {
    **_LEGEND,
    "symbolType": "stroke",
    "symbolStrokeColor": "gray",
    "symbolStrokeWidth": 2,
    "symbolSize": 500,
}
_SHAPES: Final = ("circle", "square", "triangle", "diamond", "cross")
_WIDTHS: Final = (6.0, 2.0)
"""The widths of the first and the last line: if lines coincide, the first one stays visible on both sides."""
_POINTS: Final = (120.0, 20.0)
"""The same for the areas of points."""
_SIZE: Final = 300
_DROP: Final = object()
"""The value of an anchor without a meaning in this chart. Its key is removed."""


def parse_template(content: bytes, name: str) -> Mapping[str, Any]:
    """The user's template `name`. Raises PipelineError for an invalid template."""
    found = parse_json(content, name)
    check_depth(found, name)
    if not isinstance(found, dict):
        raise PipelineError(f"{name}: expected a mapping, not {type_name(found)}")
    if "DATA" not in [name for _, name in _ANCHOR.findall(content.decode("utf-8", "replace"))]:
        fix = 'add "data": {"values": "<DVER_DATA>"}'
        raise PipelineError(f"{name} has no anchor for the data", fix=fix)
    return found


def built_in(name: str) -> Mapping[str, Any]:
    """The built-in template `name`. Raises PipelineError for an unknown name."""
    if name not in BUILT_IN:
        near = get_close_matches(name, BUILT_IN, 1)
        known = f"built-in templates: {', '.join(BUILT_IN)}; your own are in .dver/plots/"
        raise PipelineError(f"unknown template {name!r}", fix=f"did you mean {near[0]!r}?" if near else known)
    template: dict[str, Any] = json.loads(
        files("dver.pipelines.plots").joinpath("vega_lite", f"{name}.json").read_bytes()
    )
    return template


def fill_template(template: Mapping[str, Any], chart: Chart) -> dict[str, Any]:
    """The Vega-Lite specification of a chart."""
    filled = _fill(template, _anchors(chart))
    assert isinstance(filled, dict)
    return filled


def _fill(node: Any, anchors: Mapping[str, Any]) -> Any:
    if isinstance(node, Mapping):
        pairs = {key: _fill(one, anchors) for key, one in node.items()}
        return {key: one for key, one in pairs.items() if one is not _DROP}
    if isinstance(node, list):
        return [one for one in (_fill(one, anchors) for one in node) if one is not _DROP]
    if not isinstance(node, str):
        return node
    whole = _ANCHOR.fullmatch(node)
    if whole:
        return _anchor_value(whole, anchors)

    def replacement(match: re.Match[str]) -> str:
        value = _anchor_value(match, anchors)
        return "" if value is _DROP else value if isinstance(value, str) else json.dumps(value)

    return _ANCHOR.sub(replacement, node)


def _anchor_value(match: re.Match[str], anchors: Mapping[str, Any]) -> Any:
    """The value of an anchor; the anchor itself if it is unknown. In DVC's templates, colours always mean revisions."""
    family, name = match[1], match[2]
    return anchors.get(f"{family}_{name}", anchors.get(name, match[0]))


def _anchors(chart: Chart) -> dict[str, Any]:
    x, y = escaped(chart.x), escaped(chart.y)
    many = len(chart.series) > 1
    twice = many and len(chart.revs) > 1  # revisions have the colours, so lines have to differ in something else
    dash = {**_scale(SERIES, chart, _DASHES), "legend": _DASH_LEGEND}
    shape = _scale(SERIES, chart, _SHAPES)
    colored = SERIES if many and not twice else REV
    group = [REV, *([SERIES] if many else [])]
    facet = {"field": SERIES, "sort": None, "title": None} if many else _DROP
    fields = [*group, chart.x, chart.y]
    titles = {chart.x: chart.x_label, chart.y: chart.y_label, SERIES: "series"}
    return {
        "DATA": list(chart.rows),
        "TITLE": chart.title,
        "X": x,
        "Y": y,
        "X_LABEL": chart.x_label,
        "Y_LABEL": chart.y_label,
        "X_KIND": chart.x_kind,
        "Y_KIND": chart.y_kind,
        "PLOT_WIDTH": _SIZE,
        "PLOT_HEIGHT": _SIZE,
        "ZOOM_AND_PAN": {"name": "grid", "select": "interval", "bind": "scales"},
        "DVC_METRIC_COLOR": _scale(REV, chart, _COLORS),
        "COLOR": _scale(colored, chart, _COLORS),
        "STROKE_WIDTH": _narrowing(colored, chart, _WIDTHS),
        "POINT_SIZE": _narrowing(colored, chart, _POINTS),
        "STROKE_DASH": dash if twice else _DROP,
        "SHAPE": shape if twice else _DROP,
        "DVC_METRIC_STROKE_DASH": dash if many else _DROP,
        "DVC_METRIC_SHAPE": shape if many else _DROP,
        "TOOLTIP": [{"field": escaped(one), "title": titles.get(one, one)} for one in dict.fromkeys(fields)],
        "GROUP_BY": group,
        "GROUP_BY_X": [*group, x],
        "GROUP_BY_Y": [*group, y],
        "GROUP_BY_CELL": [*group, x, y],
        "PIVOT_FIELD": " + '::' + ".join(f"datum.{one}" for one in group),
        "ROW": facet,
        "COLUMN": facet,
    }


def _scale(field: str, chart: Chart, values: tuple[Any, ...]) -> dict[str, Any]:
    domain = chart.revs if field == REV else chart.series
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "legend": _LEGEND,
        "scale": {"domain": list(domain), "range": [values[at % len(values)] for at in range(len(domain))]},
    }


def _narrowing(field: str, chart: Chart, ends: tuple[float, float]) -> Any:
    """A scale between `ends`; none for a single line."""
    steps = len(chart.revs if field == REV else chart.series) - 1
    if steps == 0:
        return _DROP
    first, last = ends
    values = tuple(round(first + (last - first) * at / steps, 2) for at in range(steps + 1))
    return _scale(field, chart, values)


def escaped(name: str) -> str:
    """A column name escaped for Vega, which would read it as a path."""
    return _SPECIAL.sub(r"\\\1", name)
