"""Progress of a method of `Project`, reported to a callback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Final

from dver.core.progress import SILENT, Progress, Unit

_INTERVAL: Final = 0.1
"""Report a running task at most once in this many seconds."""


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """The state of one task, such as `hash` or `upload`."""

    task: str
    done: int
    """How much is done, in `unit`."""
    total: int | None
    """The whole amount; None if it is unknown. It may grow."""
    unit: Unit
    """`B` for bytes, `files`, `objects`, or empty."""
    finished: bool = False
    """Whether this is the last event of the task. After an error, `done` is less than `total`."""


ProgressCallback = Callable[[ProgressEvent], None]
"""Gets the first and the last event of each task, and about ten a second between. Threads call it one at a time."""


def progress_for(callback: ProgressCallback | None) -> Progress:
    """The progress that reports to `callback`."""
    return SILENT if callback is None else _CallbackProgress(callback)


class _CallbackProgress:
    def __init__(self, callback: ProgressCallback) -> None:
        self._callback = callback
        self._lock = Lock()

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> Iterator[_ReportedTask]:
        task = _ReportedTask(self._callback, self._lock, label, total, unit)
        task.report()
        try:
            yield task
        finally:
            task.report(finished=True)


class _ReportedTask:
    def __init__(self, callback: ProgressCallback, lock: Lock, label: str, total: int | None, unit: Unit) -> None:
        self._callback = callback
        self._lock = lock
        self._label = label
        self._total = total
        self._unit: Unit = unit
        self._done = 0
        self._due = 0.0

    def advance(self, amount: int) -> None:
        with self._lock:
            self._done += amount
            due = time.monotonic() >= self._due
        if due:
            self.report()

    def grow(self, amount: int) -> None:
        with self._lock:
            self._total = (self._total or 0) + amount

    def report(self, *, finished: bool = False) -> None:
        """Call the callback."""
        with self._lock:
            self._due = time.monotonic() + _INTERVAL
            self._callback(ProgressEvent(self._label, self._done, self._total, self._unit, finished))
