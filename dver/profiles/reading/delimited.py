"""CSV and TSV files: RFC 4180, UTF-8, a header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import CorruptError
from dver.core.phrasing import count, quoted
from dver.profiles.reading.errors import RowsRead, arrow_errors, bad_row, bad_table
from dver.profiles.reading.plain import TextFile
from dver.profiles.scan.rows import ScannedColumns, TableScan, batch_rows
from dver.profiles.settings import ProfileSettings

if TYPE_CHECKING:
    from pyarrow import RecordBatch

NULLS: Final = ("", "NA", "N/A", "n/a", "#N/A", "NULL", "null")
_BLOCKS: Final = (1 << 20, 8 << 20, 64 << 20)
"""Sizes of blocks: larger ones are for files with rows that do not fit."""
_BEGINNING: Final = 1 << 16


def scan_delimited(file: TextFile, settings: ProfileSettings, delimiter: str) -> ScannedColumns:
    """The profile of a CSV file, which may be compressed.

    Raises CorruptError for rows with too few or too many fields, text that is not UTF-8, and rows of more than 64 MB.
    """
    for block in _BLOCKS:
        try:
            return _scan(file, settings, delimiter, block)
        except _RowTooLongError:
            continue
    raise bad_table(file.name, f"a row is longer than {_BLOCKS[-1] >> 20} MB, or a quote is not closed")


def delimited_columns(file: TextFile, delimiter: str) -> list[str]:
    """The names of the columns of a CSV file. Raises CorruptError for a file that cannot be read."""
    with arrow_errors(file.name, RowsRead()):
        return _header(file, delimiter, _BLOCKS[0])


class _RowTooLongError(Exception):
    """A row does not fit into a block."""


def _scan(file: TextFile, settings: ProfileSettings, delimiter: str, block: int) -> ScannedColumns:
    import pyarrow as pa

    read = RowsRead()
    with arrow_errors(file.name, read):
        header = _header(file, delimiter, block)
        scan = TableScan(settings, expected_rows=_expected_rows(file), columns=len(header), infer=True)
        scan.add_columns(header, [None] * len(header))
        last = None
        try:
            for batch in _rows_of(file, len(header), delimiter, block):
                scan.add(batch.columns, batch.num_rows)
                read.rows = scan.rows
                last = batch.columns[-1][-1].as_py()
        except pa.ArrowInvalid as error:
            if "straddling" in str(error):
                raise _RowTooLongError from error
            if "Empty CSV file" not in str(error):  # which is a header without a newline
                raise _located(file, len(header), delimiter, block) or error from error
        if last and _is_open(file, last):
            raise bad_row(file.name, scan.rows, "a quote is not closed", "close it with a second quote")
        return scan.finish()


def _rows_of(file: TextFile, columns: int, delimiter: str, block: int) -> Iterator[RecordBatch]:
    """The rows in pieces that are profiled at a time."""
    size = batch_rows(columns)
    threads = file.about_size > block  # a thread that parses ahead costs more than a small file
    for batch in _batches(file, columns, delimiter, block, threads=threads):
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)


def _batches(
    file: TextFile, columns: int, delimiter: str, block: int, *, threads: bool, binary: bool = False
) -> Iterator[RecordBatch]:
    """The rows after the header, all as texts (or bytes), in columns named f0, f1, …"""
    import pyarrow as pa
    import pyarrow.csv as csv

    kind = pa.binary() if binary else pa.string()
    before = _blank_lines(file)
    with file.open() as content:
        yield from csv.open_csv(
            content,
            csv.ReadOptions(
                use_threads=threads,
                block_size=block,
                autogenerate_column_names=True,
                skip_rows_after_names=before + 1,
            ),
            csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            csv.ConvertOptions(
                column_types={f"f{at}": kind for at in range(columns)},
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=list(NULLS),
            ),
        )


def _header(file: TextFile, delimiter: str, block: int) -> list[str]:
    """The names of the columns."""
    import csv as python_csv
    import io

    with file.open() as content:
        start = content.read(block)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise bad_table(file.name, "it is UTF-16, and dver reads UTF-8", _converting(file, "UTF-16"))
    try:
        text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").lstrip("\r\n")
        python_csv.field_size_limit(1 << 30)
        header = next(python_csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        "".join(header).encode()
    except UnicodeEncodeError as error:
        raise bad_table(file.name, "its header is not UTF-8", _converting(file, "LATIN1")) from error
    if not header:
        raise bad_table(file.name, "it is empty: it has no header", fix="write the names of the columns")
    return header


def _blank_lines(file: TextFile) -> int:
    """The number of blank lines before the header."""
    with file.open() as content:
        start = bytes(content.read(_BEGINNING)).removeprefix(b"\xef\xbb\xbf")
    blank = start[: len(start) - len(start.lstrip(b"\r\n"))]
    return len(blank.splitlines())


def _is_open(file: TextFile, last: str) -> bool:
    """Is the quote before the `last` value open? Arrow takes all that follows an open quote as one value.

    A compressed file is read again for that, so only if the value has several lines.
    """
    if file.compression and "\n" not in last:
        return False
    value = b'"' + last.encode().replace(b'"', b'""')
    return file.end(len(value)) == value


def _expected_rows(file: TextFile) -> int:
    with file.open() as content:
        start = bytes(content.read(_BEGINNING))
    lines = max(start.count(b"\n"), 1)
    return max(lines - 1, file.about_size * lines // max(len(start), 1)) if len(start) == _BEGINNING else lines


def _located(file: TextFile, columns: int, delimiter: str, block: int) -> CorruptError | None:
    """The error with the row: the file is read again, in one thread, until the row that is wrong."""
    import pyarrow as pa

    rows = 0
    try:
        for batch in _batches(file, columns, delimiter, block, threads=False, binary=True):
            for column in batch.columns:
                if (at := _first_not_utf8(column)) is not None:
                    return bad_row(file.name, rows + at + 1, "it is not UTF-8", _converting(file, "LATIN1"))
            rows += batch.num_rows
    except pa.ArrowInvalid as error:
        return _ragged(file.name, str(error), columns)
    return None


def _converting(file: TextFile, encoding: str) -> str:
    """How to get UTF-8. The encoding of text that is not UTF-8 is a guess, so the user is to look at the result."""
    if file.compression:
        return f"convert it to UTF-8: decompress it, and use iconv -f {encoding} -t UTF-8"
    name = quoted(file.name)
    return f"if it is {encoding}, convert it: iconv -f {encoding} -t UTF-8 {name} > {quoted(file.name + '.utf8')}"


def _first_not_utf8(column: Any) -> int | None:
    """The place of the first value that is not UTF-8."""
    import pyarrow as pa

    try:
        column.cast(pa.string())
    except pa.ArrowInvalid:
        if len(column) == 1:
            return 0
        half = len(column) // 2
        at = _first_not_utf8(column[:half])
        if at is not None:
            return at
        at = _first_not_utf8(column[half:])
        return None if at is None else half + at
    return None


def _ragged(name: str, text: str, columns: int) -> CorruptError | None:
    """The error for Arrow's `CSV parse error: Row #3: Expected 3 columns, got 2: …`."""
    import re

    found = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text)
    if found is None:
        return None
    row, _, fields = (int(one) for one in found.groups())
    why = f"it has {count(fields, 'field')}, and the header {columns}"
    if columns > 1:
        return bad_row(name, row - 1, why)
    # Often a file with semicolons and decimal commas.
    return bad_row(name, row - 1, why, "separate all fields with commas, or with tabs in a .tsv file")
