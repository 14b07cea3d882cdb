"""Samplers: each trial follows from the trials before, whichever process asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from dver.core.errors import RepositoryError
from dver.experiments.sweeps.pruning import should_prune
from dver.experiments.sweeps.sampler import Sampler, SweepTrial, TrialState
from dver.experiments.sweeps.samplers import make_sampler
from dver.experiments.sweeps.space import Point, contains, sweep_space
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.sweep import Sweep

FLOATS = "x: {low: -5.0, high: 5.0}, y: {low: -5.0, high: 5.0}"
MIXED = """lr: {low: 1.0e-5, high: 1.0, log: true}, n: {low: 1, high: 9}, act: [relu, null, [1]],
  step: {low: 0.0, high: 1.0, step: 0.25}"""


def sweep_of(params: str, method: str, more: str = "minimize: 'm.json:v'") -> Sweep:
    text = f"sweeps: {{s: {{params: {{{params}}}, method: {method}, {more}}}}}"
    return load_pipeline_file(text.encode(), lambda _: None).sweeps["s"]


def sampler_of(sweep: Sweep) -> Sampler:
    return make_sampler(sweep, sweep_space(sweep))


def done(sweep: Sweep, count: int, value: Callable[..., float]) -> list[SweepTrial]:
    """The first trials of a sweep, each with a value; every one from a sampler of its own."""
    trials: list[SweepTrial] = []
    while len(trials) < count:
        point = sampler_of(sweep).next(trials)
        if point is None:
            break
        trials.append(SweepTrial(len(trials), point, TrialState.DONE, value(*point)))
    return trials


def bowl(x: float, y: float) -> float:
    return (x - 2) ** 2 + (y + 1) ** 2


def test_a_grid_has_every_combination_once_in_order() -> None:
    trials = done(sweep_of("a: [1, true], b: [x, [2]]", "grid"), 10, lambda *_: 0.0)
    assert [one.point for one in trials] == [(1, "x"), (1, [2]), (True, "x"), (True, [2])]


def test_a_grid_goes_on_with_what_is_missing() -> None:
    sampler = sampler_of(sweep_of("a: [1, 2, 3]", "grid"))
    trials = [SweepTrial(0, (1,), TrialState.FAILED), SweepTrial(1, (3,)), SweepTrial(2, None)]
    assert sampler.next(trials) == (2,)
    assert sampler.next([*trials, SweepTrial(3, (2,))]) is None


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_points_are_in_the_space_and_differ(method: str) -> None:
    sweep = sweep_of(MIXED, method)
    space = sweep_space(sweep)
    trials = done(sweep, 14, lambda lr, n, act, step: lr + n + step + (act is None))
    points = [one.point for one in trials if one.point is not None]
    assert len({str(one) for one in points}) > 10
    for point in points:
        assert all(contains(one.values, value) for one, value in zip(space.params, point, strict=True))
        assert [type(value) for value in point[:2]] == [float, int]
    assert len({str(point[2]) for point in points}) == 3


@pytest.mark.parametrize(("method", "params"), [("random", MIXED), ("tpe", MIXED), ("cmaes", FLOATS)])
def test_a_trial_depends_on_the_seed_and_the_trials_before(method: str, params: str) -> None:
    sweep = sweep_of(params, method)
    trials = done(sweep, 8, lambda *_: 1.0)
    first, again = sampler_of(sweep), sampler_of(sweep)
    assert first.next(trials) == again.next(trials)
    assert first.next(trials) != first.next(trials[:-1])
    other = sweep_of(params, method, "seed: 5, minimize: 'm.json:v'")
    assert sampler_of(other).next(trials) != sampler_of(sweep).next(trials)


def test_the_points_are_the_same_in_another_process() -> None:
    sweep = sweep_of(MIXED, "random")
    points = [sampler_of(sweep).next([]) for _ in range(2)]
    assert points[0] == points[1]
    text = f"sweeps: {{s: {{params: {{{MIXED}}}, method: random}}}}"
    script = f"""
from dver.experiments.sweeps.samplers import make_sampler
from dver.experiments.sweeps.space import sweep_space
from dver.pipelines.definition.load import load_pipeline_file
sweep = load_pipeline_file({text!r}.encode(), lambda _: None).sweeps["s"]
print(make_sampler(sweep, sweep_space(sweep)).next([]))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == str(points[0])


@pytest.mark.parametrize("method", ["tpe", "cmaes"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_method_that_learns_finds_better_points_than_chance(method: str, sign: int) -> None:
    goal = "minimize" if sign == 1 else "maximize"
    sweep = sweep_of(FLOATS, method, f"{goal}: 'm.json:v'")
    trials = done(sweep, 40, lambda x, y: sign * bowl(x, y))
    values = [sign * one.value for one in trials if one.value is not None]
    assert min(values) < 1
    assert sum(values[-10:]) < sum(values[:10])


def test_failed_and_running_trials_do_not_disturb_the_others() -> None:
    for method in ("tpe", "cmaes"):
        sweep = sweep_of(FLOATS, method)
        trials = done(sweep, 12, bowl)
        point: Point = (1.0, 1.0)
        trials += [
            SweepTrial(12, point, TrialState.FAILED),
            SweepTrial(13, point, TrialState.PRUNED, steps={1: 3.0}),
            SweepTrial(14, point),
            SweepTrial(15, None, TrialState.DONE, 3.0),
        ]
        found = sampler_of(sweep).next(trials)
        assert found is not None
        assert found != point


def curve(number: int, last: float, state: TrialState = TrialState.DONE) -> SweepTrial:
    return SweepTrial(number, (0.0, 0.0), state, last, dict.fromkeys(range(1, 6), last))


@pytest.mark.parametrize(("goal", "worse", "better"), [("minimize", 9.0, 0.5), ("maximize", 0.5, 9.0)])
def test_a_trial_that_is_worse_than_the_median_is_pruned(goal: str, worse: float, better: float) -> None:
    sweep = sweep_of(FLOATS, "tpe", f"{goal}: 'm.json:v', pruner: median")
    trials = [curve(number, float(number)) for number in range(1, 7)]
    assert sweep.metric is not None
    assert should_prune(sweep.metric, trials, {3: worse})
    assert not should_prune(sweep.metric, trials, {3: better})
    assert not should_prune(sweep.metric, trials, {3: 3.5})
    assert not should_prune(sweep.metric, trials[:4], {3: worse})  # too few to compare with
    assert not should_prune(sweep.metric, trials, {})  # nothing reported yet


def test_a_missing_extra_is_an_error_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for method, package in (("tpe", "optuna"), ("cmaes", "cmaes")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)  # as if it were not installed
            with pytest.raises(RepositoryError, match=f"needs the package {package}") as caught:
                sampler_of(sweep_of(FLOATS, method))
            assert caught.value.fix == "pip install 'dver[optuna]'"
