"""The columns of tables in DuckDB, by position: it changes names that are empty, or that differ in case only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.tables.engine import Engine
from dver.tables.suffixes import DELIMITERS, JSON_LINES, table_suffixes

ROW: Final = "dver row"
WINDOW: Final = "dver window"
"""The names of columns that this package adds to live data."""


@dataclass(frozen=True, slots=True)
class NamedTable:
    """The rows of several tables. Columns with the same name are one."""

    sql: str
    """A source in which the columns are called c0, c1..."""
    names: tuple[str, ...]
    """Their names in the files. A file may have several columns with one name."""

    @property
    def columns(self) -> dict[str, str]:
        """The column in `sql` of each name: the first one."""
        return {name: f"c{at}" for at, name in reversed(list(enumerate(self.names)))}


def named_table(engine: Engine, sources: Sequence[str], files: Sequence[tuple[Path, str]]) -> NamedTable:
    """One table of `sources`, which are those of `files` in `engine`. Raises CorruptError for a damaged file."""
    found: dict[tuple[str, int], str] = {}
    selected = []
    for source, (path, name) in zip(sources, files, strict=True):
        columns = _numbered(_names_in(engine, source, path, name))
        aliases = [found.setdefault(one, f"c{len(found)}") for one in columns]
        selected.append(f"SELECT * FROM {source} AS t({', '.join(aliases)})")
    return NamedTable(f"({' UNION ALL BY NAME '.join(selected)})", tuple(name for name, _ in found))


def _numbered(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each name, with how often it occurs before."""
    before: Counter[str] = Counter()
    for one in names:
        yield one, before[one]
        before[one] += 1


def _names_in(engine: Engine, source: str, path: Path, name: str) -> Sequence[str]:
    """The names in a file, as profiles have them. Those of DuckDB for JSON Lines, which have no positions."""
    from dver.profiles.reading.delimited import delimited_columns
    from dver.profiles.reading.plain import TextFile
    from dver.profiles.reading.typed import typed_columns

    known = list(engine.columns(source))
    kind, compression = table_suffixes(name)
    if kind in JSON_LINES:
        return known
    found: Sequence[str] = (
        delimited_columns(TextFile(path, name, compression), DELIMITERS[kind])
        if kind in DELIMITERS
        else [one.name for one in typed_columns(path, name)]
    )
    return found if len(found) == len(known) else known  # a header of more than 1 MB is cut
