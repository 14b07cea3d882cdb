from __future__ import annotations

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.stage import PlotStyle
from dver.pipelines.plots.definition import (
    PlotColumns,
    PlotDefinition,
    is_image,
    plot_definitions,
    plot_of_file,
    with_style,
)


def plots(text: str, folder: str = "") -> list[PlotDefinition]:
    return list(plot_definitions(folder, load_pipeline_file(text.encode(), {}.get)))


def test_plots_of_stages_come_before_those_of_the_top_level() -> None:
    found = plots(
        """
stages:
  train:
    cmd: train
    outs: [model]
    plots: [loss.csv, {roc.csv: {x: fpr, y: tpr}}]
plots:
  - sub/
""",
        "exp",
    )
    assert [(one.name, one.path, one.x, one.ys) for one in found] == [
        ("exp/loss.csv", "exp/loss.csv", None, (PlotColumns("exp/loss.csv"),)),
        ("exp/roc.csv", "exp/roc.csv", "fpr", (PlotColumns("exp/roc.csv", ("tpr",)),)),
        ("exp/sub", "exp/sub", None, (PlotColumns("exp/sub"),)),
    ]


def test_a_plot_at_the_top_level_overrides_that_of_a_stage() -> None:
    text = "stages: {a: {cmd: a, plots: [p.csv]}}\nplots: [{p.csv: {title: Top}}]\n"
    assert [one.style.title for one in plots(text)] == ["Top"]


def test_a_plot_with_an_id_takes_columns_from_several_files() -> None:
    (found,) = plots("plots:\n  - both: {x: {a.csv: step}, y: {a.csv: [x, y], b.csv: z}, title: Both}\n", "exp")
    assert (found.name, found.path, found.x, found.style.title) == ("exp/both", None, None, "Both")
    assert found.xs == (PlotColumns("exp/a.csv", ("step",)),)
    assert found.ys == (PlotColumns("exp/a.csv", ("x", "y")), PlotColumns("exp/b.csv", ("z",)))


def test_a_plot_outside_of_the_repository_is_refused() -> None:
    with pytest.raises(PipelineError, match="outside of the"):
        plots("plots: [../p.csv]\n")


def test_the_plot_of_a_directory_is_repeated_for_each_file() -> None:
    found = plot_of_file("dir", PlotStyle(y=("a", "b"))).at("dir/x.csv")
    assert (found.name, found.path) == ("dir/x.csv", "dir/x.csv")
    assert found.ys == (PlotColumns("dir/x.csv", ("a", "b")),)


def test_options_replace_only_what_they_name() -> None:
    own = plot_of_file("p.csv", PlotStyle(x="step", y="loss", title="Own", header=False))
    changed = with_style(own, PlotStyle(y=("acc",), y_label="accuracy"))
    assert (changed.x, changed.ys) == ("step", (PlotColumns("p.csv", ("acc",)),))
    assert (changed.style.title, changed.style.y_label, changed.style.header) == ("Own", "accuracy", False)
    assert with_style(own, PlotStyle()) == own


def test_another_column_for_x_replaces_the_sources_of_x() -> None:
    (own,) = plots("plots:\n  - both: {x: {a.csv: step}, y: {a.csv: y}}\n")
    changed = with_style(own, PlotStyle(x="epoch"))
    assert (changed.x, changed.xs, changed.ys) == ("epoch", (), own.ys)


@pytest.mark.parametrize(("path", "found"), [("a.png", True), ("d/A.JPEG", True), ("a.csv", False), (".png", False)])
def test_an_image_is_recognized_by_its_suffix(path: str, found: bool) -> None:
    assert is_image(path) is found
