"""The supervisor: what each worker gets, and what the result says."""

from __future__ import annotations

import pytest

from dver.core.errors import LocalIOError
from dver.experiments.queue.supervisor import QueueResult, worker_environment
from dver.formats.experiment import Experiment, ExperimentStatus


def ended(name: str, status: ExperimentStatus) -> Experiment:
    """An experiment with a status."""
    return Experiment(id="1" * 32, name=name, status=status, baseline="a" * 40, commit="b" * 40, updated=1)


@pytest.mark.parametrize(
    ("devices", "jobs", "shares"),
    [
        (("0", "1", "2", "3"), 2, ["0,1", "2,3"]),
        (("0", "1", "2"), 2, ["0", "1,2"]),
        (("0", "1"), 3, ["0", "0", "1"]),
        (("GPU-a",), 2, ["GPU-a", "GPU-a"]),
    ],
)
def test_gpus_are_shared_out_among_workers(devices: tuple[str, ...], jobs: int, shares: list[str]) -> None:
    found = [worker_environment(devices, number, jobs)["CUDA_VISIBLE_DEVICES"] for number in range(jobs)]
    assert found == shares


def test_without_gpus_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment((), 0, 2)


def test_the_error_of_a_worker_counts_more_than_failed_tasks() -> None:
    failed = ended("bad", ExperimentStatus.FAILED)
    full = LocalIOError("cannot write", why="the disk is full")
    assert QueueResult((failed,), 1, errors=(full,)).error() is full
    error = QueueResult((failed, ended("good", ExperimentStatus.DONE)), 0).error()
    assert error is not None
    assert error.what == "1 of 2 experiments failed"
    assert error.fix is not None
    assert "dver queue logs bad" in error.fix
    assert QueueResult((ended("good", ExperimentStatus.DONE),), 0).error() is None
