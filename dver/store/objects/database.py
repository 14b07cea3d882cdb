"""The index database: a cache of the positions of objects, the stat cache, and the content of remotes.

One SQLite file per clone. Deleting it costs time, never data. If it is corrupt, dver deletes and rebuilds it while a
command runs. If the disk is full or read-only, this process continues with a copy in memory.

There is no write-ahead log: it needs memory mapped from the disk, and on a full disk a write to that ends the process
with SIGBUS.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from dver.core.batches import batched
from dver.core.errors import LocalIOError

VERSION: Final = 10
"""Raised with every change of a table: a database of another version is recreated."""

T = TypeVar("T")

_COPIED_MAX: Final = 256 << 20
"""Bytes of the largest database that is copied into memory. A larger one is replaced by an empty one."""
_WAL_FORMAT: Final = 2
"""The read version in the header of a database with a write-ahead log."""

_PAGE: Final = 4096
"""Bytes of a page of SQLite."""
_WRITE_ERRORS: Final = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_LOCK_ERRORS: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_MACHINE_ERRORS: Final = _WRITE_ERRORS | _LOCK_ERRORS | {sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM}
_FILE_ERRORS: Final = {
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_READONLY_DBMOVED,  # another process has recreated it
}
_BROKEN: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors of a corrupt file. Its messages quote from the file, which may not be text."""
_PARAMETERS: Final = 500
"""Values in one statement. The limit of SQLite is 999 or more."""

# Pack ids are never reused: another process may hold the id of a removed pack.
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
    """One connection to the index database at `path`. One thread uses it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generation = 0
        """Raised when the database is recreated, so that earlier results are out of date."""
        self._in_memory = False
        self._connection = self._open()

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows that `statement` selects."""
        return self._recovering(lambda: self._connection.execute(statement, parameters).fetchall())

    def rows_in(self, statement: str, values: Iterable[bytes], *, before: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of `statement`, whose `{in}` is replaced by `values`. `before` has the parameters before it."""
        for batch in batched(values, _PARAMETERS):
            filled = statement.replace("{in}", f"({','.join('?' * len(batch))})")
            yield from self.rows(filled, [*before, *batch])

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute `statement` once for each of `rows`, in the open transaction or one of its own."""
        pending = list(rows)
        if pending:
            self._recovering(lambda: self._connection.executemany(statement, pending))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all writes of the block together, or none."""
        if self._is_open():
            yield
            return
        self._recovering(lambda: self._connection.execute("BEGIN IMMEDIATE"))
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
        """Is the transaction still open? Not if the database was recreated meanwhile."""
        return self._connection.in_transaction

    def _recovering(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except _BROKEN as error:
            self._recover(error)
            return action()

    def _recover(self, error: Exception) -> None:
        """Make the database usable after `error`, with or without its content. Raises LocalIOError."""
        if not self._in_memory and _is_among(error, _WRITE_ERRORS):
            self.move_to_memory()
        elif _is_among(error, _MACHINE_ERRORS):
            raise _unusable(self.path, error) from error
        else:
            self.recreate()

    def move_to_memory(self, *, delete: bool = False) -> None:
        """Continue with a copy in memory, since the disk cannot be written. With `delete`, delete the file."""
        self.generation += 1
        before, self._connection = self._connection, _copy_in_memory(self.path, self._connection)
        before.close()
        self._in_memory = True
        if delete:
            with suppress(OSError):
                self._delete()

    def recreate(self) -> None:
        """Delete all content of the database."""
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
            if _is_among(error, _WRITE_ERRORS):
                return self._begin_in_memory()
            if _is_among(error, _MACHINE_ERRORS):
                raise _unusable(self.path, error) from error
            self._delete()
            return self._connect()

    def _begin_in_memory(self) -> sqlite3.Connection:
        self._in_memory = True
        return _empty_in_memory()

    def _connect(self) -> sqlite3.Connection:
        self._in_memory = False
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -16000")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            _create(connection)
        return connection


def _empty_in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _create(connection)
    return connection


def _copy_in_memory(path: Path, source: sqlite3.Connection) -> sqlite3.Connection:
    """A copy of `source` in memory, uncommitted rows included, as far as it can be read."""
    with suppress(OSError, sqlite3.Error):
        if path.stat().st_size <= _COPIED_MAX:
            copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            source.backup(copy)
            (version,) = copy.execute("PRAGMA user_version").fetchone()
            if version == VERSION:
                return copy
    return _empty_in_memory()


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:  # another process may have been faster
        tables = connection.execute(_TABLES).fetchall()
        for (name,) in tables:
            connection.execute(f'DROP TABLE "{name}"')
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _is_among(error: Exception, codes: Collection[int]) -> bool:
    """Is the primary code of `error` one of `codes`, and not caused by the content of the file?"""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF in codes and code not in _FILE_ERRORS


def _unusable(path: Path, error: Exception) -> LocalIOError:
    if _is_among(error, _LOCK_ERRORS):
        why, fix = "another process has been writing to it for a minute", "run the same command again later"
    else:
        why, fix = str(error), "check that the disk and the memory are not full"
    return LocalIOError(f"cannot use the index database {path}", why=why, fix=fix)


def _has_wal(path: Path) -> bool:
    """Does the file have the write-ahead log of an older version? Opening that maps memory from the disk."""
    with suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read(20)[19:] == bytes((_WAL_FORMAT,))
    return False


def _is_cut_off(path: Path) -> bool:
    """Does the file end in the middle of a page? SQLite would read the rest as zeros, without an error."""
    try:
        return path.stat().st_size % _PAGE != 0
    except FileNotFoundError:
        return False
