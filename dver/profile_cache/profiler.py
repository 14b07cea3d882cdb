"""What makes profiles of files: dver.profiles. Its libraries are imported when a file is read."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import replace

from dver.formats.profile import CollectionKind, CollectionProfile, ColumnProfile, ColumnType, Profile


def profile_table(path: bytes, private: frozenset[str]) -> Profile:
    """The profile of the table at `path`. Raises DverError for a file that cannot be read as a table."""
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        names = next(rows, [])
        count = sum(1 for _ in rows)
    columns = tuple(ColumnProfile(name, ColumnType.TEXT, count, 0, private=name in private) for name in names)
    return Profile((CollectionProfile("", CollectionKind.TABLE, count, 1, os.path.getsize(path), columns),))


def merge_tables(tables: Sequence[CollectionProfile]) -> CollectionProfile:
    """The profile of like tables, in this order."""
    rows = sum(one.rows for one in tables)
    columns = tuple(replace(one, count=rows) for one in tables[0].columns)
    return replace(tables[0], rows=rows, columns=columns, files=len(tables), bytes=sum(one.bytes for one in tables))
