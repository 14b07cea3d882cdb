"""The difference of two tables as data: rows, cells, columns, and keys that are no keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dver.core.display import Displayed

RowStatus = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, repr=False)
class ColumnDifference(Displayed):
    """A column that only one table has (the other type is None), or that has another type."""

    name: str
    old_type: str | None
    new_type: str | None


@dataclass(frozen=True, slots=True, repr=False)
class CellDifference(Displayed):
    """The values of a changed cell as text; None for null."""

    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, repr=False)
class RowDifference(Displayed):
    """A row that differs. `key` has its values in the key columns; without a key, in all columns that both have."""

    status: RowStatus
    key: tuple[str | None, ...]
    cells: tuple[CellDifference, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class KeyProblems(Displayed):
    """Rows of one table whose key does not identify them."""

    null_rows: int = 0
    """Rows with null in a key column."""
    duplicate_rows: int = 0
    """Rows whose key another row of the same table has too."""


@dataclass(frozen=True, slots=True, repr=False)
class TableDifference(Displayed):
    """The difference of two tables. Only columns that both have are compared.

    Rows whose key is null, or not unique in one of the tables, are compared as whole rows: they are added and removed,
    never changed.
    """

    old_rows: int
    new_rows: int
    added: int
    removed: int
    changed: int
    key: tuple[str, ...] = ()
    changed_cells: Mapping[str, int] | None = None
    """The number of changed cells by column, for the columns that have any. None without a key."""
    columns: tuple[ColumnDifference, ...] = ()
    old_keys: KeyProblems = KeyProblems()
    new_keys: KeyProblems = KeyProblems()
    samples: tuple[RowDifference, ...] = ()

    @property
    def unchanged(self) -> int:
        """The number of rows that both tables have."""
        return self.new_rows - self.added - self.changed

    @property
    def is_empty(self) -> bool:
        """Do both tables have the same rows and columns?"""
        return not (self.added or self.removed or self.changed or self.columns)


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """A column of a table: its type, the number of nulls, and the extremes as text; None without values."""

    name: str
    type: str
    nulls: int
    least: str | None
    greatest: str | None


@dataclass(frozen=True, slots=True)
class TableSummary:
    """The number of rows of a table, and its columns in order."""

    rows: int
    columns: tuple[ColumnSummary, ...]
