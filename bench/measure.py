"""Running one command in a fresh process, and what it cost."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


class CommandError(RuntimeError):
    """A command that had to succeed did not."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds by the clock, seconds of processor time, and the largest resident set in MB."""

    wall: float
    cpu: float
    peak_mb: float


def timed(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Sample:
    """Run `command` and measure it, with nothing of what ran before still on its way to the disk."""
    os.sync()
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise _failure(command, process.returncode, errors.read())
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


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
