"""`maximize` and `minimize` of metrics in `dver.yaml`."""

from __future__ import annotations

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.metric_goals import Direction, MetricGoal
from dver.pipelines.definition.stage import PipelineFile

UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE


def read(text: str) -> PipelineFile:
    return load_pipeline_file(text.encode(), {}.get)


def test_metrics_of_stages_name_keys_to_maximize_and_to_minimize() -> None:
    file = read(
        "vars: [{best: f1}]\n"
        "stages: {s: {cmd: x, metrics: [m.json: {cache: false, maximize: ['${best}', '*.auc'], minimize: cost}]}}"
    )
    (out,) = file.stages["s"].outs
    assert out.goals == (MetricGoal("f1", UP), MetricGoal("*.auc", UP), MetricGoal("cost", DOWN))
    assert not out.cache


def test_metrics_at_the_top_level_have_goals_too() -> None:
    file = read("metrics: [a.json, b.json: {minimize: [cost, 7]}, c.json: null]")
    assert file.metrics == ("a.json", "b.json", "c.json")
    assert file.metric_goals == {"b.json": (MetricGoal("cost", DOWN), MetricGoal("7", DOWN))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages: {s: {cmd: x, metrics: [m: {maximize: a, minimize: [b, a]}]}}", "exclude each other for 'a'"),
        ("stages: {s: {cmd: x, metrics: [m: {maximize: {a: 1}}]}}", "`maximize`: expected text, not a mapping"),
        ("stages: {s: {cmd: x, outs: [m: {maximize: a}]}}", "unknown key 'maximize'"),
        ("stages: {s: {cmd: x, plots: [m: {minimize: a}]}}", "unknown key 'minimize'"),
        ("metrics: [m.json: {maximise: a}]", "unknown key 'maximise'"),
        ("metrics: [m.json: {cache: false}]", "unknown key 'cache'"),
    ],
)
def test_mistakes_in_goals_are_errors_with_a_position(text: str, message: str) -> None:
    with pytest.raises(PipelineError) as raised:
        read(text)
    assert message in raised.value.what
    assert raised.value.what.startswith("dver.yaml:1:")
