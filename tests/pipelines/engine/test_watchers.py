from __future__ import annotations

from types import SimpleNamespace

import pytest

from dver.core.errors import DverError, StageError
from dver.pipelines.engine import watchers
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState
from dver.pipelines.engine.watchers import RunReport

STAGE = Address("", "train")


class Heard:
    """A watcher that notes all events."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        self.events.append((address, state, error))

    def output(self, address: Address, content: bytes) -> None:
        self.events.append((address, content))

    def tick(self) -> None:
        self.events.append("tick")


def test_all_events_are_passed_on() -> None:
    heard, error = Heard(), StageError("failed")
    report = RunReport(heard)
    report.state_changed(STAGE, StageState.RUNNING)
    report.output(STAGE, b"line\n")
    report.tick()
    report.state_changed(STAGE, StageState.FAILED, error)
    assert heard.events == [
        (STAGE, StageState.RUNNING, None),
        (STAGE, b"line\n"),
        "tick",
        (STAGE, StageState.FAILED, error),
    ]
    assert report.errors == {STAGE: error}


def test_the_run_time_includes_all_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.5, 15.0, 20.0])
    monkeypatch.setattr(watchers, "time", SimpleNamespace(monotonic=lambda: next(times)))
    report = RunReport(None)
    for state in (StageState.RUNNING, StageState.FAILED, StageState.RUNNING, StageState.DONE):
        report.state_changed(STAGE, state)
    assert report.seconds == {STAGE: 10.0}


def test_a_stage_that_did_not_run_has_no_run_time() -> None:
    report = RunReport(Heard())
    report.state_changed(STAGE, StageState.UP_TO_DATE)
    assert (report.seconds, report.errors) == ({}, {})
