"""Progress on stderr."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from servers import FaultyS3

import dver.cli.progress
from dver.cli.progress import TerminalProgress
from dver.core.traffic import TRAFFIC, Traffic
from dver.remote.backends.s3 import S3Storage
from dver.remote.failures import TransientError
from dver.remote.retry import Retrier, RetryPolicy
from dver.remote.settings import parse
from dver.remote.storage import BytesBody


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def wait_for(stream: io.StringIO, text: str) -> None:
    deadline = time.monotonic() + 30
    while text not in stream.getvalue():
        assert time.monotonic() < deadline, f"{text!r} is not in {stream.getvalue()!r}"
        time.sleep(0.01)


def test_a_short_task_shows_nothing_and_imports_no_tqdm() -> None:
    program = """
import io, sys
from dver.cli.progress import TerminalProgress
class Tty(io.StringIO):
    def isatty(self): return True
for stream in (io.StringIO(), Tty()):
    with TerminalProgress(stream, delay=60).task("scan", unit="files") as task:
        task.advance(10)
    assert stream.getvalue() == ""
assert "tqdm" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_log_gets_a_line_now_and_then_and_one_at_the_end() -> None:
    log = io.StringIO()
    with TerminalProgress(log, interval=0.05).task("upload", total=4_000_000_000) as task:
        task.advance(1_200_000_000)
        wait_for(log, "upload: 1.2 GB of 4.0 GB (30 %), ")
        task.advance(2_800_000_000)
    assert log.getvalue().splitlines()[-1].startswith("upload: 4.0 GB of 4.0 GB (100 %), ")
    assert "done in 0 s" in log.getvalue()
    assert "\r" not in log.getvalue()
    assert "\x1b" not in log.getvalue()


def test_a_task_that_stands_still_is_still_shown() -> None:
    log = io.StringIO()
    with TerminalProgress(log, interval=0.02).task("hash", unit="files"):
        wait_for(log, "hash: 0 files, 0 files/s\nhash: 0 files")


def test_a_terminal_gets_a_bar_that_vanishes() -> None:
    tty = Tty()
    with TerminalProgress(tty, delay=0.02).task("upload", total=1000) as task:
        task.advance(500)
        wait_for(tty, "upload:  50%")
    assert tty.getvalue().rpartition("upload")[2].strip(" ").endswith("\r")


def test_a_total_that_grows_is_shown() -> None:
    log = io.StringIO()
    with TerminalProgress(log, interval=0.02).task("fetch", unit="objects") as task:
        task.grow(4)
        task.advance(1)
        wait_for(log, "fetch: 1 objects of 4 objects (25 %)")


def test_bars_make_room_while_a_line_is_printed() -> None:
    tty = Tty()
    progress = TerminalProgress(tty, delay=0.02)
    with progress.task("scan", total=10):
        wait_for(tty, "scan:   0%")
        with progress.hidden():
            assert tty.getvalue().endswith("\r")
            shown = tty.getvalue()
            time.sleep(0.3)  # long enough for a drawing that must not happen
            assert tty.getvalue() == shown
        wait_for(tty, shown + "\rscan:   0%")


def test_advances_from_many_threads_are_all_counted() -> None:
    with TerminalProgress(io.StringIO()).task("hash") as task:
        threads = [threading.Thread(target=lambda: [task.advance(1) for _ in range(5000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert task.done == 40_000


def test_tasks_side_by_side_and_one_after_the_other_are_all_shown() -> None:
    log = io.StringIO()
    progress = TerminalProgress(log, interval=0.02)
    with progress.task("scan", unit="files"), progress.task("hash"):
        wait_for(log, "scan: ")
        wait_for(log, "hash: ")
    with progress.task("write"):
        wait_for(log, "write: ")


def test_a_task_that_fails_ends_its_display() -> None:
    tty = Tty()
    progress = TerminalProgress(tty, delay=0.0)
    with suppress(KeyError), progress.task("push", total=10):
        wait_for(tty, "push")
        raise KeyError
    shown = tty.getvalue()
    time.sleep(0.3)  # long enough for a drawing that must not happen
    assert tty.getvalue() == shown


def test_a_bar_without_a_total_goes_on() -> None:
    tty = Tty()
    with TerminalProgress(tty, delay=0.0).task("find", unit="objects") as task:
        for number in range(1, 4):
            task.advance(1)
            wait_for(tty, f"find: {number} objects")


def test_a_request_that_is_made_again_is_seen_while_it_waits() -> None:
    stream = io.StringIO()
    failures = [TransientError("cannot write", why="the connection broke off", fix="wait")]

    def attempt() -> str:
        if failures:
            raise failures.pop()
        return "done"

    def pause(seconds: float) -> None:
        wait_for(stream, "upload (retrying): 0 B")

    with TerminalProgress(stream, interval=0.01).task("upload", total=100):
        assert Retrier(RetryPolicy(), pause=pause)(attempt) == "done"
    assert TRAFFIC.retries == 0


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_silence_counts_from_the_last_byte_and_only_while_a_request_is_under_way() -> None:
    clock = Clock()
    traffic = Traffic(clock=clock)
    clock.now += 60
    assert traffic.silence == 0
    with traffic.request():
        assert traffic.silence == 0
        clock.now += 7
        assert traffic.silence == 7
        with traffic.request():  # another one that waits makes the first no livelier
            assert traffic.silence == 7
            traffic.touch()
            clock.now += 1
            assert traffic.silence == 1
        assert traffic.silence == 1
    assert traffic.silence == 0


@pytest.mark.parametrize("bars", [True, False])
def test_a_server_that_hangs_is_seen_before_its_time_is_over(
    faulty_s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, *, bars: bool
) -> None:
    monkeypatch.setattr(dver.cli.progress, "_SILENCE", 0.1)
    faulty_s3.objects["key"] = b"content"
    storage = S3Storage(
        parse("origin", faulty_s3.table()), timeout=3.0, policy=RetryPolicy(attempts=3, base=0.5, cap=0.5)
    )
    storage.stat("key")
    stream = Tty() if bars else io.StringIO()
    progress = TerminalProgress(stream, delay=0.0, interval=0.01)
    faulty_s3.faults.append("hang")
    with progress.task("upload", total=7) as task:
        storage.put("new", BytesBody(b"content"), on_bytes=task.advance)
    assert "upload (no data for " in stream.getvalue()
    assert "upload (retrying)" in stream.getvalue()
    faulty_s3.faults += ["hang-within"]
    with progress.task("query remote", unit=""):
        assert storage.get("key") == b"content"
    assert "query remote (no data for " in stream.getvalue()
    assert "query remote (retrying)" in stream.getvalue()


def test_a_process_with_a_running_task_forks_between_two_drawings() -> None:
    program = """
import io, os, sys
from dver.cli.progress import TerminalProgress
from dver.core.worker_pool import WorkerPool

class Slow(io.StringIO):
    drawing = False
    def write(self, text):
        self.drawing = True
        for _ in range(1000):
            os.sched_yield()
        self.drawing = False

class Watcher:
    def do(self, job, report):
        return stream.drawing
    def finish(self):
        pass

stream = Slow()
with TerminalProgress(stream, interval=0).task("profile") as task:
    for _ in range(100):
        with WorkerPool(Watcher, size=2) as pool:
            pool.start_jobs([None])
            assert pool.answers(1) == [False]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
