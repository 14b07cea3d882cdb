"""Those who hear what happens to stages, and pass it on."""

from __future__ import annotations

from dver.core.errors import DverError
from dver.pipeline.graph import Address
from dver.pipeline.schedule import State, Watcher


class Silent:
    """A watcher to whom nothing matters."""

    def changed(self, address: Address, state: State, error: DverError | None = None) -> None:
        """See `Watcher`."""

    def said(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""

    def tick(self) -> None:
        """See `Watcher`."""


class Errors:
    """Passes everything on, and keeps why stages failed."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.errors: dict[Address, DverError] = {}

    def changed(self, address: Address, state: State, error: DverError | None = None) -> None:
        """See `Watcher`."""
        if error is not None:
            self.errors[address] = error
        self._watcher.changed(address, state, error)

    def said(self, address: Address, content: bytes) -> None:
        """See `Watcher`."""
        self._watcher.said(address, content)

    def tick(self) -> None:
        """See `Watcher`."""
        self._watcher.tick()
