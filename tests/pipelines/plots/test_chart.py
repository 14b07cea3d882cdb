from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.stage import PlotStyle
from dver.pipelines.plots.chart import Chart, build_chart, series_of
from dver.pipelines.plots.definition import PlotDefinition, plot_definitions, plot_of_file, with_style

Files = Mapping[str, Sequence[dict[str, Any]]]

LOSS = [{"step": 5, "loss": 0.5, "acc": 0.1}, {"step": 6, "loss": 0.4, "acc": 0.2}]


def defined(text: str, folder: str = "") -> list[PlotDefinition]:
    return list(plot_definitions(folder, load_pipeline_file(text.encode(), lambda _path: None)))


def drawn(definition: PlotDefinition, **revs: Files) -> Chart:
    lines = [line for rev, files in revs.items() for line in series_of(definition, rev, files)]
    return build_chart(definition, lines, "title")


def xy(found: Chart) -> list[tuple[str, Any, Any]]:
    return [(row["rev"], row[found.x], row[found.y]) for row in found.rows]


# -- which plots there are


def test_plots_of_stages_and_of_the_top_have_one_form() -> None:
    found = defined(
        """
stages:
  train:
    cmd: x
    wdir: sub
    outs: [model]
    plots: [a.csv, ../b.csv: {x: n, y: [p, q], title: B}]
plots:
- figures
- roc: {x: fpr, y: {c.csv: tpr, d.csv: [tpr, other]}}
- joined: {x: {c.csv: time}, y: {d.csv: value}}
""",
        "top",
    )
    assert [(one.name, one.path) for one in found] == [
        ("top/sub/a.csv", "top/sub/a.csv"),
        ("top/b.csv", "top/b.csv"),
        ("top/figures", "top/figures"),
        ("top/roc", None),
        ("top/joined", None),
    ]
    assert [[(y.path, y.names) for y in one.ys] for one in found[1:]] == [
        [("top/b.csv", ("p", "q"))],
        [("top/figures", ())],
        [("top/c.csv", ("tpr",)), ("top/d.csv", ("tpr", "other"))],
        [("top/d.csv", ("value",))],
    ]
    assert [(x.path, x.names) for x in found[4].xs] == [("top/c.csv", ("time",))]
    assert [one.x for one in found] == [None, "n", None, "fpr", None]


def test_the_top_goes_before_the_stage() -> None:
    (found,) = defined("stages: {a: {cmd: x, plots: [a.csv: {x: one}]}}\nplots: [a.csv: {x: two}]\n")
    assert found.x == "two"


def test_a_place_out_of_the_repository_is_refused() -> None:
    with pytest.raises(PipelineError, match="outside"):
        defined("plots: [../../a.csv]", "one")


def test_the_user_can_have_it_otherwise() -> None:
    (found,) = defined("plots: [a.csv: {x: one, y: p, title: T, template: bar}]")
    changed = with_style(found, PlotStyle(x="two", y=("q",), template="scatter"))
    assert (changed.x, changed.ys[0].names, changed.style.title) == ("two", ("q",), "T")
    assert changed.style.template == "scatter"
    assert with_style(found, PlotStyle()) == found


# -- x and y


def test_x_is_the_step_and_y_the_last_column_where_nothing_is_said() -> None:
    found = drawn(plot_of_file("a.csv"), v1={"a.csv": LOSS})
    assert (found.x, found.y, found.x_label, found.y_label) == ("step", "acc", "step", "acc")
    assert xy(found) == [("v1", 5, 0.1), ("v1", 6, 0.2)]
    counted = drawn(plot_of_file("a.csv"), v1={"a.csv": [{"acc": 1}, {"acc": 2}]})
    assert xy(counted) == [("v1", 0, 1), ("v1", 1, 2)]


def test_several_columns_become_lines_of_one_chart() -> None:
    found = drawn(plot_of_file("a.csv", PlotStyle(y=("loss", "acc"))), v1={"a.csv": LOSS}, v2={"a.csv": LOSS[:1]})
    assert found.series == ("loss", "acc")
    assert found.revs == ("v1", "v2")
    assert found.y_label == "y"
    assert [(row["rev"], row["dver_series"], row[found.y]) for row in found.rows] == [
        ("v1", "loss", 0.5), ("v1", "loss", 0.4), ("v1", "acc", 0.1), ("v1", "acc", 0.2),
        ("v2", "loss", 0.5), ("v2", "acc", 0.1),
    ]  # fmt: skip


def test_several_files_are_told_apart_by_what_differs_in_their_names() -> None:
    (definition,) = defined("plots: [both: {x: step, y: {eval/train/a.csv: acc, eval/test/a.csv: acc}}]")
    found = drawn(definition, v1={"eval/train/a.csv": LOSS, "eval/test/a.csv": LOSS})
    assert found.series == ("train/a.csv", "test/a.csv")
    assert found.y == "acc"
    (mixed,) = defined("plots: [both: {x: step, y: {a.csv: acc, b.csv: loss}}]")
    assert drawn(mixed, v1={"a.csv": LOSS, "b.csv": LOSS}).series == ("a.csv::acc", "b.csv::loss")


def test_x_may_come_from_another_file() -> None:
    (definition,) = defined("plots: [joined: {x: {a.csv: time}, y: {b.csv: value}}]")
    files: Files = {"a.csv": [{"time": 1}, {"time": 2}], "b.csv": [{"value": 3}, {"value": 4}]}
    assert xy(drawn(definition, v1=files)) == [("v1", 1, 3), ("v1", 2, 4)]
    with pytest.raises(PipelineError, match="does not match column"):
        series_of(definition, "v1", {**files, "a.csv": [{"time": 1}]})


def test_each_y_may_have_an_x_of_its_own() -> None:
    (definition,) = defined("plots: [both: {x: {a.csv: [p, q]}, y: {a.csv: [r, s]}}]")
    found = drawn(definition, v1={"a.csv": [{"p": 1, "q": 2, "r": 3, "s": 4}]})
    assert xy(found) == [("v1", 1, 3), ("v1", 2, 4)]
    assert found.x_label == "x"
    (wrong,) = defined("plots: [both: {x: {a.csv: [p, q]}, y: {a.csv: [r, s, t]}}]")
    with pytest.raises(PipelineError, match="2 columns for x and 3 for y"):
        series_of(wrong, "v1", {"a.csv": [{"p": 1}]})


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(PipelineError, match="no column 'nope'") as caught:
        series_of(plot_of_file("a.csv", PlotStyle(y="nope")), "v1", {"a.csv": LOSS})
    assert caught.value.fix == "its columns: step, loss, acc"


@pytest.mark.parametrize("name", ["rev", "filename", "field", "dver_series"])
def test_columns_called_like_ours_keep_their_values(name: str) -> None:
    found = drawn(plot_of_file("a.csv", PlotStyle(x=name, y=name)), v1={"a.csv": [{name: 7}]})
    assert xy(found) == [("v1", 7, 7)]
    assert (found.x_label, found.y_label) == (name, name)


def test_labels_and_titles_are_those_that_were_asked_for() -> None:
    found = drawn(plot_of_file("a.csv", PlotStyle(title="T", x_label="X", y_label="Y")), v1={"a.csv": LOSS})
    assert (found.title, found.x_label, found.y_label) == ("T", "X", "Y")
