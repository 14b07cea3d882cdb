"""Writing files from frames and loose blobs into a staging directory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.platform.blocks import reflink
from dver.core.progress import Task
from dver.core.sparse_files import write_sparsely
from dver.formats.pack import Codec
from dver.formats.tree import Entry, Kind
from dver.store.objects.frames import ObjectLocation
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.workspace.scan.stat_cache import stat_key

_STREAMED: Final = 8 << 20
"""The smallest blob that is written piece by piece, in bytes."""
_TARGET_MAX: Final = 4095
"""The longest target of a symbolic link in bytes, as on Linux."""
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)

Failure = MissingObjectError | CorruptError


@dataclass(slots=True)
class WrittenFiles:
    """The result of writing entries."""

    keys: dict[bytes, bytes] = field(default_factory=dict)
    """The stat keys of files and links, by name."""
    failures: list[tuple[Entry, Failure]] = field(default_factory=list)
    """Failed entries, and why."""


class FileWriter:
    """Writes files into the directory `staged`, each under its name."""

    def __init__(self, store: Store, mode: LinkMode, staged: bytes, task: Task) -> None:
        self._store = store
        self._mode = mode
        self._staged = staged
        self._task = task
        self._made = WrittenFiles()

    def make(self, entries: Sequence[Entry]) -> WrittenFiles:
        """Write files and links. Failures are listed, and the rest goes on."""
        by_oid: dict[Oid, list[Entry]] = {}
        for entry in entries:
            by_oid.setdefault(entry.oid, []).append(entry)
        small: list[ObjectLocation] = []
        loose = self._loose_alone(by_oid)
        for found in self._store.locate(by_oid.keys() - loose):
            if found.codec is Codec.CHUNKED or found.raw_size > _STREAMED:
                for entry in by_oid.pop(found.oid):
                    if entry.kind is Kind.SYMLINK:
                        self._made.failures.append((entry, _no_target(entry)))
                    elif entry.size != found.raw_size:
                        self._made.failures.append((entry, _another_size(entry, found.raw_size)))
                    else:
                        self._stream(entry)
            else:
                small.append(found)
        for found, content in self._store.read_all(small):
            for entry in by_oid.pop(found.oid):
                self._small(entry, content)
        for rest in by_oid.values():
            for entry in rest:
                self._loose(entry)
        return self._made

    def _loose_alone(self, oids: Iterable[Oid]) -> set[Oid]:
        """The `oids` to link to their loose blobs, even if packs have them as well."""
        return self._store.loose.present(oids) if self._mode.shares_file else set()

    def _small(self, entry: Entry, content: bytes | CorruptError) -> None:
        if isinstance(content, CorruptError):
            self._made.failures.append((entry, content))
        elif entry.kind is Kind.SYMLINK and not (0 < len(content) <= _TARGET_MAX and b"\0" not in content):
            self._made.failures.append((entry, _no_target(entry)))
        else:
            self._made.keys[entry.name] = _write(self._staged + b"/" + entry.name, entry, content)
            self._task.advance(len(content))

    def _stream(self, entry: Entry) -> None:
        target = self._staged + b"/" + entry.name
        fd = os.open(target, _WRITE, _permissions(entry))
        try:
            with open(fd, "wb"):
                write_sparsely(fd, self._advancing(self._store.stream(entry.oid)))
                self._made.keys[entry.name] = stat_key(os.fstat(fd))
        except (CorruptError, MissingObjectError) as error:
            os.unlink(target)
            self._made.failures.append((entry, error))

    def _advancing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self._task.advance(len(piece))

    def _loose(self, entry: Entry) -> None:
        """Write an entry of a loose blob, as a link where possible."""
        target = self._staged + b"/" + entry.name
        try:
            if not self._store.loose.present((entry.oid,)):
                self._not_found(entry)
                return
            if entry.kind is Kind.SYMLINK:
                raise _no_target(entry)
            if not (self._mode.shares_file and self._link(target, entry)) and not self._reflink(target, entry):
                self._stream(entry)
                return
        except (CorruptError, MissingObjectError) as error:
            self._made.failures.append((entry, error))
            return
        self._made.keys[entry.name] = stat_key(os.stat(target))  # of a link, that of the store's file, as a scan has it
        self._task.advance(entry.size)

    def _not_found(self, entry: Entry) -> None:
        """Report a missing blob, or write it if the store finds it at a second lookup."""
        if entry.kind is Kind.SYMLINK:
            self._small(entry, self._store.read(entry.oid))
        else:
            self._stream(entry)

    def _link(self, target: bytes, entry: Entry) -> bool:
        """Link `target` to the store's file. An executable cannot share the mode of a file that is not executable."""
        if entry.kind is not Kind.FILE:
            return False
        self._store.loose.verify(entry.oid)
        self._store.loose.replace_if_mode_changed(entry.oid)
        source = os.fsencode(self._store.loose.path(entry.oid))
        if self._mode is LinkMode.SYMLINK:
            os.symlink(source, target)
            return True
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without hard links
            return False
        return True

    def _reflink(self, target: bytes, entry: Entry) -> bool:
        if self._mode is LinkMode.COPY:
            return False
        with self._store.loose.open(entry.oid) as source:
            fd = os.open(target, _WRITE, _permissions(entry))
            try:
                done = reflink(source.fileno(), fd, target)
            finally:
                os.close(fd)
        if not done:
            os.unlink(target)
            return False
        try:
            self._store.loose.verify(entry.oid)
        except CorruptError:
            os.unlink(target)
            raise
        return True


def _no_target(entry: Entry) -> CorruptError:
    return CorruptError(
        f"object {entry.oid.short} is not the target of a link",
        why="it is empty, too long, or has a zero byte: no dver wrote that",
    )


def _another_size(entry: Entry, size: int) -> CorruptError:
    """Checked before writing: a recipe that names one chunk a million times would fill the disk."""
    return CorruptError(
        f"object {entry.oid.short} has {size} bytes", why=f"where it is listed it has {entry.size}: no dver wrote that"
    )


def _permissions(entry: Entry) -> int:
    """The mode before the umask."""
    return 0o777 if entry.kind is Kind.EXECUTABLE else 0o666


def _write(target: bytes, entry: Entry, content: bytes) -> bytes:
    if entry.kind is Kind.SYMLINK:
        os.symlink(content, target)
        return stat_key(os.lstat(target))
    fd = os.open(target, _WRITE, _permissions(entry))
    try:
        view = content
        while written := os.write(fd, view):
            if written == len(view):
                break
            view = view[written:]
        return stat_key(os.fstat(fd))
    finally:
        os.close(fd)
