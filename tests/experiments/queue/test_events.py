"""What workers report."""

from __future__ import annotations

import pytest

from dver.core.errors import DverError, LocalIOError
from dver.experiments.queue.events import (
    StageStarted,
    TaskEnded,
    TaskStarted,
    WorkerEvent,
    WorkerFailed,
    decode_event,
    encode_event,
)
from dver.formats.experiment import Experiment, ExperimentStatus

ENDED = Experiment(
    id="1" * 32,
    name="näme\n\udc80",
    status=ExperimentStatus.DONE,
    baseline="a" * 40,
    commit="b" * 40,
    updated=1,
    metrics={"m": {"inf": float("inf"), "big": 10**30}},
)


@pytest.mark.parametrize("event", [TaskStarted("a\nb", 2), StageStarted("dir/dver.yaml:train"), TaskEnded(ENDED)])
def test_an_event_is_one_line(event: WorkerEvent) -> None:
    line = encode_event(event)
    assert line.count(b"\n") == 1
    assert decode_event(line) == event


@pytest.mark.parametrize("kind", [DverError, LocalIOError])
def test_an_error_keeps_its_texts_and_its_exit_code(kind: type[DverError]) -> None:
    found = decode_event(encode_event(WorkerFailed(kind("what", why="why", fix="fix"))))
    assert isinstance(found, WorkerFailed)
    error = found.error
    assert (type(error), error.what, error.why, error.fix) == (kind, "what", "why", "fix")
