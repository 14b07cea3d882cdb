"""The parameters of a sweep and their values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import PipelineError
from dver.experiments.overrides.override import Override, OverrideAction
from dver.experiments.sweeps.space import SweepSpace, contains, from_unit, sweep_space, to_unit
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.sweep import SweepRange


def space(params: str, folder: str = "") -> SweepSpace:
    text = f"sweeps: {{s: {{params: {params}, method: random}}}}"
    return sweep_space(load_pipeline_file(text.encode(), lambda _: None).sweeps["s"], folder)


def test_keys_are_those_of_overrides() -> None:
    found = space("{lr: [1, 2], 'conf.json:a.b': [3], +new: 'range(3,5)'}")
    assert [(one.file, one.key, one.action, one.values) for one in found.params] == [
        ("params.yaml", "lr", OverrideAction.SET, (1, 2)),
        ("conf.json", "a.b", OverrideAction.SET, (3,)),
        ("params.yaml", "new", OverrideAction.ADD, (3, 4)),
    ]
    assert [one.text for one in found.overrides((2, 3, 4))] == [
        "params.yaml:lr=2",
        "conf.json:a.b=3",
        "params.yaml:+new=4",
    ]


def test_files_are_beside_the_file_that_has_the_sweep() -> None:
    assert [one.file for one in space("{lr: [1], '../b.json:x': [2]}", "sub").params] == ["sub/params.yaml", "b.json"]


BAD = ["~lr: [1]", "'../x.yaml:lr': [1]", "lr: 'range(5,1)'", "'': [1]", "'a=b': [1]", "lr: [1], 'params.yaml:lr': [2]"]


@pytest.mark.parametrize("params", BAD)
def test_an_invalid_parameter_is_an_error_with_its_position(params: str) -> None:
    with pytest.raises(PipelineError, match=r"dver\.yaml:1:\d+: "):
        space(f"{{{params}}}")


def test_a_trial_has_a_point_and_other_overrides() -> None:
    found = space("{lr: [1, 2], depth: {low: 2, high: 4}}")
    other = Override("params.yaml", "seed", 5)
    assert found.point([*found.overrides((1, 3)), other]) == ((1, 3), (other,))
    assert found.point(found.overrides((3, 3)))[0] is None  # 3 is no choice any more
    assert found.point(found.overrides((1, 9)))[0] is None
    assert found.point([other])[0] is None


def test_true_and_one_are_different_choices() -> None:
    assert contains((1, [2]), 1)
    assert contains((1, [2]), [2])
    assert not contains((1,), True)
    assert not contains((1,), 1.0)
    assert not contains(SweepRange(0, 2), True)
    assert contains((math.nan,), math.nan)


def stepped(low: float, step: float, count: int) -> SweepRange:
    return SweepRange(low, low + count * step, step=step)


ranges = st.one_of(
    st.builds(lambda low, size: SweepRange(low, low + size), st.integers(-100, 100), st.integers(1, 100)),
    st.builds(lambda low, size: SweepRange(low, low + size), st.floats(-100, 100), st.floats(1e-3, 100)),
    st.builds(lambda low, factor: SweepRange(low, low * factor, log=True), st.floats(1e-9, 1), st.floats(2, 1e6)),
    st.builds(lambda low, factor: SweepRange(low, low * factor, log=True), st.integers(1, 9), st.integers(2, 999)),
    st.builds(stepped, st.integers(0, 9), st.integers(1, 9), st.integers(1, 9)),
    st.builds(stepped, st.floats(0, 9), st.floats(0.1, 2), st.integers(1, 9)),
)


@given(ranges, st.floats(0, 1))
def test_every_unit_is_a_value_of_the_range_and_comes_back(span: SweepRange, unit: float) -> None:
    value = from_unit(span, unit)
    assert contains(span, value)
    assert isinstance(value, int) is span.is_whole
    again = from_unit(span, to_unit(span, value))
    assert again == value if span.is_whole else again == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_steps_are_exact() -> None:
    assert {from_unit(SweepRange(0.0, 0.5, step=0.1), unit / 50) for unit in range(51)} == {0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert {from_unit(SweepRange(2, 9, step=3), unit / 50) for unit in range(51)} == {2, 5, 8}
    assert from_unit(SweepRange(1e-4, 1.0, log=True), 0.5) == pytest.approx(0.01)
