from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dver.pipelines.engine.graph import Address
from dver.pipelines.execution.run_locks import RunLocks

TRAIN = Address("", "train")
HOLD = """
import sys, time
from pathlib import Path
from dver.pipelines.engine.graph import Address
from dver.pipelines.execution.run_locks import RunLocks
locks = RunLocks(Path(sys.argv[1]))
print(locks.try_acquire(Address("", "train"), "key"), flush=True)
time.sleep(600)
"""


def test_a_run_is_locked_for_one_holder_at_a_time(tmp_path: Path) -> None:
    one, other = RunLocks(tmp_path / "locks"), RunLocks(tmp_path / "locks")
    assert one.try_acquire(TRAIN, "key")
    assert one.try_acquire(TRAIN, "key")
    assert not other.try_acquire(TRAIN, "key")
    assert other.try_acquire(TRAIN, "another")
    one.release(TRAIN)
    one.release(TRAIN)
    other.release_all()
    assert other.try_acquire(TRAIN, "key")
    other.release_all()
    assert list((tmp_path / "locks").iterdir()) == []


def test_a_killed_holder_releases_its_run(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"True\n"
        locks = RunLocks(tmp_path)
        assert not locks.try_acquire(TRAIN, "key")
        holder.kill()
        holder.wait()
        assert locks.try_acquire(TRAIN, "key")
        locks.release_all()


def test_a_stage_runs_unlocked_where_no_lock_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    locks = RunLocks(tmp_path / "file")
    assert locks.try_acquire(TRAIN, "key")
    locks.release_all()
