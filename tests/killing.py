"""Killing dver at random moments. Importable from every test."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from support import run_dver, start_dver

KILLS = 16


def run_and_kill(arguments: Sequence[str], cwd: Path, after: float) -> bool:
    """Start dver, and kill it after some seconds. Was it still at work?"""
    process = start_dver(*arguments, cwd=cwd)
    time.sleep(after)
    process.kill()
    return process.wait() == -signal.SIGKILL


class Killer:
    """Kills commands anywhere between their start and shortly after their end."""

    def __init__(self, duration: float) -> None:
        """`duration`: the seconds that the command takes, as far as is known."""
        self.killed = 0
        """How many were still at work."""
        self._longest = duration * 1.1
        self._chance = random.Random(7)

    def kill(self, arguments: Sequence[str], cwd: Path) -> None:
        """Start dver, and kill it at some moment."""
        moment = self._chance.uniform(0.0, self._longest)
        if run_and_kill(arguments, cwd, moment):
            self.killed += 1
        else:  # it was busier here when the duration was measured
            self._longest = moment


def timed(*arguments: str, cwd: Path) -> float:
    """How many seconds a command takes that is started as those are that are killed."""
    start = time.perf_counter()
    run_dver(*arguments, cwd=cwd)
    return time.perf_counter() - start
