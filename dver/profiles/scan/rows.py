"""The rows of one table, summarised batch by batch, with its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dver.formats.profile import ColumnProfile, PartSummary
from dver.profiles.column_merging import has_few_numbers
from dver.profiles.parts import NO_VALUES, PARTS_MAX, Part, detail_for, halved, joined_parts, summary_of
from dver.profiles.scan.columns import ColumnScan
from dver.profiles.settings import ProfileSettings

if TYPE_CHECKING:
    from pyarrow import Array

PART_ROWS_MIN: Final = 500
_BATCH_ROWS: Final = 1 << 16
_BATCH_VALUES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class ScannedColumns:
    """Columns of a table, in order."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    parts: tuple[PartSummary, ...]


class TableScan:
    """The profile of some columns while their rows are read."""

    def __init__(self, settings: ProfileSettings, *, expected_rows: int, columns: int, infer: bool = False) -> None:
        """`expected_rows` and `columns` are about how many there will be: parts are laid out for them."""
        self._settings = settings
        self._infer = infer
        self._detail = detail_for(columns)
        self._part_rows = max(PART_ROWS_MIN, -(-expected_rows // PARTS_MAX))
        self._scans: list[ColumnScan] = []
        self._by_name: dict[str, int] = {}
        self._parts: list[Part] = []
        self._in_part = 0
        self.rows = 0

    def add_columns(self, names: Sequence[str], declared: Sequence[str | None]) -> None:
        """Add columns. Those that come later are null in the rows before."""
        for name, kind in zip(names, declared, strict=True):
            private = name in self._settings.private
            scan = ColumnScan(name, detail=self._detail, private=private, declared=kind, infer=self._infer)
            scan.add_nulls(self.rows)
            self._by_name.setdefault(name, len(self._scans))
            self._scans.append(scan)

    def add(self, arrays: Sequence[Array], rows: int) -> None:
        """Add a batch: an array for each column."""
        start = 0
        while start < rows:
            size = min(rows - start, self._part_rows - self._in_part)
            for scan, array in zip(self._scans, arrays, strict=True):
                scan.add(array.slice(start, size))
            self._end_batch(size)
            start += size

    def add_named(self, arrays: dict[str, Array], rows: int) -> None:
        """Add a batch in which columns may be missing, and new ones may come."""
        import pyarrow as pa

        new = [name for name in arrays if name not in self._by_name]
        self.add_columns(new, [None] * len(new))
        self.add([arrays[scan.name] if scan.name in arrays else pa.nulls(rows) for scan in self._scans], rows)

    def finish(self) -> ScannedColumns:
        """The columns and parts."""
        if self._in_part:
            self._end_part()
        columns = tuple(scan.profile() for scan in self._scans)
        names = [column.name for column in columns]
        types = [column.type for column in columns]
        few = [has_few_numbers(column) for column in columns]
        parts = tuple(summary_of(self._filled(part), names, types, few) for part in joined_parts(self._parts))
        return ScannedColumns(self.rows, columns, parts)

    def _end_batch(self, rows: int) -> None:
        self.rows += rows
        self._in_part += rows
        if self._in_part == self._part_rows:
            self._end_part()

    def _end_part(self) -> None:
        self._parts.append(Part(self._in_part, tuple(scan.end_part() for scan in self._scans)))
        self._in_part = 0
        if len(self._parts) == 2 * PARTS_MAX:
            self._parts = halved([self._filled(part) for part in self._parts])
            self._part_rows *= 2

    def _filled(self, part: Part) -> Part:
        """The part, with the columns that came after it."""
        missing = len(self._scans) - len(part.columns)
        return Part(part.rows, part.columns + (NO_VALUES,) * missing) if missing else part


def batch_rows(columns: int) -> int:
    """How many rows are read at a time."""
    return max(256, min(_BATCH_ROWS, _BATCH_VALUES // max(columns, 1)))
