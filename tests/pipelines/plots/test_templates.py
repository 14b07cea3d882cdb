from __future__ import annotations

import json
from typing import Any

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.stage import PlotStyle
from dver.pipelines.plots.chart import Chart, build_chart, series_of
from dver.pipelines.plots.definition import plot_of_file
from dver.pipelines.plots.templates import BUILT_IN, built_in, fill_template, parse_template
from dver.pipelines.plots.vega import to_png

ROWS = [{"n": 1, "kind": "a", "x.y": 0.5, "other": 1.5}, {"n": 2, "kind": "b", "x.y": 0.25, "other": 2.5}]
PNG = b"\x89PNG\r\n\x1a\n"


def made(*revs: str, rows: list[dict[str, Any]] = ROWS, **style: Any) -> Chart:
    definition = plot_of_file("a.csv", PlotStyle(**style))
    return build_chart(
        definition, [line for rev in revs for line in series_of(definition, rev, {"a.csv": rows})], "title"
    )


def template(**parts: Any) -> dict[str, Any]:
    content = {"data": {"values": "<DVC_METRIC_DATA>"}, **parts}
    return dict(parse_template(json.dumps(content).encode(), "mine.json"))


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("revs", [("v1",), ("v1", "v2")])
@pytest.mark.parametrize("y", [("n",), ("n", "other")])
def test_every_template_can_be_drawn(name: str, revs: tuple[str, ...], y: tuple[str, ...]) -> None:
    style: dict[str, Any] = {"x": "n", "y": "kind"} if "horizontal" in name else {"x": "kind", "y": y}
    if name == "smooth":
        style = {"y": y}
    spec = fill_template(built_in(name), made(*revs, **style))
    assert "<D" not in json.dumps(spec)
    assert to_png(spec, name).startswith(PNG)


def test_anchors_of_dvc_and_of_dver_mean_the_same() -> None:
    names = ("TITLE", "X", "Y", "X_LABEL", "Y_LABEL", "PLOT_WIDTH", "ZOOM_AND_PAN", "TOOLTIP", "GROUP_BY", "GROUP_BY_X")
    parts = {f"{family}{name}": f"<{family}_{name}>" for name in names for family in ("DVC_METRIC", "DVER")}
    spec = fill_template(template(**parts), made("v1", x="n", y="x.y", title="T"))
    assert all(spec[f"DVC_METRIC{name}"] == spec[f"DVER{name}"] for name in names)
    assert (spec["DVERTITLE"], spec["DVERX"], spec["DVERY"], spec["DVERGROUP_BY_X"]) == (
        "T",
        "n",
        "x\\.y",
        ["rev", "n"],
    )
    assert spec["data"]["values"][0]["x.y"] == 0.5


def test_an_anchor_that_says_nothing_takes_its_key_along() -> None:
    parts = {
        "encoding": {"row": "<DVC_METRIC_ROW>", "strokeDash": "<DVC_METRIC_STROKE_DASH>"},
        "list": ["<DVER_ROW>", 1],
    }
    assert fill_template(template(**parts), made("v1"))["encoding"] == {}
    assert fill_template(template(**parts), made("v1"))["list"] == [1]
    many = fill_template(template(**parts), made("v1", y=("n", "other")))
    assert set(many["encoding"]) == {"row", "strokeDash"}


def test_anchors_inside_of_text_are_replaced_and_unknown_ones_stay() -> None:
    spec = fill_template(template(title="of <DVER_Y> by <DVC_METRIC_X>, <DVER_NOPE>"), made("v1", x="n", y="other"))
    assert spec["title"] == "of other by n, <DVER_NOPE>"


def test_what_looks_like_an_anchor_in_the_data_stays_as_it_is() -> None:
    spec = fill_template(
        template(title="<DVER_TITLE>"), made("v1", rows=[{"a": "<DVER_X>", "b": 1}], title="<DVER_DATA>")
    )
    assert spec["data"]["values"][0]["a"] == "<DVER_X>"
    assert spec["title"] == "<DVER_DATA>"


def test_colours_mean_revisions_or_lines_where_there_is_one_revision() -> None:
    parts = {"ours": "<DVER_COLOR>", "theirs": "<DVC_METRIC_COLOR>"}
    spec = fill_template(template(**parts), made("v1", y=("n", "other")))
    assert (spec["ours"]["field"], spec["theirs"]["field"]) == ("dver_series", "rev")
    spec = fill_template(template(**parts), made("v1", "v2", y=("n", "other")))
    assert (spec["ours"]["field"], spec["ours"]["scale"]["domain"]) == ("rev", ["v1", "v2"])
    assert len({*spec["ours"]["scale"]["range"]}) == 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff\xff", b"[" * 100_000, b'{"data": {"values": []}}', b'"<DVER_DATA>"']
)
def test_what_is_no_template_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(PipelineError, match=r"mine\.json"):
        parse_template(content, "mine.json")


def test_a_template_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(PipelineError, match="unknown template 'confusoin'") as caught:
        built_in("confusoin")
    assert caught.value.fix == "did you mean 'confusion'?"
    with pytest.raises(PipelineError) as caught:
        built_in("zzz")
    assert "linear" in str(caught.value.fix)


@pytest.mark.parametrize("url", ["/etc/passwd", "http://127.0.0.1:9/data.csv"])
def test_drawing_a_template_loads_nothing(url: str) -> None:
    spec = {"data": {"url": url}, "mark": "point", "encoding": {"x": {"field": "a", "type": "nominal"}}}
    with pytest.raises(PipelineError, match="cannot be drawn"):
        to_png(spec, "evil")


def test_what_is_no_vega_lite_cannot_be_drawn() -> None:
    with pytest.raises(PipelineError, match="'mine' cannot be drawn"):
        to_png({"mark": {"nope": 1}, "data": {"values": []}}, "mine")


@pytest.mark.parametrize(
    ("name", "channel"), [("linear", "strokeWidth"), ("simple", "strokeWidth"), ("scatter", "size")]
)
def test_what_is_drawn_first_is_larger_so_that_the_same_curve_twice_shows_both(name: str, channel: str) -> None:
    def scale(chart: Chart) -> dict[str, Any]:
        spec = fill_template(built_in(name), chart)
        encoding = spec["layer"][0]["encoding"] if name == "linear" else spec["encoding"]
        found: dict[str, Any] = encoding.get(channel, {})
        return found

    of_revisions = scale(made("v1", "v2", "v3", y="n"))
    assert (of_revisions["field"], of_revisions["scale"]["domain"]) == ("rev", ["v1", "v2", "v3"])
    widths = of_revisions["scale"]["range"]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 3
    assert scale(made("v1", y=("n", "other")))["field"] == "dver_series"
    assert not scale(made("v1", y="n"))
