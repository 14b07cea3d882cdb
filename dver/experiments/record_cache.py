"""A cache of the current records: the last record of each experiment, from all journals of this clone.

One SQLite file, which can be deleted at any time. A command reads only the entries that are new since the last one.
"""

from __future__ import annotations

import gc
import json
import marshal
import sqlite3
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from dver.core.files import delete_any
from dver.formats.experiment import (
    EXPERIMENT_FIELDS,
    Experiment,
    ExperimentStatus,
    decode_record,
    encode_record,
    experiment_of,
)
from dver.git.git_repo import CommitId

VERSION: Final = 3
"""Raised with every change of a table: a cache of another version is recreated."""

_SCHEMA: Final = """
CREATE TABLE tips (ref TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    id TEXT PRIMARY KEY, updated INTEGER NOT NULL, writer TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    removed INTEGER NOT NULL, created REAL NOT NULL, entry TEXT NOT NULL, record BLOB NOT NULL
);
CREATE TABLE commits (id TEXT PRIMARY KEY, facts BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE listing (key TEXT PRIMARY KEY, checksum INTEGER NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX by_created ON records (removed, created, id);
CREATE INDEX by_status ON records (status, created);
CREATE INDEX by_name ON records (name);
"""
_PUT: Final = """
INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    updated = excluded.updated, writer = excluded.writer, name = excluded.name, status = excluded.status,
    removed = excluded.removed, created = excluded.created, entry = excluded.entry, record = excluded.record
WHERE (excluded.updated, excluded.writer) > (updated, writer)
"""
_MANY: Final = 300
"""Fewer records are not worth a listing."""
_PATIENCE: Final = 30.0
"""Seconds to wait for another process that writes to the cache."""


class RecordCache:
    """The cache in the file `path`. In memory, if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = self._open()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make the changes in the block together. A cache that cannot be written goes on in memory, empty."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            self._restart_in_memory()
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError):
                self._restart_in_memory()
            raise

    def tips(self) -> dict[str, CommitId]:
        """The last entry of each journal that the cache has read, by ref."""
        return {ref: CommitId(entry) for ref, entry in self._rows("SELECT ref, entry FROM tips")}

    def set_tips(self, tips: Mapping[str, CommitId]) -> None:
        """Replace the last entries. The caller is in `writing`."""
        self._connection.execute("DELETE FROM tips")
        self._connection.executemany("INSERT INTO tips VALUES (?, ?)", list(tips.items()))

    def clear(self) -> None:
        """Forget all records. The caller is in `writing`."""
        self._connection.execute("DELETE FROM records")
        self._connection.execute("DELETE FROM tips")

    def put(self, writer: str, entry: CommitId, records: Iterable[Experiment]) -> None:
        """Add the records of an entry of `writer`, unless the cache has later ones. The caller is in `writing`."""
        rows = [
            (
                one.id,
                one.updated,
                writer,
                one.name,
                one.status.value,
                one.removed,
                one.created,
                entry,
                encode_record(one),
            )
            for one in records
        ]
        self._connection.executemany(_PUT, rows)

    def get(self, experiment: str) -> Experiment | None:
        """The record with an id."""
        rows = self._rows("SELECT record FROM records WHERE id = ?", (experiment,))
        return decode_record(rows[0][0]) if rows else None

    def all(self, *, removed: bool = False) -> list[Experiment]:
        """The records by their time of creation; those of removed experiments instead with `removed`."""
        with _without_gc():
            if removed:
                return _decode_all(self._lines(removed=True))
            key = f"{sys.version} {sorted(EXPERIMENT_FIELDS)} {sorted(self.tips().items())}"
            found = self._listing(key)
            if found is None:
                lines = self._lines(removed=False)
                found = _parse(lines)
                if found is None:
                    return [decode_record(line) for line in lines]
                self._keep_listing(key, found)
            return [experiment_of(one) for one in found]

    def _lines(self, *, removed: bool) -> list[bytes]:
        rows = self._rows("SELECT record FROM records WHERE removed = ? ORDER BY created, id", (removed,))
        return [row[0] for row in rows]

    def _listing(self, key: str) -> list[Any] | None:
        """The records of `all` as `_keep_listing` kept them with this key: quicker to read than JSON."""
        for checksum, content in self._rows("SELECT checksum, content FROM listing WHERE key = ?", (key,)):
            if zlib.crc32(content) == checksum:  # marshal must not read corrupt bytes
                found: list[Any] = marshal.loads(content)
                return found
        return None

    def _keep_listing(self, key: str, found: list[Any]) -> None:
        """Keep many records in the form that `_listing` reads, unless another process writes to the cache."""
        if len(found) < _MANY:
            return
        content = marshal.dumps(found)
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA busy_timeout = 0")
            with suppress(sqlite3.Error):
                self._connection.execute("DELETE FROM listing")
                self._connection.execute("INSERT INTO listing VALUES (?, ?, ?)", (key, zlib.crc32(content), content))
            self._connection.execute(f"PRAGMA busy_timeout = {round(_PATIENCE * 1000)}")

    def with_status(self, status: ExperimentStatus) -> list[Experiment]:
        """The records with a status that are not removed, by their time of creation."""
        asked = "SELECT record FROM records WHERE status = ? AND NOT removed ORDER BY created, id"
        return [decode_record(row[0]) for row in self._rows(asked, (status.value,))]

    def ids_with_status(self, status: ExperimentStatus) -> list[str]:
        """The ids of `with_status`, without reading the records."""
        asked = "SELECT id FROM records WHERE status = ? AND NOT removed ORDER BY created, id"
        return [row[0] for row in self._rows(asked, (status.value,))]

    def names(self) -> set[str]:
        """The names of all experiments, also of removed ones."""
        return {row[0] for row in self._rows("SELECT name FROM records")}

    def entry_of(self, experiment: str) -> CommitId | None:
        """The journal entry with the current record of an experiment."""
        rows = self._rows("SELECT entry FROM records WHERE id = ?", (experiment,))
        return CommitId(rows[0][0]) if rows else None

    def commit_facts(self, commits: Iterable[str]) -> dict[str, bytes]:
        """What `put_commit_facts` was called with, for those of `commits` that are known."""
        asked = "SELECT id, facts FROM commits WHERE id = ?"
        return {row[0]: row[1] for one in commits for row in self._rows(asked, (one,))}

    def put_commit_facts(self, facts: Mapping[str, bytes]) -> None:
        """Keep what was read of commits, which never changes. The caller is in `writing`."""
        self._connection.executemany("INSERT OR REPLACE INTO commits VALUES (?, ?)", list(facts.items()))

    def _rows(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()

    def _open(self) -> sqlite3.Connection:
        for _ in range(2):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                return _connect(str(self._path))
            except sqlite3.OperationalError:
                break  # locked, read-only or full
            except sqlite3.DatabaseError:
                delete_any(self._path)
            except OSError:
                break
        return _connect(":memory:")

    def _restart_in_memory(self) -> None:
        self._connection.close()
        self._connection = _connect(":memory:")


def _decode_all(lines: Sequence[bytes]) -> list[Experiment]:
    found = _parse(lines)
    return [decode_record(line) for line in lines] if found is None else [experiment_of(one) for one in found]


def _parse(lines: Sequence[bytes]) -> list[Any] | None:
    """The fields of the records in `lines`, parsed together; None if a line has fields of another version."""
    try:
        found: list[Any] = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        return None
    known = EXPERIMENT_FIELDS
    return found if all(isinstance(one, dict) and one.keys() <= known for one in found) else None


@contextmanager
def _without_gc() -> Iterator[None]:
    """Pause the garbage collector, which many new objects alone would start many times, in vain."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")  # a cache: a power cut costs reading the journals again
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            _create(connection, version)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:  # another process was faster
        connection.execute("COMMIT")
        return
    if version:
        for table in ("tips", "records", "commits", "listing"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
