"""Running one command in a fresh process, and what it cost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_SAMPLE_SECONDS = 0.1
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


class CommandError(RuntimeError):
    """A command that had to succeed did not."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds by the clock, seconds of processor time, and the most memory that it had, in MB."""

    wall: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Times:
    """One run: seconds by the clock, and of processor time."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s)"


@contextmanager
def work_folder(parent: Path, name: str) -> Iterator[Path]:
    """An empty folder `name` in `parent`, as an absolute path. It is deleted at the end."""
    work = parent.resolve() / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def times(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> Times:
    """Run `command` once. For hundreds of short runs: it samples no memory, and does not wait for the disk."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandError(f"{command} exited with {process.returncode}")
    return Times(wall, usage.ru_utime + usage.ru_stime)


def timed(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Sample:
    """Run `command` and measure it, with nothing of what ran before still on its way to the disk."""
    os.sync()
    os.sync()  # again: a file system in a file has only now written its blocks to the one below
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        with _memory_of(process.pid) as memory:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise _failure(command, process.returncode, errors.read())
    return Sample(wall, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss / 1024, *memory))


@contextmanager
def _memory_of(pid: int) -> Iterator[list[float]]:
    """The memory of a process and those it started, in MB, seen several times a second.

    The kernel's own maximum, which misses nothing, is that of one process; this adds up those that share the work.
    """
    seen = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            seen.append(sum(_proportional(each) for each in _family(pid)) / 1024)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _family(pid: int) -> Iterator[int]:
    """The process `pid` and all below it."""
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _family(int(child))


def _proportional(pid: int) -> int:
    """Resident memory in kB, what is shared with others by halves, thirds and so on."""
    with suppress(OSError):
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
        return int(found[1]) if found else 0
    return 0


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> str:
    """Run `command` without measuring it. Returns what it printed."""
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise _failure(command, done.returncode, done.stdout + done.stderr)
    return done.stdout.decode(errors="replace").strip()


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each time; of memory the largest."""
    return Sample(
        median(one.wall for one in samples), median(one.cpu for one in samples), max(one.peak_mb for one in samples)
    )


def _failure(command: Sequence[str], code: int, output: bytes) -> CommandError:
    return CommandError(f"{' '.join(command)}: exit code {code}\n{output[-2000:].decode(errors='replace')}")
