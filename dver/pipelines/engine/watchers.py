"""Watchers that do not print: one that passes all events on, and one that also keeps errors and times."""

from __future__ import annotations

import time

from dver.core.errors import DverError
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState, Watcher


class ForwardingWatcher:
    """Passes all events on to another watcher, if there is one."""

    def __init__(self, watcher: Watcher | None) -> None:
        self._watcher = watcher

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if self._watcher is not None:
            self._watcher.state_changed(address, state, error)

    def output(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        if self._watcher is not None:
            self._watcher.output(address, content)

    def tick(self) -> None:
        """See `Watcher`."""
        if self._watcher is not None:
            self._watcher.tick()


class RunReport(ForwardingWatcher):
    """Keeps the errors and run times of stages, retries included, and passes events on."""

    def __init__(self, watcher: Watcher | None) -> None:
        super().__init__(watcher)
        self._started: dict[Address, float] = {}
        self.seconds: dict[Address, float] = {}
        """The run time of each stage that ran."""
        self.errors: dict[Address, DverError] = {}

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if error is not None:
            self.errors[address] = error
        if state is StageState.RUNNING:
            self._started.setdefault(address, time.monotonic())
        elif address in self._started:
            self.seconds[address] = time.monotonic() - self._started[address]
        super().state_changed(address, state, error)
