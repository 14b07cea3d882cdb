"""What only processes of this machine can do, or suffer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs import ended, job

from dver.core.errors import StageError
from dver.pipelines.engine.job import JobOutcome, JobOutput
from dver.pipelines.engine.local_runner import LocalRunner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    """A runner of processes."""
    found = LocalRunner(tmp_path / "guards")
    yield found
    found.close()


def _appears(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text().strip()


def _is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_output_and_errors_come_as_they_are_written(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "printf 'a\\200'; printf b >&2; printf '\\nno end'"))
    assert ended(runner)[1] == {"stage": b"a\x80b\nno end"}


def test_a_job_killed_by_a_signal_says_which(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "kill -TERM $$"))
    end = ended(runner)[0]["stage"]
    assert (end.outcome, end.exit_code) == (JobOutcome.FAILED, -signal.SIGTERM)


def test_a_job_has_no_input(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "cat; echo over"))
    assert ended(runner)[1] == {"stage": b"over\n"}


def test_a_folder_that_is_not_there_is_a_failure(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path / "gone", "echo"))
    ends, said = ended(runner)
    assert ends["stage"].outcome is JobOutcome.FAILED
    assert b"cannot start" in said["stage"]


def test_the_memory_of_the_largest_process_is_known_if_it_is_more_than_ours(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from dver.pipelines.engine.job import Job, JobEnd
from dver.pipelines.engine.local_runner import LocalRunner
runner = LocalRunner(Path({str(tmp_path / "guards")!r}))
for name, size in (("large", 200), ("small", 0)):
    runner.submit(Job(name, (f"{{sys.executable}} -c 'x = bytearray({{size}} << 20)'",), "/"))
    while runner.busy():
        for event in runner.poll(1.0):
            if isinstance(event, JobEnd):
                print(event.peak_memory)
"""
    large, small = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
    assert 200 << 20 <= int(large) < 300 << 20
    assert int(small) == 0


def test_all_processes_of_a_job_are_ended_with_it(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "sleep 600 & echo $! > pid; wait", timeout=1))
    child = int(_appears(tmp_path / "pid"))
    assert ended(runner)[0]["stage"].outcome is JobOutcome.TIMED_OUT
    assert _is_gone(child)


def test_a_job_that_does_not_listen_is_killed_when_asked_twice(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "trap '' INT TERM; echo $$ > pid; while :; do sleep 0.1; done"))
    shell = int(_appears(tmp_path / "pid"))
    runner.stop()
    assert list(runner.poll(0.3)) == []
    runner.stop(force=True)
    assert ended(runner)[0]["stage"].outcome is JobOutcome.STOPPED
    assert _is_gone(shell)


def test_what_a_job_leaves_running_on_purpose_is_let_live(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "sleep 600 > log 2>&1 & echo $! > pid"))
    child = int(_appears(tmp_path / "pid"))
    assert ended(runner)[0]["stage"].outcome is JobOutcome.DONE
    os.kill(child, 0)
    runner.submit(job(tmp_path, "echo again"))
    assert ended(runner)[1] == {"stage": b"again\n"}
    os.kill(child, signal.SIGKILL)


def test_what_keeps_the_output_open_does_not_keep_the_job(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "sleep 600 & echo $! > pid"))
    assert ended(runner)[0]["stage"].outcome is JobOutcome.DONE
    os.kill(int(_appears(tmp_path / "pid")), signal.SIGKILL)


def test_what_another_process_is_about_to_run_is_not_run(runner: LocalRunner, tmp_path: Path) -> None:
    runner.claim("stage")
    other = LocalRunner(tmp_path / "guards")
    with pytest.raises(StageError, match="is already running"):
        other.claim("stage")
    runner.close()
    other.claim("stage")
    other.close()


def test_nobody_hears_what_is_written_after_the_end(runner: LocalRunner, tmp_path: Path) -> None:
    late = "while [ ! -e ended ]; do sleep 0.02; done; echo late; echo > said"
    runner.submit(job(tmp_path, f"({late}) & echo soon"))
    assert ended(runner)[1] == {"stage": b"soon\n"}
    (tmp_path / "ended").touch()
    _appears(tmp_path / "said")
    assert list(runner.poll(0.5)) == []


def test_a_job_that_outlives_a_killed_dver_is_not_run_beside_itself(runner: LocalRunner, tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from dver.pipelines.engine.job import Job
from dver.pipelines.engine.local_runner import LocalRunner
LocalRunner(Path({str(tmp_path / "guards")!r})).submit(Job("stage", ("echo $$ > pid; sleep 600",), {str(tmp_path)!r}))
time.sleep(600)
"""
    scheduler = subprocess.Popen([sys.executable, "-c", code])
    child = int(_appears(tmp_path / "pid"))
    scheduler.kill()
    scheduler.wait()
    with pytest.raises(StageError, match="is already running"):
        runner.submit(job(tmp_path, "echo"))
    os.killpg(child, signal.SIGKILL)
    assert _is_gone(child)
    runner.submit(job(tmp_path, "echo again"))
    assert ended(runner)[1] == {"stage": b"again\n"}


def test_what_a_job_writes_fills_no_memory_while_nobody_listens(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, "echo > begun; head -c 100000000 /dev/zero"))
    _appears(tmp_path / "begun")
    time.sleep(0.3)  # time to write more than is held
    heard = []
    while runner.busy():
        heard.append(sum(len(one.content) for one in runner.poll(1.0) if isinstance(one, JobOutput)))
    assert sum(heard) == 100_000_000
    assert max(heard) < 20_000_000


def test_the_last_words_of_a_job_that_wrote_more_than_is_held_are_heard(runner: LocalRunner, tmp_path: Path) -> None:
    runner.submit(job(tmp_path, f"head -c {(16 << 20) + 65536} /dev/zero; printf end; echo $$ > over"))
    assert _is_gone(int(_appears(tmp_path / "over")))
    said = ended(runner)[1]["stage"]
    assert (len(said), said[-3:]) == ((16 << 20) + 65536 + 3, b"end")
