"""Which experiments `prune` removes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from dver.core.errors import UsageError
from dver.experiments.sharing.prune_plan import PruneRule, plan_prune
from dver.formats.experiment import Experiment, ExperimentStatus


def made(name: str, created: float = 0.0, status: ExperimentStatus = ExperimentStatus.DONE, **loss: Any) -> Experiment:
    return Experiment(
        id=name.ljust(32, "0"),
        name=name,
        status=status,
        baseline="a" * 40,
        commit="b" * 40,
        updated=1,
        created=created,
        metrics={"metrics.json": loss} if loss else {},
    )


def pruned(experiments: list[Experiment], **rule: Any) -> list[str]:
    return [one.name for one in plan_prune(experiments, PruneRule(**rule))]


LOSSES = [made("a", loss=0.3), made("b", loss=0.1), made("c", loss=0.2), made("d", loss=0.4)]


def test_the_best_are_kept() -> None:
    assert pruned(LOSSES, keep_best=2, metric="loss", lowest=True) == ["a", "d"]
    assert pruned(LOSSES, keep_best=2, metric="loss") == ["b", "c"]
    assert pruned(LOSSES, keep_best=9, metric="metrics.json:loss") == []


@pytest.mark.parametrize("value", [math.nan, "high", None, True])
def test_an_experiment_without_a_number_is_never_among_the_best(value: object) -> None:
    assert pruned([made("x", loss=value), *LOSSES], keep_best=4, metric="loss", lowest=True) == ["x"]
    assert pruned([*LOSSES, made("failed", status=ExperimentStatus.FAILED)], keep_best=5, metric="loss") == ["failed"]


def test_infinite_and_large_values_are_numbers() -> None:
    extremes = [made("inf", loss=math.inf), made("big", loss=10**400), made("low", loss=-math.inf)]
    assert pruned(extremes, keep_best=1, metric="loss", lowest=True) == ["inf", "big"]
    assert pruned(extremes, keep_best=1, metric="loss") == ["big", "low"]


def test_unfinished_experiments_are_kept() -> None:
    unfinished = [made(one.value, status=one) for one in (ExperimentStatus.QUEUED, ExperimentStatus.RUNNING)]
    assert pruned([*unfinished, *LOSSES], keep_best=4, metric="loss") == []
    assert pruned(unfinished, before=10.0) == []


def test_only_old_ones_are_removed_and_never_the_best() -> None:
    aged = [replace(one, created=float(at)) for at, one in enumerate(LOSSES)]
    assert pruned(aged, before=2.0) == ["a", "b"]
    assert pruned(aged, before=3.0, keep_best=1, metric="loss", lowest=True) == ["a", "c"]


@pytest.mark.parametrize("rule", [{}, {"keep_best": 3}, {"metric": "loss"}, {"metric": "loss", "before": 1.0}])
def test_a_rule_that_says_too_little_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"--keep-best|nothing says"):
        pruned(LOSSES, **rule)


def test_an_unknown_metric_is_refused_and_removes_nothing() -> None:
    with pytest.raises(UsageError, match="losss"):
        pruned(LOSSES, keep_best=1, metric="losss")
    with pytest.raises(UsageError, match="no experiment has the metric"):
        pruned([made("a")], keep_best=1, metric="loss")
    assert pruned([], keep_best=1, metric="loss") == []
