"""Sweeps in `dver.yaml`."""

from __future__ import annotations

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.sweep import PrunerKind, Sweep, SweepMethod, SweepMetric, SweepRange


def read(text: str) -> Sweep:
    (found,) = load_pipeline_file(text.encode(), lambda _: None).sweeps.values()
    return found


FULL = """\
sweeps:
  rate:
    params:
      lr: {low: 1.0e-5, high: 0.1, log: true}
      model.json:depth: {low: 2, high: 8, step: 2}
      act: [relu, null, [1]]
      width: range(3, 9)
    method: tpe
    trials: 50
    seed: 7
    maximize: metrics.json:valid.acc
    pruner: median
    targets: [train]
    desc: learning rate
"""


def test_a_sweep_has_parameters_a_method_and_a_metric() -> None:
    sweep = read(FULL)
    assert [(one.key, one.values) for one in sweep.params] == [
        ("lr", SweepRange(1e-5, 0.1, log=True)),
        ("model.json:depth", SweepRange(2, 8, step=2)),
        ("act", ("relu", None, [1])),
        ("width", "range(3, 9)"),
    ]
    assert (sweep.name, sweep.method, sweep.trials, sweep.seed) == ("rate", SweepMethod.TPE, 50, 7)
    assert sweep.metric == SweepMetric("metrics.json", "valid.acc", maximize=True)
    assert (sweep.pruner, sweep.targets, sweep.desc) == (PrunerKind.MEDIAN, ("train",), "learning rate")
    assert str(sweep.params[1].mark) == "dver.yaml:5:7"


def test_a_sweep_is_a_grid_by_default() -> None:
    sweep = read("sweeps: {s: {params: {lr: [1, 2]}}}")
    assert (sweep.method, sweep.trials, sweep.seed, sweep.metric) == (SweepMethod.GRID, None, 0, None)


def test_values_can_be_variables() -> None:
    sweep = read("vars: [{rates: [1, 2]}]\nsweeps: {s: {params: {lr: '${rates}'}}}")
    assert sweep.params[0].values == (1, 2)


def test_a_range_of_whole_numbers_has_whole_numbers() -> None:
    assert SweepRange(2, 8).is_whole
    assert not SweepRange(2.0, 8).is_whole
    assert not SweepRange(2, 8, step=0.5).is_whole


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("{}", "dver.yaml:2:3: sweep 's' has no `params`"),
        ("{params: {}}", "dver.yaml:2:15: `params`: expected at least one parameter"),
        ("{params: {lr: 1}}", "dver.yaml:2:20: parameter 'lr': expected a list"),
        ("{params: {lr: text}}", "parameter 'lr': expected a list"),
        ("{params: {lr: []}}", "parameter 'lr': expected values, not an empty list"),
        ("{params: {lr: {low: 1}}}", "dver.yaml:2:20: parameter 'lr' has no `high`"),
        ("{params: {lr: {low: 1, hihg: 2}}}", "unknown key 'hihg'"),
        ("{params: {lr: {low: 2, high: 1}}, method: tpe}", "`low` is not less than `high`"),
        ("{params: {lr: {low: .nan, high: 1}}, method: tpe}", "`low`: expected a finite number"),
        ("{params: {lr: {low: 0, high: 1, log: true}}, method: tpe}", "`low` must be more than 0 with `log`"),
        ("{params: {lr: {low: 0, high: 1, step: 0}}, method: tpe}", "expected a `step` of more than 0"),
        ("{params: {lr: {low: 1, high: 9, step: 2, log: true}}, method: tpe}", "`log` and `step` exclude each other"),
        ("{params: {lr: {low: 0, high: 1}}}", "a grid needs the values of 'lr'"),
        ("{params: {lr: [1]}, method: bayes}", "`method`: expected grid or random or tpe or cmaes, not 'bayes'"),
        ("{params: {lr: [1], b: [2]}, method: cmaes}", "cmaes needs numbers with `low` and `high` for 'lr'"),
        ("{params: {lr: {low: 0, high: 1}}, method: cmaes}", "cmaes needs at least two parameters"),
        ("{params: {lr: [1]}, trials: 0}", "`trials`: expected at least 1"),
        ("{params: {lr: [1]}, trials: many}", "`trials`: expected an integer"),
        ("{params: {lr: [1]}, minimize: loss}", "`minimize`: expected PATH:KEY"),
        ("{params: {lr: [1]}, minimize: 'a:b', maximize: 'a:b'}", "exclude each other"),
        ("{params: {lr: [1]}, pruner: median}", "`pruner` needs a metric"),
        ("{params: {lr: [1]}, pruner: mean}", "`pruner`: expected none or median"),
        ("{params: {lr: [1]}, metric: acc}", "unknown key 'metric'"),
    ],
)
def test_a_mistake_is_reported_with_its_position(sweep: str, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        read(f"sweeps:\n  s: {sweep}\n")
    assert message in caught.value.what
    assert caught.value.what.startswith("dver.yaml:2:")
