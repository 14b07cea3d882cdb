"""Which names of files are those of tables: the suffixes of formats and of compressions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

DELIMITERS: Final[Mapping[str, str]] = {".csv": ",", ".tsv": "\t"}
"""The delimiter of each format of text."""
JSON_LINES: Final = (".jsonl", ".ndjson")
PARQUET: Final = (".parquet",)
ARROW: Final = (".arrow", ".arrows", ".feather")
COMPRESSIONS: Final[Mapping[str, str]] = {".gz": "gzip", ".zst": "zstd"}
"""Of whole files, by their names in Arrow. Parquet and Arrow files have a compression of their own inside."""
FORMATS: Final = (*DELIMITERS, *JSON_LINES, *PARQUET, *ARROW)


def table_suffixes(name: str) -> tuple[str, str]:
    """The suffixes of format and compression, in lower case; empty without one."""
    stem, last = os.path.splitext(name.lower())
    return (os.path.splitext(stem)[1], last) if last in COMPRESSIONS else (last, "")


def is_table_file(name: str) -> bool:
    """Is `name` that of a table?"""
    kind, compression = table_suffixes(name)
    return kind in DELIMITERS or kind in JSON_LINES or (kind in (*PARQUET, *ARROW) and not compression)
