"""What a plug-in gets, and what it returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dver.core.display import Displayed

if TYPE_CHECKING:
    from dver.checks.relation import Relation

ENTRY_POINTS = "dver.checks"
"""The group of entry points. Each is a function `(data: PluginData, text: str) -> Iterable[PluginCheck]`."""


@dataclass(frozen=True, slots=True, repr=False)
class PluginCheck(Displayed):
    """One check of a plug-in."""

    name: str
    passed: bool
    found: str
    expected: str = ""
    column: str | None = None
    failed_rows: int | None = None


class PluginData:
    """The rows of a table, with the types that the profile found. Use it until the plug-in returns."""

    def __init__(self, relation: Relation, directory: Path) -> None:
        self._relation = relation
        self.directory = directory
        """The directory of the suite."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, on this disk."""
        return self._relation.paths

    def batches(self, rows: int = 65_536) -> Iterator[Any]:
        """The rows as pyarrow record batches, in bounded memory."""
        return self._relation.engine.batches("SELECT * FROM data", rows)

    def frame(self) -> Any:
        """All rows as a pandas DataFrame, in memory."""
        return self._relation.engine.frame("SELECT * FROM data")
