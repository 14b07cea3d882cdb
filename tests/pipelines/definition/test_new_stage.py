"""Definitions from the options of `dver stage add`."""

from __future__ import annotations

import pytest

from dver.core.errors import UsageError
from dver.pipelines.definition.new_stage import NewOutput, NewStage
from dver.pipelines.definition.stage import OutputRole


def test_a_stage_needs_only_a_command() -> None:
    assert NewStage("a", "run").definition() == {"cmd": "run"}


def test_outputs_are_listed_by_role_with_their_options() -> None:
    outs = (NewOutput("o"), NewOutput("m", OutputRole.METRICS, cache=False), NewOutput("p", persist=True))
    assert NewStage("a", "run", outs=outs).definition() == {
        "cmd": "run",
        "outs": ["o", {"p": {"persist": True}}],
        "metrics": [{"m": {"cache": False}}],
    }


@pytest.mark.parametrize(
    ("texts", "listed"),
    [
        (("lr,depth", "lr"), ["lr", "depth"]),
        (("other.toml:a", "other.toml:b,c"), [{"other.toml": ["a", "b", "c"]}]),
        (("other.toml:a", "other.toml:"), [{"other.toml": None}]),
        (("lr", "params.yaml:"), [{"params.yaml": None}]),
    ],
)
def test_parameters_are_grouped_by_file(texts: tuple[str, ...], listed: list[object]) -> None:
    assert NewStage("a", "run", params=texts).definition()["params"] == listed


def test_numbers_of_resources_are_numbers() -> None:
    found = NewStage("a", "run", resources=("cpus=2,memory=8GB", "gpus=0.5")).definition()
    assert found["resources"] == {"cpus": 2, "memory": "8GB", "gpus": 0.5}


@pytest.mark.parametrize("stage", [NewStage("a", "run", params=("",)), NewStage("a", "run", resources=("disk=1",))])
def test_an_invalid_option_is_a_usage_error(stage: NewStage) -> None:
    with pytest.raises(UsageError):
        stage.definition()
