"""Those who hear what happens to stages, and pass it on."""

from __future__ import annotations

import time
from collections.abc import Callable

from dver.core.errors import DverError
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import State, Watcher


class Silent:
    """A watcher to whom nothing matters."""

    def changed(self, address: Address, state: State, error: DverError | None = None) -> None:
        """See `Watcher`."""

    def said(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""

    def tick(self) -> None:
        """See `Watcher`."""


class RunReport:
    """Passes events on, and keeps why stages failed and how long they took, retries included."""

    def __init__(self, watcher: Watcher, clock: Callable[[], float] = time.monotonic) -> None:
        self._watcher = watcher
        self._clock = clock
        self._started: dict[Address, float] = {}
        self.seconds: dict[Address, float] = {}
        """How long each stage took that was run."""
        self.errors: dict[Address, DverError] = {}

    def changed(self, address: Address, state: State, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if error is not None:
            self.errors[address] = error
        if state is State.RUNNING:
            self._started.setdefault(address, self._clock())
        elif address in self._started:
            self.seconds[address] = self._clock() - self._started[address]
        self._watcher.changed(address, state, error)

    def said(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        self._watcher.said(address, content)

    def tick(self) -> None:
        """See `Watcher`."""
        self._watcher.tick()
