"""How long-running work tells of its progress, without knowing whether anybody looks.

Operations take a `Progress`; the command line hands them one that draws bars, tests and the API `SILENT`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
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


class _SilentTask:
    def advance(self, amount: int) -> None:
        pass

    def grow(self, amount: int) -> None:
        pass


class _Silent:
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> AbstractContextManager[Task]:
        return nullcontext(_SilentTask())


SILENT: Final[Progress] = _Silent()
