"""The data as a relation of SQL: columns with the types that the profile found in them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.checks.data_access import DataFile
from dver.core.errors import UsageError
from dver.formats.profile import CollectionKind, CollectionProfile, ColumnProfile, ColumnType
from dver.profiles.media.collections import PATH_COLUMN
from dver.profiles.reading.delimited import NULLS
from dver.tables.engine import (
    LONG_ROW,
    Engine,
    is_json,
    joined_sources,
    open_engine,
    quoted_name,
    quoted_text,
    with_json_types,
)

_CASTS: Final = {
    ColumnType.BOOLEAN: "TRY_CAST({} AS BOOLEAN)",
    ColumnType.INTEGER: "TRY_CAST({} AS HUGEINT)",
    ColumnType.NUMBER: "TRY_CAST({} AS DOUBLE)",
    ColumnType.TIME: "make_timestamp(epoch_us(TRY_CAST({} AS TIMESTAMPTZ)))",
}
_SMALL: Final = 2.0**62
_NUMBER_BYTES: Final = 32
_NULL_TEXTS: Final = quoted_text("|".join(map(re.escape, NULLS)))
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
    columns: tuple[ColumnProfile, ...]
    """Those that SQL sees."""

    def typed(self, source: str, raw: Sequence[str] = ()) -> str:
        """A `SELECT` of the columns with their types, and of the columns `raw` also as text."""
        parts = []
        delimited = source.startswith("read_csv(")
        # One CSV file is read by position: DuckDB changes empty names, and names that occur again.
        places = self._places() if delimited and len(self.sources) == 1 else {}
        for one in self.columns:
            name = places.get(one.name, quoted_name(one.name))
            value = _value(name) if delimited else name
            parts.append(f"{_cast(one, value)} AS {quoted_name(one.name)}")
            if one.name in raw:
                parts.append(f"CAST({value} AS VARCHAR) AS {quoted_name(TEXT_OF + one.name)}")
        if self.is_media:
            parts.append(quoted_name(PATH_COLUMN))
        if not parts:
            raise UsageError("the table has no columns that SQL can tell apart")
        alias = f" AS source({', '.join(f'f{at}' for at in range(len(self.collection.columns)))})" if places else ""
        return f"SELECT {', '.join(parts)} FROM {source}{alias}"

    def _places(self) -> dict[str, str]:
        """What a CSV file's columns are called: the first of each name."""
        found: dict[str, str] = {}
        for at, one in enumerate(self.collection.columns):
            found.setdefault(one.name, f"f{at}")
        return found

    @property
    def is_media(self) -> bool:
        """Are the rows media files? They have a column with their path."""
        return self.collection.kind is not CollectionKind.TABLE

    def union(self, raw: Sequence[str] = ()) -> str:
        """The rows of all files."""
        return " UNION ALL ".join(f"({self.typed(source, raw)})" for source in joined_sources(self.sources))


@contextmanager
def open_relation(
    files: Sequence[DataFile],
    collection: CollectionProfile,
    scratch: Path,
    *,
    ordered: bool = False,
    columns: Sequence[ColumnProfile] | None = None,
) -> Iterator[Relation]:
    """The rows of `files` as the view `data`, with `columns` or all that SQL has a name for.

    Raises UsageError for files that are not tables, and CorruptError.
    """
    if not files:
        raise UsageError(f"the rule needs rows, and {collection.kind.value} have none")
    given = [(one.path, os.path.basename(one.name)) for one in files]
    long_rows = _longest_row(collection) > LONG_ROW
    with open_engine(given, scratch, ordered=ordered, arrow=True, profiled=True, long_rows=long_rows) as opened:
        engine, sources = opened
        seen = sql_columns(collection) if columns is None else columns
        relation = Relation(
            engine,
            tuple(_with_texts_of_json(engine, sources, seen)),
            tuple(one.name for one in files),
            tuple(one.path for one in files),
            collection,
            tuple(seen),
        )
        engine.answer(f"CREATE VIEW data AS {relation.union()}")
        yield relation


def sql_columns(collection: CollectionProfile) -> list[ColumnProfile]:
    """The columns that SQL has a name for: not those without one, and not those that differ only in case.

    Of several columns with one name, the first.
    """
    found: dict[str, ColumnProfile] = {}
    for one in collection.columns:
        found.setdefault(one.name, one)
    times = Counter(name.lower() for name in found)
    return [one for name, one in found.items() if name and times[name.lower()] == 1]


def check_names(names: Iterable[str], collection: CollectionProfile) -> None:
    """Raise UsageError for a name that SQL cannot tell from another one."""
    known = {one.name for one in sql_columns(collection)}
    for name in names:
        if name not in known and collection.column(name) is not None:
            raise UsageError(f"SQL has no name for {name!r}: it is empty, or another one differs only in case")


def _with_texts_of_json(engine: Engine, sources: Sequence[str], columns: Sequence[ColumnProfile]) -> list[str]:
    """`sources`, where columns of JSON are texts: DuckDB would take some for times, and keep the quotes of others.

    Nested columns have the types that DuckDB infers.
    """
    types = {
        one.name: "JSON" if one.type is ColumnType.NESTED else "VARCHAR" for one in columns if one.declared is None
    }
    found = [one for one in sources if is_json(one)]
    if not found or not types:
        return list(sources)
    if "JSON" in types.values():
        (source,) = joined_sources(found)
        types.update((name, kind) for name, kind in engine.columns(source).items() if types.get(name) == "JSON")
    return [with_json_types(one, types) for one in sources]


def _longest_row(collection: CollectionProfile) -> float:
    """At most how many bytes a row of text has: up to 4 for a character, and some for numbers and quotes."""
    return sum(4 * one.lengths.maximum if one.lengths else _NUMBER_BYTES for one in collection.columns)


def _value(name: str) -> str:
    """A text of a CSV file; null for the texts that mean null.

    Not `IN`: DuckDB joins with a long list, and hundreds of joins take all memory.
    """
    return f"CASE WHEN regexp_full_match({name}, {_NULL_TEXTS}) THEN NULL ELSE {name} END"


def _cast(column: ColumnProfile, value: str) -> str:
    if column.declared is not None:
        return value
    if column.type is ColumnType.EMPTY:  # null without a type, so that comparisons with numbers and times are valid
        return "NULL"
    if column.type not in _CASTS:
        return value
    cast = _CASTS[column.type].format(value)
    numbers = column.numbers
    if column.type is ColumnType.INTEGER and numbers and -_SMALL < numbers.minimum <= numbers.maximum < _SMALL:
        cast = cast.replace("HUGEINT", "BIGINT")
    return cast
