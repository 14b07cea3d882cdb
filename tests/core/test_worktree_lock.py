"""Locks: they end with their process, and a process that waits can say for whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lockholder import holder

from dver.core.errors import ConflictError
from dver.core.worktree_lock import LockHolder, Waiting, locked, waiting


@contextmanager
def waiting_so(how: Waiting) -> Iterator[None]:
    token = waiting.set(how)
    try:
        yield
    finally:
        waiting.reset(token)


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from dver.core.worktree_lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=60)
    assert out == b"held\n"
    with locked(tmp_path / "lock"):
        pass


def test_who_holds_a_lock_is_reported_once_and_then_the_lock_is_taken(tmp_path: Path) -> None:
    reports: list[LockHolder] = []
    with holder(tmp_path / "lock") as process:

        def report(found: LockHolder) -> None:
            reports.append(found)
            assert process.stdin is not None
            process.stdin.close()

        with waiting_so(Waiting(report, report_after=0.1)), locked(tmp_path / "lock"):
            pass
        process.wait(60)
        process.stdin = None
    assert reports == [LockHolder(process.pid, "dver add 'my data'")]
    assert str(reports[0]) == f"process {process.pid} (dver add 'my data')"


def test_when_patience_ends_the_error_names_the_holder(tmp_path: Path) -> None:
    with (
        holder(tmp_path / "lock") as process,
        waiting_so(Waiting(patience=0.0)),
        pytest.raises(ConflictError) as caught,
        locked(tmp_path / "lock"),
    ):
        pass
    assert caught.value.why == f"process {process.pid} (dver add 'my data') holds its lock"
    assert "wait until it has ended" in str(caught.value.fix)


def test_a_process_that_is_stopped_is_said_to_be(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as process:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        with waiting_so(Waiting(patience=0.0)), pytest.raises(ConflictError) as caught, locked(tmp_path / "lock"):
            pass
    assert f"the stopped process {process.pid} (dver add" in str(caught.value.why)
    assert f"kill -CONT {process.pid}" in str(caught.value.fix)


def test_a_holder_that_says_nothing_of_itself_is_another_process(tmp_path: Path) -> None:
    with holder(tmp_path / "lock"):
        for text in ("", "nonsense", f"{os.getpid()} another-machine dver add", "999999999 x y"):
            (tmp_path / "lock").write_text(text)
            with waiting_so(Waiting(patience=0.0)), pytest.raises(ConflictError) as caught, locked(tmp_path / "lock"):
                pass
            assert caught.value.why == "another dver process holds its lock"
