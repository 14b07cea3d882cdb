"""Parquet and Arrow IPC files: their columns have types."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from dver.profiles.reading.errors import RowsRead, arrow_errors, bad_table
from dver.profiles.scan.rows import ScannedColumns, TableScan, batch_rows
from dver.profiles.settings import ProfileSettings

if TYPE_CHECKING:
    from pyarrow import DataType, Schema

COLUMNS_MAX: Final = 1000
"""The columns that a process reads at a time: Arrow takes 100 kB to read one."""
_BUFFER_MAX: Final = 1 << 20
_BUFFER_MIN: Final = 1 << 14
_BUFFERS: Final = 32 << 20
"""The buffers of all columns together: Arrow has one for each column."""
_PROBE_ROWS: Final = 4096
_DICTIONARY_SHARE: Final = 8


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """A column of a file: its name, its type, and about how much work it is."""

    name: str
    declared: str
    work: int


class TypedTable(Protocol):
    """An open file with typed columns."""

    columns: tuple[TypedColumn, ...]
    rows: int

    def batches(self, chosen: Sequence[int]) -> Iterator[tuple[Sequence[Any], int]]:
        """The arrays of these columns, and the number of rows, batch by batch."""


def scan_typed(path: Path, name: str, settings: ProfileSettings, chosen: Sequence[int] | None = None) -> ScannedColumns:
    """The profile of the chosen columns of a Parquet or Arrow file (all, without any).

    Raises CorruptError for a file that cannot be read.
    """
    read = RowsRead()
    with arrow_errors(name, read):
        table = open_typed(path, name)
        places = range(len(table.columns)) if chosen is None else chosen
        scan = TableScan(settings, expected_rows=table.rows, columns=len(table.columns))
        scan.add_columns([table.columns[at].name for at in places], [table.columns[at].declared for at in places])
        for arrays, rows in table.batches(places):
            scan.add(arrays, rows)
            read.rows = scan.rows
        return scan.finish()


def typed_columns(path: Path, name: str) -> tuple[TypedColumn, ...]:
    """The columns of a Parquet or Arrow file. Raises CorruptError for a file that cannot be read."""
    with arrow_errors(name, RowsRead()):
        return open_typed(path, name).columns


def open_typed(path: Path, name: str) -> TypedTable:
    """Open a Parquet file, or one of Arrow IPC: its beginning decides."""
    with path.open("rb") as file:
        start = file.read(6)
    if start[:4] == b"PAR1":
        return _ParquetTable(path)
    if name.lower().endswith(".parquet"):
        raise bad_table(name, "it does not begin as a Parquet file" if start else "it is empty")
    return _ArrowTable(path, stream=start != b"ARROW1")


class _ParquetTable:
    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        with pa.OSFile(os.fsencode(path)) as file:  # Arrow encodes a text itself, and refuses some names of Linux
            self._columns = pq.read_metadata(file).num_columns
        self._file = self._opened(())
        schema = self._file.schema_arrow
        self._leaves = _leaf_places(schema, self._file.metadata.num_columns)
        self.rows = self._file.metadata.num_rows
        sizes = _sizes_of_leaves(self._file.metadata)
        self.columns = tuple(
            TypedColumn(field.name, str(field.type), sum(sizes[leaf] for leaf in leaves))
            for field, leaves in zip(schema, self._leaves, strict=True)
        )

    def batches(self, chosen: Sequence[int]) -> Iterator[tuple[Sequence[Any], int]]:
        leaves = [leaf for at in chosen for leaf in self._leaves[at]]
        order = sorted(range(len(chosen)), key=lambda at: chosen[at])
        places = {at: place for place, at in enumerate(order)}
        file = self._opened(self._repeating_texts(chosen))
        # Batches end with their row group, and do not depend on which columns are read: so sums are rounded alike.
        rows = batch_rows(min(len(self.columns), COLUMNS_MAX))
        for group in range(file.metadata.num_row_groups):
            for batch in file.reader.iter_batches(rows, row_groups=[group], column_indices=leaves, use_threads=False):
                arrays = batch.columns
                yield [arrays[places[at]] for at in range(len(chosen))], batch.num_rows

    def _repeating_texts(self, chosen: Sequence[int]) -> list[str]:
        """The columns of texts that repeat: read as dictionaries, they are much faster."""
        import pyarrow as pa

        schema = self._file.schema_arrow
        texts = [at for at in chosen if pa.types.is_string(schema.field(at).type) and "." not in schema.field(at).name]
        if not texts or not self._file.metadata.num_row_groups:
            return []
        leaves = [self._leaves[at][0] for at in texts]
        reader = self._file.reader.iter_batches(_PROBE_ROWS, row_groups=[0], column_indices=leaves, use_threads=False)
        batch = next(iter(reader), None)
        arrays = () if batch is None else batch.columns
        few = [len(array.unique()) * _DICTIONARY_SHARE <= len(array) for array in arrays]
        return [schema.field(at).name for at, repeats in zip(sorted(texts), few, strict=True) if repeats]

    def _opened(self, dictionaries: Sequence[str]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        size = max(_BUFFER_MIN, min(_BUFFER_MAX, _BUFFERS // max(self._columns, 1)))
        file = pa.OSFile(os.fsencode(self._path))
        return pq.ParquetFile(file, buffer_size=size, pre_buffer=False, read_dictionary=list(dictionaries))


class _ArrowTable:
    def __init__(self, path: Path, *, stream: bool) -> None:
        self._path = path
        self._stream = stream
        reader = self._reader(None)
        self.rows = 0
        if not stream:
            self.rows = sum(reader.get_batch(at).num_rows for at in range(min(reader.num_record_batches, 1)))
            self.rows *= reader.num_record_batches
        self.columns = tuple(TypedColumn(field.name, str(field.type), _width(field.type)) for field in reader.schema)

    def batches(self, chosen: Sequence[int]) -> Iterator[tuple[Sequence[Any], int]]:
        reader = self._reader(sorted(chosen))
        places = {at: place for place, at in enumerate(sorted(chosen))}
        size = batch_rows(min(len(self.columns), COLUMNS_MAX))
        count = None if self._stream else reader.num_record_batches
        at = 0
        while count is None or at < count:
            try:
                batch = reader.read_next_batch() if count is None else reader.get_batch(at)
            except StopIteration:
                return
            at += 1
            batch.validate(full=True)  # Arrow trusts offsets and indices, and crashes with wrong ones
            for start in range(0, batch.num_rows, size):
                piece = batch.slice(start, size)
                yield [piece.column(places[one]) for one in chosen], piece.num_rows

    def _reader(self, chosen: Sequence[int] | None) -> Any:
        import pyarrow as pa

        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=chosen)
        source = pa.memory_map(os.fsencode(self._path))
        return (
            pa.ipc.open_stream(source, options=options) if self._stream else pa.ipc.open_file(source, options=options)
        )


def _leaf_places(schema: Schema, leaves: int) -> list[list[int]]:
    """For each column, the places of its leaves in Parquet's flat list."""
    found, at = [], 0
    for field in schema:
        size = _leaves(field.type)
        found.append(list(range(at, at + size)))
        at += size
    assert at == leaves, "the columns of a Parquet file are not the leaves of its schema"
    return found


def _leaves(kind: DataType) -> int:
    import pyarrow as pa

    if isinstance(kind, pa.ExtensionType):
        return _leaves(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return 1
    if pa.types.is_map(kind):
        return _leaves(kind.key_type) + _leaves(kind.item_type)
    if pa.types.is_nested(kind):
        return sum(_leaves(kind.field(at).type) for at in range(kind.num_fields))
    return 1


def _sizes_of_leaves(metadata: Any) -> list[int]:
    """About how much work each leaf is: bytes before compression, and a share for each value."""
    if not metadata.num_row_groups:
        return [1] * metadata.num_columns
    group = metadata.row_group(0)
    return [
        group.column(at).total_uncompressed_size + 4 * group.column(at).num_values for at in range(metadata.num_columns)
    ]


def _width(kind: DataType) -> int:
    import pyarrow as pa

    return 4 if pa.types.is_string(kind) or pa.types.is_nested(kind) else 1
