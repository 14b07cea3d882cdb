"""Which records a push publishes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dver.experiments.sharing.publish_plan import plan_publish
from dver.formats.experiment import Experiment, ExperimentStatus

ONE = Experiment(
    id="1" * 32, name="one", status=ExperimentStatus.DONE, baseline="a" * 40, commit="b" * 40, updated=10, created=1.0
)


def test_a_new_record_is_published_once() -> None:
    assert plan_publish([ONE], {}, lambda _: True).records == (ONE,)
    assert plan_publish([ONE], {ONE.id: 10}, lambda _: True).records == ()
    assert plan_publish([ONE], {ONE.id: 11}, lambda _: True).records == ()


@pytest.mark.parametrize("status", [ExperimentStatus.QUEUED, ExperimentStatus.RUNNING])
def test_unfinished_experiments_wait(status: ExperimentStatus) -> None:
    unfinished = replace(ONE, status=status)
    plan = plan_publish([unfinished], {}, lambda _: True)
    assert (plan.records, plan.unfinished) == ((), (unfinished,))
    retried = replace(unfinished, updated=20)  # it failed before, and that was published
    assert plan_publish([retried], {ONE.id: 10}, lambda _: True).unfinished == (retried,)


@pytest.mark.parametrize("status", [ExperimentStatus.FAILED, ExperimentStatus.STOPPED])
def test_failed_and_stopped_ones_are_published(status: ExperimentStatus) -> None:
    ended = replace(ONE, status=status)
    assert plan_publish([ended], {}, lambda _: True).records == (ended,)


def test_unselected_experiments_are_named() -> None:
    plan = plan_publish([ONE], {}, lambda _: False)
    assert (plan.records, plan.other) == ((), (ONE,))


def test_changes_of_published_experiments_are_published_whatever_is_selected() -> None:
    renamed, removed = replace(ONE, name="uno", updated=11), replace(ONE, removed=True, updated=12)
    assert plan_publish([renamed], {ONE.id: 10}, lambda _: False).records == (renamed,)
    assert plan_publish([removed], {ONE.id: 10}, lambda _: False).records == (removed,)
    unfinished = replace(removed, status=ExperimentStatus.QUEUED)
    assert plan_publish([unfinished], {ONE.id: 10}, lambda _: False).records == (unfinished,)


def test_the_removal_of_an_unpublished_experiment_stays_here() -> None:
    plan = plan_publish([replace(ONE, removed=True)], {}, lambda _: True)
    assert (plan.records, plan.unfinished, plan.other) == ((), (), ())
