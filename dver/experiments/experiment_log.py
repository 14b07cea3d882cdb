"""The log of an experiment: the output of its stages and the events of its run, in one file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.errors import DverError
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState, Watcher
from dver.pipelines.engine.watchers import ForwardingWatcher

FOLDER: Final = "logs"
TAIL: Final = 16 << 10
"""The bytes at the end of a log that the journal keeps."""

_SHOWN: Final = frozenset(
    (StageState.WAITING, StageState.RUNNING, StageState.RESTORED, StageState.FAILED, StageState.STOPPED)
)


def log_path(directory: Path, experiment: str) -> Path:
    """The log of the experiment with an id. `directory` is `Journal.directory`."""
    return directory / FOLDER / f"{experiment}.log"


def read_tail(directory: Path, experiment: str) -> bytes:
    """The last bytes of a log, from the beginning of a line; empty if there is no log."""
    try:
        with log_path(directory, experiment).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            content = file.read(TAIL)
    except FileNotFoundError:
        return b""
    return content if size <= TAIL else content.partition(b"\n")[2]


class ExperimentLog(ForwardingWatcher):
    """Writes the output and the states of stages to the log of an experiment, and passes events on.

    A log that exists is continued. Errors are ignored: a full disk fails the stage by itself.
    """

    def __init__(self, watcher: Watcher | None, directory: Path, experiment: str) -> None:
        super().__init__(watcher)
        self.states: dict[Address, StageState] = {}
        """The last state of each stage."""
        self._fd: int | None = None
        path = log_path(directory, experiment)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)

    def write(self, content: bytes) -> None:
        """Append to the log."""
        rest = memoryview(content)
        with suppress(OSError):
            while rest and self._fd is not None:
                rest = rest[os.write(self._fd, rest) :]

    def close(self) -> None:
        """Close the log."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        self.states[address] = state
        if state in _SHOWN:
            self.write(f"--- {address}: {state.value}\n".encode("utf-8", "replace"))
        if error is not None:
            self.write(f"--- {_line(error)}\n".encode("utf-8", "replace"))
        super().state_changed(address, state, error)

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        self.write(content)
        super().output(address, content)


def _line(error: DverError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
