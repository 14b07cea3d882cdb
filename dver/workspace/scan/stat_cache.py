"""The stat cache: the files and oids of each directory of the workspace at its last scan.

One record per directory. A record's fingerprint joins names, stat keys of files and oids of subdirectories, so that
"nothing changed here" is one comparison of two byte strings.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from xxhash import xxh3_64_digest, xxh3_128

from dver.core.clock import would_show
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, Leaf, decode, encode_leaf, oids_of_leaf
from dver.store.objects.database import Database

_STAT: Final = Struct("<IQqqQ")
KEY_SIZE: Final = _STAT.size
UNTRUSTED: Final = bytes(KEY_SIZE)
"""The key of a file that may have changed since it was read without a visible change of its `lstat`."""

_HEAD: Final = Struct("<32sQQI")
_CHECKSUM: Final = 8


def stat_key(status: os.stat_result) -> bytes:
    """The identity of a file's state: mode, size, mtime, ctime and inode."""
    return _STAT.pack(
        status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & 0xFFFFFFFFFFFFFFFF
    )


def directory_key(oid: Oid) -> bytes:
    """The key of a subdirectory: the oid of its content."""
    return oid + b"dir\0"


class KeyFields(NamedTuple):
    """The fields of a stat key. Times are in ns."""

    mode: int
    size: int
    mtime: int
    ctime: int
    inode: int


def key_fields(key: bytes) -> KeyFields:
    """The fields of a file's key."""
    return KeyFields(*_STAT.unpack(key))


def without_ctime(key: bytes) -> bytes:
    """A file's key without its ctime."""
    return _STAT.pack(*key_fields(key)._replace(ctime=0))


def is_settled(key: bytes, now_ns: int) -> bool:
    """Whether a change after `now_ns` would surely change the file's ctime."""
    return would_show(key_fields(key).ctime, now_ns)


def kind_of_mode(mode: int) -> Kind | None:
    """The kind of entry for a file of this mode; None for sockets, devices and the like."""
    if stat.S_ISREG(mode):
        return Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.SYMLINK if stat.S_ISLNK(mode) else None


def fingerprint(keys: Iterable[bytes], names: Sequence[bytes]) -> bytes:
    """The fingerprint of a directory with these names, in order, and their keys."""
    return b"".join((*keys, b"\0".join(names)))


@dataclass(frozen=True, slots=True)
class DirectoryRecord:
    """The cached state of one directory. `leaf` is its encoded entries; `size` in bytes, `files` counts files."""

    oid: Oid
    size: int
    files: int
    fingerprint: bytes
    leaf: bytes

    def entry(self, name: bytes) -> Entry:
        """The directory as an entry of its parent, named `name`."""
        return Entry(name, Kind.DIRECTORY, self.oid, self.size, self.files)

    def oids(self) -> list[Oid]:
        """The oids of the directory and of its entries."""
        return [self.oid, *oids_of_leaf(self.leaf)]

    def entries(self) -> tuple[Entry, ...]:
        """The directory's entries."""
        found = decode(self.leaf)
        assert isinstance(found, Leaf)
        return found.entries

    def by_name(self) -> dict[bytes, tuple[bytes, Entry]]:
        """Keys and entries by name."""
        keys = self.fingerprint
        return {
            entry.name: (keys[at * KEY_SIZE : (at + 1) * KEY_SIZE], entry) for at, entry in enumerate(self.entries())
        }

    def encode(self) -> bytes:
        """The record as stored in the database."""
        head = _HEAD.pack(self.oid, self.size, self.files, len(self.fingerprint))
        body = b"".join((head, self.fingerprint, self.leaf))
        return body + xxh3_64_digest(body)

    @classmethod
    def decode(cls, kept: bytes) -> DirectoryRecord | None:
        """The reverse of `encode`; None for a record damaged on disk, which SQLite does not notice."""
        content = kept[:-_CHECKSUM]
        if xxh3_64_digest(content) != kept[-_CHECKSUM:]:
            return None
        oid, size, files, length = _HEAD.unpack_from(content)
        middle = _HEAD.size + length
        return cls(Oid(oid), size, files, content[_HEAD.size : middle], content[middle:])


def make_record(oid: Oid, entries: Sequence[Entry], keys: Sequence[bytes], *, size: int, files: int) -> DirectoryRecord:
    """The record of a directory with these entries, sorted by name, and their keys."""
    return DirectoryRecord(oid, size, files, fingerprint(keys, [entry.name for entry in entries]), encode_leaf(entries))


_WRITE_EVERY: Final = 256


class StatCache:
    """The records of all directories, by absolute path. Written in batches; a loss costs only time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: dict[bytes, DirectoryRecord] = {}
        self._held = 0

    def get(self, path: bytes) -> DirectoryRecord | None:
        """The record of the directory `path`."""
        if path in self._pending:
            return self._pending[path]
        for (content,) in self._database.rows("SELECT record FROM directories WHERE path = ?", (path,)):
            return DirectoryRecord.decode(content) if isinstance(content, bytes) else None
        return None

    def known(self, path: bytes) -> dict[bytes, tuple[bytes, Entry]]:
        """Keys and entries by name of the record of `path`; empty without one."""
        record = self.get(path)
        return record.by_name() if record is not None else {}

    def put(self, path: bytes, record: DirectoryRecord) -> None:
        """Cache `record`; `flush` writes it to disk."""
        self._pending[path] = record
        if len(self._pending) >= _WRITE_EVERY:
            self.flush()

    def forget(self, path: bytes) -> None:
        """Drop the record of the directory `path`."""
        self._pending.pop(path, None)
        self._database.write("DELETE FROM directories WHERE path = ?", [(path,)])

    def move(self, old: bytes, new: bytes) -> None:
        """Rename the records of a file or directory `old`, and of everything below, to `new`.

        A renamed file has another ctime, and is read again.
        """
        self.flush()
        self._database.write(
            "UPDATE OR REPLACE directories SET path = CAST(? || substr(path, ?) AS BLOB)"
            " WHERE path = ? OR (path >= ? AND path < ?)",
            [(new, len(old) + 1, old, old + b"/", old + b"0")],
        )

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block of several scans, written to disk once at its end."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self.flush()

    def flush(self) -> None:
        """Write pending records, unless they can wait."""
        if self._pending and (not self._held or len(self._pending) >= _WRITE_EVERY):
            rows = [(path, record.encode()) for path, record in self._pending.items()]
            with self._database.transaction():
                self._database.write("INSERT OR REPLACE INTO directories VALUES (?, ?)", rows)
            self._pending.clear()


class FileStates:
    """One digest per scanned file or directory.

    `ctimes` can be left out: they change with a file's other hard links, too.
    """

    def __init__(self, *, ctimes: bool = True) -> None:
        self._ctimes = ctimes
        self._digests: dict[bytes, xxh3_128] = {}
        self._current = xxh3_128()

    def begin(self, name: bytes) -> None:
        """Start the digest of `name`."""
        self._current = self._digests[name] = xxh3_128()

    def note(self, keys: Sequence[bytes], names: Sequence[bytes]) -> None:
        """Add the stat keys of files; those of directories are empty."""
        if not self._ctimes:
            keys = [without_ctime(key) if key else key for key in keys]
        self._current.update(fingerprint(keys, names))

    def digests(self) -> Mapping[bytes, bytes]:
        """The digests by name."""
        return {name: one.digest() for name, one in self._digests.items()}
