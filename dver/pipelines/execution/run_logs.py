"""The logs of stages: a file for each run, the last few of each stage, in the Git directory of the worktree.

A run locks its log until it ends, so readers know whether more output may follow.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import DverError
from dver.core.platform import filelock
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState, Watcher
from dver.pipelines.engine.watchers import ForwardingWatcher
from dver.repo import Repository

KEPT: Final = 10
"""How many logs of a stage are kept."""

_SUFFIX: Final = ".log"
_PIECE: Final = 1 << 16
_PAUSE: Final = 0.2
"""Seconds between two reads of a growing log."""


@dataclass(frozen=True, slots=True, repr=False)
class RunLog(Displayed):
    """The log of one run of a stage."""

    path: Path

    @property
    def started(self) -> float:
        """Seconds since the epoch."""
        return int(self.path.stem) / 1e9

    def is_growing(self) -> bool:
        """Return whether the run has not ended."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            return not filelock.try_lock(file.fileno(), shared=True)
        return False

    def pieces(self, *, follow: bool = False) -> Iterator[bytes]:
        """The content; with `follow`, also new output until the run ends."""
        with self.path.open("rb") as file:
            while True:
                growing = follow and self.is_growing()  # checked before the last read, so that no output is missed
                while piece := file.read(_PIECE):
                    yield piece
                if not growing:
                    return
                time.sleep(_PAUSE)


class RunLogs:
    """The logs of a worktree, and the open logs of running stages."""

    def __init__(self, repo: Repository) -> None:
        self._folder = repo.layout.worktree_dir / "logs"
        self._open: dict[Address, int] = {}

    def of(self, address: Address) -> list[RunLog]:
        """The logs of a stage, the last run first."""
        found = []
        with suppress(FileNotFoundError):
            found = [one for one in self._of(address).iterdir() if one.suffix == _SUFFIX and one.stem.isdecimal()]
        return [RunLog(one) for one in sorted(found, key=lambda one: int(one.stem), reverse=True)]

    def write(self, address: Address, content: bytes) -> None:
        """Append to the log of the current run. Errors are ignored: a full disk fails the stage by itself."""
        with suppress(OSError):
            self.begin(address)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._open[address], rest) :]

    def begin(self, address: Address) -> None:
        """Start the log of a run. Another attempt continues the log of the first."""
        if address in self._open:
            return
        with suppress(OSError):
            folder = self._of(address)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{time.time_ns():020}{_SUFFIX}"
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            self._open[address] = fd
            filelock.lock(fd)  # waits for readers, which hold the lock only for a moment
            for old in self.of(address)[KEPT:]:
                old.path.unlink(missing_ok=True)

    def end(self, address: Address) -> None:
        """Close the log of a run."""
        fd = self._open.pop(address, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        """Close all logs."""
        for address in list(self._open):
            self.end(address)

    def _of(self, address: Address) -> Path:
        # The name of a stage may be no valid file name.
        return self._folder / hashlib.sha256(os.fsencode(address.key)).hexdigest()[:32]


class LoggingWatcher(ForwardingWatcher):
    """Writes the output of stages to their logs, and passes events on."""

    def __init__(self, watcher: Watcher, logs: RunLogs) -> None:
        super().__init__(watcher)
        self._logs = logs

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if state is StageState.RUNNING:
            self._logs.begin(address)
        else:
            self._logs.end(address)
        super().state_changed(address, state, error)

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        self._logs.write(address, content)
        super().output(address, content)
