"""What every runner has to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs import MemoryRunner, ended, job

from dver.core.errors import StageError
from dver.pipelines.engine.job import JobOutcome, Runner
from dver.pipelines.engine.local_runner import LocalRunner


@pytest.fixture(params=["local", "memory"])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    """A runner of each kind."""
    found: Runner = LocalRunner(tmp_path / "guards") if request.param == "local" else MemoryRunner()
    yield found
    found.close()


def test_a_job_runs_all_its_commands_and_says_what_they_say(runner: Runner, tmp_path: Path) -> None:
    before = time.time()
    runner.submit(job(tmp_path, "echo one", "echo two"))
    ends, said = ended(runner)
    assert said == {"stage": b"one\ntwo\n"}
    end = ends["stage"]
    assert (end.outcome, end.exit_code) == (JobOutcome.DONE, 0)
    assert before - 1 <= end.started <= end.ended <= time.time() + 1


def test_a_job_without_commands_is_done(runner: Runner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path))
    assert ended(runner)[0]["stage"].outcome is JobOutcome.DONE


def test_the_first_command_that_fails_is_the_last_one(runner: Runner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "echo one", "exit 3", "echo two"))
    ends, said = ended(runner)
    assert (ends["stage"].outcome, ends["stage"].exit_code) == (JobOutcome.FAILED, 3)
    assert said == {"stage": b"one\n"}


def test_a_command_that_is_nowhere_is_a_failure(runner: Runner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "there-is-no-such-program"))
    end = ended(runner)[0]["stage"]
    assert (end.outcome, end.exit_code) == (JobOutcome.FAILED, 127)


def test_a_job_runs_in_its_folder_with_its_environment(runner: Runner, tmp_path: Path) -> None:
    show = "echo $NAME" if isinstance(runner, LocalRunner) else "show NAME"
    runner.submit(job(tmp_path, "pwd", show, env={"NAME": "a value"}))
    assert ended(runner)[1] == {"stage": f"{tmp_path}\na value\n".encode()}


def test_jobs_run_side_by_side(runner: Runner, tmp_path: Path) -> None:
    began = time.monotonic()
    for number in range(5):
        runner.submit(job(tmp_path, "sleep 1", f"echo {number}", name=f"s{number}"))
    ends, said = ended(runner, 5)
    assert said == {f"s{number}": f"{number}\n".encode() for number in range(5)}
    assert sum(one.ended - one.started for one in ends.values()) >= 5
    assert time.monotonic() - began < 60


def test_a_job_that_takes_too_long_is_ended(runner: Runner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "sleep 600", "echo never", timeout=0.3))
    assert runner.busy()
    ends, said = ended(runner)
    assert ends["stage"].outcome is JobOutcome.TIMED_OUT
    assert said == {}


def test_jobs_are_asked_to_stop(runner: Runner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "sleep 600", name="one"))
    runner.submit(job(tmp_path, "sleep 600", "echo never", name="two"))
    runner.poll(0.2)
    runner.stop()
    ends, said = ended(runner, 2)
    assert {one.outcome for one in ends.values()} == {JobOutcome.STOPPED}
    assert said == {}


def test_no_two_jobs_of_one_name_run_at_once(runner: Runner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "sleep 600"))
    with pytest.raises(StageError, match="is already running"):
        runner.submit(job(tmp_path, "echo"))
    runner.stop(force=True)
    assert ended(runner)[0]["stage"].outcome is JobOutcome.STOPPED
    runner.submit(job(tmp_path, "echo again"))
    assert ended(runner)[1] == {"stage": b"again\n"}


def test_a_name_is_claimed_before_its_job_begins(runner: Runner, tmp_path: Path) -> None:
    runner.claim("stage")
    runner.claim("stage")
    runner.submit(job(tmp_path, "sleep 600"))
    with pytest.raises(StageError, match="is already running"):
        runner.claim("stage")
    runner.stop(force=True)
    ended(runner)
    runner.claim("stage")
    runner.release("stage")
    runner.release("stage")
    runner.submit(job(tmp_path, "echo again"))
    assert ended(runner)[1] == {"stage": b"again\n"}


def test_closing_ends_what_runs(runner: Runner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "sleep 600"))
    began = time.monotonic()
    runner.close()
    assert time.monotonic() - began < 60
    assert list(runner.poll(0)) == []


def test_nothing_happens_where_nothing_runs(runner: Runner) -> None:
    assert list(runner.poll(0.01)) == []
    assert not runner.busy()
    runner.stop()
    runner.close()
