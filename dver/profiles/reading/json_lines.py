"""JSON Lines: an object in each line, UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from dver.profiles.reading.errors import RowsRead, arrow_errors, bad_row, bad_table
from dver.profiles.reading.plain import TextFile
from dver.profiles.scan.rows import ScannedColumns, TableScan
from dver.profiles.settings import ProfileSettings

if TYPE_CHECKING:
    from pyarrow import Array

_BLOCK: Final = 4 << 20
_LINE_MAX: Final = 256 << 20


def scan_json_lines(file: TextFile, settings: ProfileSettings) -> ScannedColumns:
    """The profile of a JSON Lines file, which may be compressed. A key that a line does not have is null there.

    Raises CorruptError for a line that is not a JSON object, and for text that is not UTF-8.
    """
    read = RowsRead()
    with arrow_errors(file.name, read):
        scan: TableScan | None = None
        for lines in _blocks(file, read):
            arrays, rows = _arrays(lines, file.name, read.rows)
            if scan is None:
                expected = rows * max(1, file.about_size // max(len(lines), 1))
                scan = TableScan(settings, expected_rows=expected, columns=len(arrays))
            scan.add_named(arrays, rows)
            read.rows = scan.rows
        return (scan or TableScan(settings, expected_rows=0, columns=0)).finish()


def _blocks(file: TextFile, read: RowsRead) -> Iterator[bytes]:
    """Whole lines, some MB at a time."""
    rest = b""
    with file.open() as content:
        while block := content.read(_BLOCK):
            head, newline, tail = block.rpartition(b"\n")
            if newline:
                yield rest + head
                rest = tail
            else:
                rest += block
            if len(rest) > _LINE_MAX:
                raise bad_row(file.name, read.rows + 1, f"it is longer than {_LINE_MAX >> 20} MB")
    if rest:
        yield rest


def _arrays(lines: bytes, name: str, before: int) -> tuple[dict[str, Array], int]:
    """The columns of some lines, and how many rows those are."""
    import pyarrow as pa
    import pyarrow.json as arrow_json

    lines = lines.removeprefix(b"\xef\xbb\xbf") if not before else lines
    try:
        lines.decode()
        table = arrow_json.read_json(
            pa.BufferReader(lines), arrow_json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
        )
        if len(set(table.column_names)) == table.num_columns and table.num_columns:
            names = table.column_names
            return {one: _one_array(table.column(one)) for one in names}, table.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        pass
    return _mixed_arrays(lines, name, before)


def _one_array(column: Any) -> Array:
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _mixed_arrays(lines: bytes, name: str, before: int) -> tuple[dict[str, Array], int]:
    """The columns of lines in which a key has values of several types: what is not a text becomes one."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    for line in lines.split(b"\n"):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except UnicodeDecodeError as error:
            raise bad_row(name, before + len(rows) + 1, "it is not UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise bad_row(name, before + len(rows) + 1, f"it is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise bad_row(name, before + len(rows) + 1, "it is not a JSON object")
        rows.append(row)
    if not rows and lines.strip():
        raise bad_table(name, "it is not JSON Lines")
    names = dict.fromkeys(key for row in rows for key in row)
    found = {one: _array_of([row.get(one) for row in rows]) for one in names}
    assert all(isinstance(one, pa.Array) for one in found.values())
    return found, len(rows)


def _array_of(values: list[Any]) -> Array:
    import pyarrow as pa

    types = {type(one) for one in values} - {type(None)}
    try:
        if types == {str}:
            return _texts_or_times(values)
        if bool not in types or len(types) == 1:  # Arrow would take true among numbers for 1
            return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        pass
    return pa.array([None if one is None else _text_of(one) for one in values], pa.string())


def _texts_or_times(values: list[Any]) -> Array:
    """Texts as Arrow reads them from lines without mixed columns: those that are all times are times."""
    import pyarrow as pa
    import pyarrow.json as arrow_json

    lines = "\n".join(json.dumps({"value": one}) for one in values).encode()
    options = arrow_json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    return _one_array(arrow_json.read_json(pa.BufferReader(lines), options).column(0))


def _text_of(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()
