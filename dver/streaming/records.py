"""Records inside of files: members of tar files, rows of Parquet files, lines of JSONL files."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final, Literal

from dver.core.errors import CorruptError, UsageError

RecordFormat = Literal["tar", "parquet", "jsonl"]
Record = dict[str, Any]
"""A row or a JSON object by column; of a tar file, `__key__` and the contents of the members by suffix."""

ReadRecords = Callable[[BinaryIO, int], Iterator[Record]]
"""Reads the records of an open file after a number of them."""

_ROWS: Final = 1024
"""Rows of a Parquet file that are decoded together."""


def reader_of(form: str) -> ReadRecords:
    """The function that reads the records of files in the format `form`. Raises UsageError for an unknown one."""
    if form not in _READERS:
        raise UsageError(
            f"unknown record format {form!r}", why=f"dver reads {', '.join(_READERS)}", fix="records='tar'"
        )
    return _READERS[form]


def _tar_records(file: BinaryIO, skip: int) -> Iterator[Record]:
    """The samples of a tar file: neighbouring members whose names are equal up to the first dot of the last part."""
    sample: Record = {}
    number = 0
    try:
        with tarfile.open(fileobj=file, mode="r:*") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                key, suffix = _key_of(member.name)
                if sample and sample["__key__"] != key:
                    number += 1
                    if number > skip:
                        yield sample
                    sample = {}
                opened = archive.extractfile(member) if number >= skip else None
                sample["__key__"] = key
                sample[suffix] = opened.read() if opened is not None else b""
    except tarfile.TarError as error:
        raise CorruptError("a tar file cannot be read", why=str(error), fix="check the file with `tar -t`") from error
    if sample and number >= skip:
        yield sample


def _key_of(name: str) -> tuple[str, str]:
    """The key and the suffix of a member: `a/b.c.png` has the key `a/b` and the suffix `c.png`."""
    directory, _, last = name.rpartition("/")
    stem, _, suffix = last.partition(".")
    return (f"{directory}/{stem}" if directory else stem), suffix


def _parquet_records(file: BinaryIO, skip: int) -> Iterator[Record]:
    parquet = _pyarrow_parquet()
    source = parquet.ParquetFile(file)
    done = 0
    for number in range(source.num_row_groups):
        rows = source.metadata.row_group(number).num_rows
        if done + rows > skip:
            # Arrow's threads may still hold the file object when Python ends, which aborts (apache/arrow#34314).
            for batch in source.iter_batches(batch_size=_ROWS, row_groups=[number], use_threads=False):
                rest = max(0, skip - done)
                yield from batch.slice(rest).to_pylist()
                done += batch.num_rows
        else:
            done += rows


def _pyarrow_parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "Parquet files need the extra `data`", why="pyarrow is not installed", fix='pip install "dver[data]"'
        ) from error
    return parquet


def _jsonl_records(file: BinaryIO, skip: int) -> Iterator[Record]:
    number = 0
    for at, line in enumerate(file, 1):
        if not line.strip():
            continue
        number += 1
        if number > skip:
            yield _parsed(line, at)


def _parsed(line: bytes, number: int) -> Record:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise CorruptError(f"line {number} is not JSON", why=str(error), fix="check the file") from error
    return found if isinstance(found, dict) else {"value": found}


_READERS: Final[Mapping[str, ReadRecords]] = {
    "tar": _tar_records,
    "parquet": _parquet_records,
    "jsonl": _jsonl_records,
}
