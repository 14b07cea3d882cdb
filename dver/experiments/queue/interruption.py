"""Requests to end: after the task that runs now, or at once. Signals make them, and nothing is lost by either."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final

from dver.experiments.queue.processes import KILL, STOP

_STOPPING: Final = (STOP, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_MOST_KILLS: Final = 2
"""The first request asks the stages to end, the second one kills them. Further ones change nothing."""


class Interruption:
    """The requests that this process got. As a context, the block in which a task can be stopped.

    Outside of such a block, a task is being recorded: a request waits for the next block.
    """

    def __init__(self, parent: int | None = None) -> None:
        self._parent = parent
        self._is_stopping = False
        self._kills = 0
        self._can_stop = False

    @property
    def is_stopping(self) -> bool:
        """Whether to end after the task that runs now: on request, or because the process `parent` died."""
        return self._is_stopping or (self._parent is not None and os.getppid() != self._parent)

    def install(self) -> None:
        """Handle the signals of this process, which needs to be in its main thread."""
        for number in _STOPPING:
            signal.signal(number, lambda *_: self.stop())
        signal.signal(KILL, self._kill)

    def stop(self) -> None:
        """End after the task that runs now."""
        self._is_stopping = True

    def __enter__(self) -> Interruption:
        if self._kills:
            raise KeyboardInterrupt
        self._can_stop = True
        return self

    def __exit__(self, *_: object) -> None:
        self._can_stop = False

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        """Stop the task that runs now. In the block, a second request kills its stages at once."""
        self._is_stopping = True
        self._kills += 1
        if self._can_stop and self._kills <= _MOST_KILLS:
            raise KeyboardInterrupt
