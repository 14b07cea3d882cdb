"""The index database: what can be found out again, kept where it is found at once.

One SQLite file per clone. Everything in it is a cache: deleting it costs time, never data. A damaged one is thrown
away and begun again without asking, in the middle of whatever was going on. Where the disk takes no writes, because it
is full or read-only, a copy in memory takes its place for this process.

The journal is a rollback journal: a write-ahead log needs memory that is mapped from the disk, and a full disk then
kills the process with SIGBUS.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from dver.core.errors import LocalIOError

VERSION: Final = 10
"""Raised with every change of a table: a database of another version is begun again."""

T = TypeVar("T")

_COPIED_MAX: Final = 256 << 20
"""Bytes of the largest database that is copied into memory. Instead of a larger one, an empty one is begun there."""
_WAL_FORMAT: Final = 2
"""The read version in the header of a database with a write-ahead log."""

_PAGE: Final = 4096
"""Bytes of SQLite's pages."""
_OF_THE_MACHINE: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_REFUSES_WRITES: Final = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_WAITS_FOR_OTHERS: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_OF_THE_FILE: Final = {
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_READONLY_DBMOVED,  # another process has begun it again
}
_BROKEN: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What comes of a damaged file; its messages quote from it, and then need not be text."""
_PARAMETERS: Final = 500
"""Values bound in one statement: well under SQLite's least limit of 999."""

# Pack ids are never used twice: another process may hold one of a pack that is gone.
_SCHEMA: Final = """
CREATE TABLE packs (id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB UNIQUE NOT NULL, listed INTEGER NOT NULL);
CREATE TABLE objects (
    oid BLOB PRIMARY KEY, pack INTEGER NOT NULL, kind INTEGER NOT NULL, codec INTEGER NOT NULL,
    offset INTEGER NOT NULL, raw_size INTEGER NOT NULL, stored_size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE loose_blobs (id INTEGER PRIMARY KEY, oid BLOB UNIQUE NOT NULL);
CREATE TABLE loose_chunks (
    oid BLOB PRIMARY KEY, blob INTEGER NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE directories (path BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE complete_roots (oid BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE remote_indexes (
    id INTEGER PRIMARY KEY, remote INTEGER NOT NULL, name BLOB NOT NULL, head BLOB,
    condemned INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE remote_buckets (
    listed_by INTEGER NOT NULL, bucket INTEGER NOT NULL, PRIMARY KEY (listed_by, bucket)
) WITHOUT ROWID;
CREATE TABLE remote_roots (oid BLOB NOT NULL, listed_by INTEGER NOT NULL, PRIMARY KEY (oid, listed_by)) WITHOUT ROWID;
CREATE TABLE remote_packs (
    listed_by INTEGER NOT NULL, number INTEGER NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL,
    condemned INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (listed_by, number)
) WITHOUT ROWID;
CREATE TABLE remote_objects (
    oid BLOB NOT NULL, listed_by INTEGER NOT NULL, pack INTEGER NOT NULL, kind INTEGER NOT NULL, codec INTEGER NOT NULL,
    offset INTEGER NOT NULL, raw_size INTEGER NOT NULL, stored_size INTEGER NOT NULL, PRIMARY KEY (oid, listed_by)
) WITHOUT ROWID;
CREATE TABLE remote_condemned (
    remote INTEGER NOT NULL, list BLOB NOT NULL, name BLOB NOT NULL, PRIMARY KEY (remote, list, name)
) WITHOUT ROWID;
CREATE TABLE remote_runs (
    remote INTEGER NOT NULL, key BLOB NOT NULL, batch BLOB NOT NULL, ended REAL NOT NULL,
    PRIMARY KEY (remote, key, batch)
) WITHOUT ROWID;
"""
_TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


class Database:
    """One connection to the index database at `path`, for one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generation = 0
        """Raised whenever the database had to be begun again, and all that was read from it is out of date."""
        self._in_memory = False
        self._connection = self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows that `statement` selects."""
        return self._heal(lambda: self._connection.execute(statement, parameters).fetchall())

    def rows_in(self, statement: str, values: Iterable[bytes], *, before: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of `statement`, whose `{in}` stands for any number of `values`; `before` binds what precedes it."""
        batch: list[bytes] = []
        for value in values:
            batch.append(value)
            if len(batch) == _PARAMETERS:
                yield from self._rows_in_batch(statement, batch, before)
                batch = []
        if batch:
            yield from self._rows_in_batch(statement, batch, before)

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute `statement` once for each of `rows`; within `transaction`, or in one of its own."""
        pending = list(rows)
        if pending:
            self._heal(lambda: self._connection.executemany(statement, pending))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes in the block take effect together, or none does."""
        if self._is_open():
            yield
            return
        self._heal(lambda: self._connection.execute("BEGIN IMMEDIATE"))
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        if self._is_open():
            self._commit()

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except _BROKEN as error:
            self._recover(error)

    def _is_open(self) -> bool:
        """Is the transaction still there? It is not if the database had to be begun again meanwhile."""
        return self._connection.in_transaction

    def _rows_in_batch(self, statement: str, batch: list[bytes], before: Sequence[Any]) -> list[tuple[Any, ...]]:
        filled = statement.replace("{in}", f"({','.join('?' * len(batch))})")
        return self.rows(filled, [*before, *batch])

    def _heal(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except _BROKEN as error:
            self._recover(error)
            return action()

    def _recover(self, error: Exception) -> None:
        """After `error` the database can be used again, with or without what it held. Raises LocalIOError."""
        if not self._in_memory and _is_among(error, _REFUSES_WRITES):
            self.move_to_memory()
        elif _is_among(error, _OF_THE_MACHINE):
            raise _unusable(self.path, error) from error
        else:
            self.begin_again()

    def move_to_memory(self, *, delete: bool = False) -> None:
        """Go on with a copy in memory, since the disk takes no writes; with `delete`, free the file's space."""
        self.generation += 1
        before, self._connection = self._connection, _copy_in_memory(self.path, self._connection)
        before.close()
        self._in_memory = True
        if delete:
            with suppress(OSError):
                self._delete()

    def begin_again(self) -> None:
        """Throw away all that the database holds."""
        self.generation += 1
        self._connection.close()
        try:
            self._delete()
        except OSError:  # a read-only disk
            self._connection = self._begin_in_memory()
        else:
            self._connection = self._open()

    def _delete(self) -> None:
        for suffix in ("", "-journal", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if _is_cut_off(self.path) or _has_wal(self.path):
                self._delete()
            return self._connect()
        except OSError:
            return self._begin_in_memory()
        except _BROKEN as error:
            if _is_among(error, _REFUSES_WRITES):
                return self._begin_in_memory()
            if _is_among(error, _OF_THE_MACHINE):
                raise _unusable(self.path, error) from error
            self._delete()
            return self._connect()

    def _begin_in_memory(self) -> sqlite3.Connection:
        self._in_memory = True
        return _empty_in_memory()

    def _connect(self) -> sqlite3.Connection:
        self._in_memory = False
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -16000")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            _create(connection)
        return connection


def _empty_in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _create(connection)
    return connection


def _copy_in_memory(path: Path, source: sqlite3.Connection) -> sqlite3.Connection:
    """A database in memory with what `source` holds, what was not committed included, as far as it can be read."""
    with suppress(OSError, sqlite3.Error):
        if path.stat().st_size <= _COPIED_MAX:
            copy = sqlite3.connect(":memory:", isolation_level=None)
            source.backup(copy)
            (version,) = copy.execute("PRAGMA user_version").fetchone()
            if version == VERSION:
                return copy
    return _empty_in_memory()


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:  # another process may have been quicker
        tables = connection.execute(_TABLES).fetchall()
        for (name,) in tables:
            connection.execute(f'DROP TABLE "{name}"')
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _is_among(error: Exception, codes: Collection[int]) -> bool:
    """Is the cause of `error`, by its primary code, one of `codes`, and nothing in the file?"""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF in codes and code not in _OF_THE_FILE


def _unusable(path: Path, error: Exception) -> LocalIOError:
    if _is_among(error, _WAITS_FOR_OTHERS):
        why, fix = "another process has been writing to it for a minute", "run the same command again when it is done"
    else:
        why, fix = str(error), "see that the disk and the memory are not full"
    return LocalIOError(f"cannot use the index database {path}", why=why, fix=fix)


def _has_wal(path: Path) -> bool:
    """Does the file have a write-ahead log, as older versions wrote it? To open it is to map memory from the disk."""
    with suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read(20)[19:] == bytes((_WAL_FORMAT,))
    return False


def _is_cut_off(path: Path) -> bool:
    """Does the file end in the middle of a page? SQLite would read the rest of that as zeros, without a word."""
    try:
        return path.stat().st_size % _PAGE != 0
    except FileNotFoundError:
        return False
