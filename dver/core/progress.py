"""How long-running work tells of its progress, without knowing whether anybody looks.

Operations take a `Progress`; the command line hands them one that draws bars, tests and the API `SILENT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Literal, Protocol

Unit = Literal["B", "files", "objects", ""]
""""" for work of an unknown amount, of which only the time is shown."""


class Task(Protocol):
    """One piece of work under way. Safe to call from several threads."""

    def advance(self, amount: int) -> None:
        """`amount` more units are done."""

    def grow(self, amount: int) -> None:
        """`amount` more units turned out to be ahead."""


class Progress(Protocol):
    """Where tasks are shown."""

    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> AbstractContextManager[Task]:
        """A task called `label` ("hash", "upload", …), shown until the context ends."""


class Steps:
    """One task for several steps, which take it for theirs. What is known of their amounts counts from the start."""

    def __init__(self, task: Task) -> None:
        self._task: Final = task

    def step(self, expected: int) -> Progress:
        """The progress for a step of which the task's total has `expected` units already."""
        return _Step(self._task, expected)


class _Step:
    def __init__(self, task: Task, expected: int) -> None:
        self._task = task
        self._expected = expected

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> Iterator[Task]:
        self.grow(total or 0)
        yield self
        self._task.advance(self._expected)  # there was less to do
        self._expected = 0

    def advance(self, amount: int) -> None:
        self._task.advance(amount)

    def grow(self, amount: int) -> None:
        known = min(amount, self._expected)
        self._expected -= known
        if amount > known:
            self._task.grow(amount - known)


class _SilentTask:
    def advance(self, amount: int) -> None:
        pass

    def grow(self, amount: int) -> None:
        pass


class _Silent:
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> AbstractContextManager[Task]:
        return nullcontext(_SilentTask())


SILENT: Final[Progress] = _Silent()
