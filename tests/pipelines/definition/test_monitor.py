"""The section `monitors` of `dver.yaml`."""

from __future__ import annotations

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.load import load_pipeline_file

COMPLETE = b"""\
vars: [{column: age}]
monitors:
  churn:
    model: churn#prod
    prediction: p
    positive: true
    window: 1000
    ignore: [id, "${column}"]
    false_alarms: 0.01
    columns: {income: {method: psi, threshold: 0.2}, plan: {method: z}}
"""


def read_none(path: str) -> None:
    """There is no other file."""


def test_a_monitor_has_the_options_of_the_command() -> None:
    (found,) = load_pipeline_file(COMPLETE, read_none).monitors.values()
    assert found.name == "churn"
    assert found.options == {
        "model": "churn#prod",
        "prediction": "p",
        "positive": "true",
        "window": "1000",
        "ignore": ("id", "age"),
        "false_alarms": 0.01,
        "method": {"income": "psi", "plan": "z"},
        "threshold": {"income": 0.2},
    }


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("{}", "needs either"),
        ("{model: a, reference: b}", "needs either"),
        ("{model: a, on_alarm: rm}", "unknown key 'on_alarm'"),
        ("{model: [a]}", "expected text"),
        ("{model: a, ignore: b}", "expected a list"),
        ("{model: a, false_alarms: often}", "expected a number"),
        ("{model: a, columns: {b: {methods: psi}}}", "did you mean 'method'"),
        ("[]", "expected a mapping"),
    ],
)
def test_a_mistake_is_refused_with_its_position(monitor: str, message: str) -> None:
    with pytest.raises(PipelineError) as error:
        load_pipeline_file(f"monitors:\n  churn: {monitor}\n".encode(), read_none)
    assert message in f"{error.value.what} {error.value.why} {error.value.fix}"


def test_a_name_that_is_no_file_name_is_refused() -> None:
    with pytest.raises(PipelineError, match="invalid name"):
        load_pipeline_file(b"monitors: {../x: {model: a}}", read_none)


def test_a_file_without_the_section_has_no_monitors() -> None:
    assert load_pipeline_file(b"monitors:\n", read_none).monitors == {}
