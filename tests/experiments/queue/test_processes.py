"""The list of processes that work on the queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from dver.experiments.queue.processes import FOLDER, QueueProcess, living_processes, registered

REGISTER = """
import sys, time
from pathlib import Path
from dver.experiments.queue.processes import registered
with registered(Path(sys.argv[1]), 1):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_process_is_listed_until_it_ends(tmp_path: Path) -> None:
    assert living_processes(tmp_path) == []
    with registered(tmp_path):
        (found,) = living_processes(tmp_path)
        assert (found.pid, found.supervisor) == (os.getpid(), None)
    assert living_processes(tmp_path) == []


def test_a_killed_process_is_not_listed_and_its_file_is_deleted(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", REGISTER, tmp_path], stdout=subprocess.PIPE)
    with worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        (found,) = living_processes(tmp_path)
        assert found.pid == worker.pid
        assert found.signal(signal.SIGKILL)
        worker.wait()
    assert living_processes(tmp_path) == []
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_process_of_another_machine_gets_no_signal() -> None:
    assert not QueueProcess(os.getpid(), "elsewhere", 0.0, None).signal(signal.SIGCONT)
