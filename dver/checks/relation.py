"""The data as a relation of SQL: columns with the types that the profile found in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.checks.data_access import DataFile
from dver.core.errors import UsageError
from dver.formats.profile import CollectionKind, CollectionProfile, ColumnProfile, ColumnType
from dver.profiles.media.collections import PATH_COLUMN
from dver.profiles.reading.delimited import NULLS
from dver.tables.engine import Engine, open_engine, quoted_name, quoted_text

_CASTS: Final = {
    ColumnType.BOOLEAN: "TRY_CAST({} AS BOOLEAN)",
    ColumnType.INTEGER: "TRY_CAST({} AS HUGEINT)",
    ColumnType.NUMBER: "TRY_CAST({} AS DOUBLE)",
    ColumnType.TIME: "make_timestamp(epoch_us(TRY_CAST({} AS TIMESTAMPTZ)))",
}
_SMALL: Final = 2.0**62
TEXT_OF: Final = "text of "
"""Columns with this prefix have values as they are written in the file."""


@dataclass(frozen=True, slots=True)
class Relation:
    """The data in an engine. The view `data` is what rules of users see."""

    engine: Engine
    sources: tuple[str, ...]
    """One for each file, in order."""
    names: tuple[str, ...]
    """Of the files."""
    paths: tuple[Path, ...]
    collection: CollectionProfile

    def typed(self, source: str, raw: Sequence[str] = ()) -> str:
        """A `SELECT` of all columns with their types, and of the columns `raw` also as text."""
        columns = unique_columns(self.collection)
        value = _value if source.startswith("read_csv(") else _typed_value
        parts = [f"{_cast(one, value(one))} AS {quoted_name(one.name)}" for one in columns]
        parts += [
            f"CAST({value(one)} AS VARCHAR) AS {quoted_name(TEXT_OF + one.name)}" for one in columns if one.name in raw
        ]
        if self.is_media:
            parts.append(quoted_name(PATH_COLUMN))
        return f"SELECT {', '.join(parts)} FROM {source}"

    @property
    def is_media(self) -> bool:
        """Are the rows media files? They have a column with their path."""
        return self.collection.kind is not CollectionKind.TABLE

    def union(self, raw: Sequence[str] = ()) -> str:
        """The rows of all files."""
        return " UNION ALL ".join(f"({self.typed(source, raw)})" for source in self.sources)


@contextmanager
def open_relation(
    files: Sequence[DataFile], collection: CollectionProfile, scratch: Path, *, ordered: bool = False
) -> Iterator[Relation]:
    """The rows of `files` as the view `data`. Raises UsageError for files that are not tables, and CorruptError."""
    if not files:
        raise UsageError(f"the rule needs rows, and {collection.kind.value} have none")
    given = [(one.path, os.path.basename(one.name)) for one in files]
    with open_engine(given, scratch, ordered=ordered, arrow=True) as (engine, sources):
        relation = Relation(
            engine, tuple(sources), tuple(one.name for one in files), tuple(one.path for one in files), collection
        )
        engine.run(f"CREATE VIEW data AS {relation.union()}")
        yield relation


def unique_columns(collection: CollectionProfile) -> list[ColumnProfile]:
    """The columns, of several with one name the first."""
    found: dict[str, ColumnProfile] = {}
    for one in collection.columns:
        found.setdefault(one.name, one)
    return list(found.values())


def _value(column: ColumnProfile) -> str:
    """A text of a CSV file; null for the texts that mean null."""
    name = quoted_name(column.name)
    return f"CASE WHEN {name} IN ({', '.join(map(quoted_text, NULLS))}) THEN NULL ELSE {name} END"


def _typed_value(column: ColumnProfile) -> str:
    return quoted_name(column.name)


def _cast(column: ColumnProfile, value: str) -> str:
    if column.declared is not None or column.type not in _CASTS:
        return value
    cast = _CASTS[column.type].format(value)
    numbers = column.numbers
    if column.type is ColumnType.INTEGER and numbers and -_SMALL < numbers.minimum <= numbers.maximum < _SMALL:
        cast = cast.replace("HUGEINT", "BIGINT")
    return cast
