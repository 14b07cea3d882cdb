"""Which direction of a metric is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import make_git_repo

from dver.core.errors import PipelineError
from dver.git.git_repo import discover
from dver.pipelines.compare.directions import Direction, Verdict, better_direction, directions_of, judge
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.param_files import ABSENT
from dver.repo.layout import Layout

UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE


@dataclass
class PipelineSide:
    """A side that has only pipelines."""

    pipelines: dict[str, Any]
    name: str = "workspace"

    def read(self, path: str) -> bytes:
        raise NotImplementedError(path)

    def below(self, path: str) -> list[str] | None:
        raise NotImplementedError(path)


@pytest.mark.parametrize(
    "key",
    [
        "accuracy",
        "valid.f1",
        "valAccuracy",
        "test_roc_auc",
        "top5_acc",
        "AUC",
        "R2",
        "metrics/mAP50-95(B)",
        "rouge1",
        "bleu4",
        "macro avg.precision",
        "neg_mean_squared_error",
        "negLogLoss",
        "accuracy.valid",
        "score",
    ],
)
def test_well_known_metrics_to_maximize(key: str) -> None:
    assert better_direction(key) is UP


@pytest.mark.parametrize(
    "key",
    [
        "loss",
        "val_loss",
        "testLoss",
        "RMSE",
        "mean_absolute_error",
        "cross_entropy",
        "false_positive_rate",
        "loss.0",
        "log_loss",
        "error_rate",
        "WER",
        "eval.perplexity",
        "p99_latency",
    ],
)
def test_well_known_metrics_to_minimize(key: str) -> None:
    assert better_direction(key) is DOWN


@pytest.mark.parametrize(
    "key",
    [
        "epoch",
        "learning_rate",
        "accuracy_std",
        "loss.weight",
        "n",
        "",
        ".",
        "glossary",
        "precise",
        "support",
        "entropy",
    ],
)
def test_other_names_say_nothing(key: str) -> None:
    assert better_direction(key) is None


def test_goals_of_outputs_of_the_top_level_and_of_sweeps_come_before_names(tmp_path: Path) -> None:
    layout = Layout(tmp_path, discover(make_git_repo(tmp_path)))
    top = load_pipeline_file(
        b"stages: {s: {cmd: x, wdir: out, metrics: [m.json: {maximize: [loss, 'valid.*'], minimize: valid.cost}]}}\n"
        b"metrics: [other.json: {minimize: score}]\n"
        b"sweeps: {s: {params: {lr: [1]}, maximize: 'swept.json:cost'}}\n",
        {}.get,
    )
    below = load_pipeline_file(b"stages: {s: {cmd: x, metrics: [all: {minimize: gain}]}}", {}.get)
    found = directions_of(layout, PipelineSide({"": top, "sub": below, "broken": PipelineError("broken")}))
    assert found.of("out/m.json", "loss") is UP
    assert found.of("out/m.json", "valid.loss") is UP
    assert found.of("out/m.json", "valid.cost") is DOWN
    assert found.of("out/m.json", "f1") is UP
    assert found.of("other.json", "score") is DOWN
    assert found.of("swept.json", "cost") is UP
    assert found.of("sub/all/deep/m.json", "gain") is DOWN
    assert found.of("elsewhere.json", "gain") is None


def test_directions_go_by_the_names_that_the_user_sees(tmp_path: Path) -> None:
    git = discover(make_git_repo(tmp_path))
    (tmp_path / "sub").mkdir()
    top = load_pipeline_file(b"metrics: [m.json: {minimize: gain}]", {}.get)
    found = directions_of(Layout(tmp_path, git, tmp_path / "sub"), PipelineSide({"": top}))
    assert found.of("../m.json", "gain") is DOWN
    assert found.of("m.json", "gain") is None


@pytest.mark.parametrize(
    ("direction", "old", "new", "verdict"),
    [
        (UP, 0.5, 0.75, Verdict.BETTER),
        (UP, 0.75, 0.5, Verdict.WORSE),
        (DOWN, 0.75, 0.5, Verdict.BETTER),
        (DOWN, 1, 2, Verdict.WORSE),
        (None, 1, 1, Verdict.SAME),
        (None, 1, 2, None),
        (UP, math.nan, 2, None),
        (UP, "1", 2, None),
        (UP, ABSENT, 2, None),
    ],
)
def test_a_change_is_better_worse_the_same_or_unknown(
    direction: Direction | None, old: Any, new: Any, verdict: Verdict | None
) -> None:
    assert judge(direction, ValueChange("k", old, new)) is verdict
