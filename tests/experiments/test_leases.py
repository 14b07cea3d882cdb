from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from dver.experiments.leases import Lease, running

HOLD = """
import sys, time
from pathlib import Path
from dver.experiments.leases import Lease
lease = Lease(Path(sys.argv[1]), "one")
assert lease.try_acquire(Path("/somewhere"))
print(lease.attempt, flush=True)
time.sleep(60)
"""

READ = """
import sys
from pathlib import Path
from dver.experiments.leases import running
while True:
    running(Path(sys.argv[1]))
"""


def hold(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_one_process_holds_a_lease(tmp_path: Path) -> None:
    process = hold(tmp_path)
    try:
        assert not Lease(tmp_path, "one").try_acquire(tmp_path)
        found = running(tmp_path)["one"]
        assert (found.pid, found.worktree, found.attempt) == (process.pid, "/somewhere", 1)
    finally:
        process.kill()
        process.communicate()


def test_a_killed_process_frees_its_lease_and_the_next_attempt_counts(tmp_path: Path) -> None:
    for _ in range(2):
        process = hold(tmp_path)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert running(tmp_path) == {}
    lease = Lease(tmp_path, "one")
    assert lease.try_acquire(tmp_path)
    assert lease.attempt == 3
    assert list(running(tmp_path)) == ["one"]
    lease.release()
    assert running(tmp_path) == {}
    assert os.listdir(tmp_path / "running") == []


def test_a_released_lease_starts_from_the_first_attempt(tmp_path: Path) -> None:
    for _ in range(2):
        lease = Lease(tmp_path, "one")
        assert lease.try_acquire(tmp_path)
        assert lease.attempt == 1
        lease.release()


def test_a_reader_does_not_take_the_lease_away(tmp_path: Path) -> None:
    reader = subprocess.Popen([sys.executable, "-c", READ, str(tmp_path)])
    try:
        for _ in range(300):
            lease = Lease(tmp_path, "one")
            assert lease.try_acquire(tmp_path)
            lease.release()
    finally:
        reader.kill()
        reader.wait()
