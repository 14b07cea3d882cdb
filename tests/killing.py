"""Killing dver at random moments. Importable from every test."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from support import run_dver

KILLS = 16


def run_and_kill(arguments: Sequence[str], cwd: Path, after: float) -> bool:
    """Start dver, and kill it after some seconds. Was it still at work?"""
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", *arguments], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def moments(duration: float) -> list[float]:
    """When to kill a command that takes so many seconds: anywhere between its start and shortly after its end."""
    made = random.Random(int(duration * 1000))
    return [made.uniform(0.05, duration * 1.1) for _ in range(KILLS)]


def timed(*arguments: str, cwd: Path) -> float:
    """How many seconds a command takes."""
    start = time.perf_counter()
    run_dver(*arguments, cwd=cwd)
    return time.perf_counter() - start
