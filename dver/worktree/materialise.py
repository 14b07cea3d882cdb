"""Writing content into files: from frames and loose blobs to a staged file or directory."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.tree import Entry, Kind
from dver.store.compare import join
from dver.store.loose import LinkMode, reflink
from dver.store.store import Found, Store
from dver.worktree.statcache import TICK_NS, Record, directory_key, key_fields, make_record, stat_key

_STREAMED: Final = 8 << 20
"""Bytes from which on a blob is written piece by piece."""
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Lost:
    """A path whose content could not be had, and why. `path` is relative to the checkout's root."""

    path: bytes
    entry: Entry
    error: DverError


@dataclass(slots=True)
class Materialiser:
    """Makes files from objects. What cannot be made is listed in `lost`, and the rest goes on."""

    store: Store
    mode: LinkMode
    task: Task
    lost: list[Lost] = field(default_factory=list)
    records: list[tuple[bytes, Record, int]] = field(default_factory=list)
    """Stat cache records of the directories made: path, record, and when its last file was written, in ns."""

    def directory(self, staged: bytes, path: bytes, entry: Entry) -> None:
        """Make the directory `entry` at `staged`, which will be called `path`."""
        os.mkdir(staged)
        try:
            entries = self.store.tree(entry.oid)
        except (MissingObjectError, CorruptError) as error:
            self.lost.append(Lost(path, entry, error))
            return
        lost_before = len(self.lost)
        keys = self.files(staged, path, [one for one in entries if one.kind is not Kind.DIRECTORY])
        below = [one for one in entries if one.kind is Kind.DIRECTORY]
        for one in below:
            self.directory(staged + b"/" + one.name, join(path, one.name), one)
        if len(self.lost) == lost_before:
            self._remember(path, entry, entries, keys)

    def files(self, staged: bytes, path: bytes, entries: Sequence[Entry]) -> dict[bytes, bytes]:
        """Make files and links in the folder `staged`, each under its name. Returns the stat key of each."""
        by_oid: dict[Oid, list[Entry]] = {}
        for entry in entries:
            by_oid.setdefault(entry.oid, []).append(entry)
        keys: dict[bytes, bytes] = {}
        small: list[Found] = []
        for found in self.store.locate(by_oid):
            if found.raw_size > _STREAMED:
                for entry in by_oid.pop(found.oid):
                    self._stream(staged, path, entry, keys)
            else:
                small.append(found)
        for found, content in self.store.read_all(small):
            for entry in by_oid.pop(found.oid):
                self._write(staged, path, entry, content, keys)
        for rest in by_oid.values():
            for entry in rest:
                self._loose(staged, path, entry, keys)
        return keys

    def _write(
        self,
        staged: bytes,
        path: bytes,
        entry: Entry,
        content: bytes | CorruptError,
        keys: dict[bytes, bytes],
    ) -> None:
        if isinstance(content, CorruptError):
            self.lost.append(Lost(join(path, entry.name), entry, content))
            return
        target = staged + b"/" + entry.name
        if entry.kind is Kind.SYMLINK:
            os.symlink(content, target)
            keys[entry.name] = stat_key(os.lstat(target))
            return
        fd = os.open(target, _WRITE, _permissions(entry))
        try:
            view = content
            while written := os.write(fd, view):
                if written == len(view):
                    break
                view = view[written:]
            keys[entry.name] = stat_key(os.fstat(fd))
        finally:
            os.close(fd)
        self.task.advance(len(content))

    def _stream(self, staged: bytes, path: bytes, entry: Entry, keys: dict[bytes, bytes]) -> None:
        target = staged + b"/" + entry.name
        fd = os.open(target, _WRITE, _permissions(entry))
        try:
            with open(fd, "wb", buffering=0) as file:
                for piece in self.store.stream(entry.oid):
                    file.write(piece)
                    self.task.advance(len(piece))
                keys[entry.name] = stat_key(os.fstat(fd))
        except (CorruptError, MissingObjectError) as error:
            os.unlink(target)
            self.lost.append(Lost(join(path, entry.name), entry, error))

    def _loose(self, staged: bytes, path: bytes, entry: Entry, keys: dict[bytes, bytes]) -> None:
        """A blob that is in no pack: loose, or not here at all."""
        target = staged + b"/" + entry.name
        try:
            if not self.store.loose.present((entry.oid,)):
                self.store.read(entry.oid)  # says what is wrong
            if not (self.mode.shares_file and self._link(target, entry)) and not self._reflink(target, entry):
                self._stream(staged, path, entry, keys)
                return
        except (CorruptError, MissingObjectError) as error:
            self.lost.append(Lost(join(path, entry.name), entry, error))
            return
        keys[entry.name] = stat_key(os.lstat(target))
        self.task.advance(entry.size)

    def _link(self, target: bytes, entry: Entry) -> bool:
        """Let `target` be the store's own file. An executable cannot share the mode of one that is not."""
        if entry.kind is not Kind.FILE:
            return False
        self.store.loose.verify(entry.oid)
        source = os.fsencode(self.store.loose.path(entry.oid))
        if self.mode is LinkMode.SYMLINK:
            os.symlink(source, target)
            return True
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without hard links
            return False
        return True

    def _reflink(self, target: bytes, entry: Entry) -> bool:
        if self.mode is LinkMode.COPY:
            return False
        source = os.open(self.store.loose.path(entry.oid), os.O_RDONLY)
        try:
            fd = os.open(target, _WRITE, _permissions(entry))
            try:
                done = reflink(source, fd)
            finally:
                os.close(fd)
        finally:
            os.close(source)
        if not done:
            os.unlink(target)
            return False
        try:
            self.store.loose.verify(entry.oid)
        except CorruptError:
            os.unlink(target)
            raise
        return True

    def _remember(self, path: bytes, entry: Entry, entries: Sequence[Entry], keys: dict[bytes, bytes]) -> None:
        all_keys = [directory_key(one.oid) if one.kind is Kind.DIRECTORY else keys[one.name] for one in entries]
        record = make_record(entry.oid, entries, all_keys, size=entry.size, files=entry.files)
        newest = max((key_fields(key).ctime for key in keys.values()), default=0)
        self.records.append((path, record, newest))


def settled_records(materialiser: Materialiser) -> list[tuple[bytes, Record]]:
    """The records that can be trusted now that everything is in place.

    Nobody could reach the files before that. Only what was written within the last tick of the clock could be changed
    by somebody without its ctime telling: such a directory is read again next time.
    """
    now = time.time_ns()
    return [(path, record) for path, record, newest in materialiser.records if newest + TICK_NS < now]


def _permissions(entry: Entry) -> int:
    """What the umask is applied to."""
    return 0o777 if entry.kind is Kind.EXECUTABLE else 0o666
