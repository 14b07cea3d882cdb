"""Watchers that do not print: one that ignores all events, and one that keeps errors and times."""

from __future__ import annotations

import time
from collections.abc import Callable

from dver.core.errors import DverError
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState, Watcher


class SilentWatcher:
    """Ignores all events."""

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""

    def tick(self) -> None:
        """See `Watcher`."""


class RunReport:
    """Keeps the errors and run times of stages, retries included, and passes events on."""

    def __init__(self, watcher: Watcher, clock: Callable[[], float] = time.monotonic) -> None:
        self._watcher = watcher
        self._clock = clock
        self._started: dict[Address, float] = {}
        self.seconds: dict[Address, float] = {}
        """The run time of each stage that ran."""
        self.errors: dict[Address, DverError] = {}

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if error is not None:
            self.errors[address] = error
        if state is StageState.RUNNING:
            self._started.setdefault(address, self._clock())
        elif address in self._started:
            self.seconds[address] = self._clock() - self._started[address]
        self._watcher.state_changed(address, state, error)

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        self._watcher.output(address, content)

    def tick(self) -> None:
        """See `Watcher`."""
        self._watcher.tick()
