"""Progress of long-running work.

Operations take a `Progress`. The command line passes one that draws bars; tests and the API pass `SILENT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Literal, Protocol

Unit = Literal["B", "files", "objects", ""]
""""" for an unknown amount of work: only the time is shown."""


class Task(Protocol):
    """One running task. Threads may share it."""

    def advance(self, amount: int) -> None:
        """`amount` more units are done."""

    def grow(self, amount: int) -> None:
        """The total grows by `amount` units."""


class Progress(Protocol):
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> AbstractContextManager[Task]:
        """A task called `label` ("hash", "upload", …), shown until the context ends."""


class Steps:
    """One task for several steps, each of which sees a task of its own. The total includes all steps from the start."""

    def __init__(self, task: Task) -> None:
        self._task: Final = task

    def step(self, expected: int) -> Progress:
        """The progress for a step. The total of the task includes `expected` units for it."""
        return _Step(self._task, expected)


class _Step:
    def __init__(self, task: Task, expected: int) -> None:
        self._task = task
        self._expected = expected

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> Iterator[Task]:
        self.grow(total or 0)
        yield self
        self._task.advance(self._expected)  # the step was shorter than expected
        self._expected = 0

    def advance(self, amount: int) -> None:
        self._task.advance(amount)

    def grow(self, amount: int) -> None:
        known = min(amount, self._expected)
        self._expected -= known
        if amount > known:
            self._task.grow(amount - known)


class _Silent:
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> AbstractContextManager[Task]:
        return nullcontext(self)

    def advance(self, amount: int) -> None:
        pass

    def grow(self, amount: int) -> None:
        pass


SILENT: Final[Progress] = _Silent()
