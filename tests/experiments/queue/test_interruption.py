"""Requests to end: they never break off the recording of a task."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from dver.experiments.queue.interruption import Interruption
from dver.experiments.queue.processes import KILL, STOP


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """The requests of this process."""
    numbers = (STOP, KILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    found = Interruption()
    found.install()
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [STOP, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_request_to_stop_lets_the_task_end(interruption: Interruption, number: signal.Signals) -> None:
    with interruption:
        assert not interruption.is_stopping
        for _ in range(3):
            os.kill(os.getpid(), number)
    assert interruption.is_stopping


def test_a_request_to_kill_breaks_the_block_off_twice(interruption: Interruption) -> None:
    breaks = 0
    with interruption:
        for _ in range(3):
            try:
                os.kill(os.getpid(), KILL)
            except KeyboardInterrupt:
                breaks += 1
    assert breaks == 2
    assert interruption.is_stopping


def test_a_request_to_kill_outside_of_a_block_waits_for_the_next(interruption: Interruption) -> None:
    os.kill(os.getpid(), KILL)
    with pytest.raises(KeyboardInterrupt), interruption:
        pytest.fail("the block began")


def test_a_worker_whose_supervisor_died_ends() -> None:
    assert not Interruption(os.getppid()).is_stopping
    assert Interruption(os.getppid() + 1).is_stopping
