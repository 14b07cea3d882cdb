"""The last lines of `dver repro`."""

from __future__ import annotations

from dver.cli.render.pipelines.repro_summary import summary_lines
from dver.cli.render.terminal import Style
from dver.core.errors import StageError
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState
from dver.pipelines.execution.repro import ReproResult

PLAIN = Style(enabled=False)


def lines(states: dict[str, StageState], seconds: dict[str, float]) -> list[str]:
    named = {Address("", name): state for name, state in states.items()}
    errors = {one: StageError("x") for one, state in named.items() if state is StageState.FAILED}
    took = {Address("", name): one for name, one in seconds.items()}
    result = ReproResult(named, errors, seconds=took, elapsed=65.2)
    return list(summary_lines(result, PLAIN))


def test_it_says_what_was_done_and_how_long_it_took() -> None:
    states = {
        "prepare": StageState.UP_TO_DATE,
        "featurise": StageState.RESTORED,
        "train": StageState.DONE,
        "test": StageState.DONE,
    }
    assert lines(states, {"train": 62.0, "test": 3.14}) == [
        "2 stages run, 1 restored, 1 up to date, in 1:05",
        "  train   1:02",
        "  test   3.1 s",
    ]


def test_nothing_to_do_is_one_line() -> None:
    assert lines({"a": StageState.UP_TO_DATE}, {}) == ["everything is up to date"]
    assert lines({}, {}) == ["there are no stages: dver.yaml names none"]


def test_a_failure_is_named_and_nothing_comes_next() -> None:
    states = {"a": StageState.DONE, "b": StageState.FAILED, "c": StageState.BLOCKED, "d": StageState.WAITING}
    assert lines(states, {"a": 1.0, "b": 2.0}) == [
        "1 stage run, 1 failed, 1 blocked, 1 not reached, in 1:05",
        "  a  1.0 s",
        "  b  2.0 s  failed",
    ]


def test_of_many_stages_the_slowest_are_listed() -> None:
    names = [f"s{number}" for number in range(1000)]
    found = lines(dict.fromkeys(names, StageState.DONE), {name: float(at) for at, name in enumerate(names)})
    assert found[0] == "1,000 stages run, in 1:05"
    assert found[1].split() == ["s999", "16:39"]
    assert found[11] == "  … and 990 faster stages"
    assert len(found) == 12
