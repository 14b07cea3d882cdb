"""Reading the workspace: which files there are, and the oid of each, hashing only what the stat cache does not know."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from dver.core.errors import ConflictError, UsageError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats.tree import Entry, Kind, forbidden_name, totals, write_directory
from dver.worktree.ignore import Ignore, is_temporary
from dver.worktree.statcache import (
    UNTRUSTED,
    Record,
    StatCache,
    directory_key,
    fingerprint,
    is_settled,
    kind_of_mode,
    make_record,
    stat_key,
)

_TRIES: Final = 3


class Candidate(NamedTuple):
    """A file whose oid is not known: its absolute path, and what `lstat` said of it."""

    path: bytes
    status: os.stat_result


class Taken(NamedTuple):
    """A file's oid, and what `fstat` said when all of it had been read."""

    oid: Oid
    status: os.stat_result


class Intake(Protocol):
    """What happens to the content of files, links and directories that a scan meets for the first time."""

    def files(self, candidates: Sequence[Candidate], task: Task) -> list[Taken]:
        """Read regular files; in the same order, their oids."""

    def link(self, target: bytes) -> Oid:
        """Take a symbolic link's target text."""

    def tree(self, oid: Oid, content: bytes) -> None:
        """Take an encoded tree object."""

    def lacking(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` whose content is wanted even where the stat cache knows the file: the cache tells what a
        file holds, not that anybody has kept it."""


class Snapshot:
    """What a scan found. `tree` answers for every directory below `root`, saved in the store or not."""

    def __init__(self, root: Entry, directories: dict[Oid, Record]) -> None:
        self.root = root
        self._directories = directories

    def tree(self, oid: Oid) -> Sequence[Entry] | None:
        """The entries of a directory of this snapshot, or None if it has none with this oid."""
        record = self._directories.get(oid)
        return None if record is None else record.entries()


class Scanner:
    """Scans paths below one project."""

    def __init__(
        self,
        cache: StatCache,
        intake: Intake,
        *,
        ignore: Ignore | None = None,
        store_link: Callable[[bytes], Oid | None] = lambda target: None,
        progress: Progress = SILENT,
    ) -> None:
        self._cache = cache
        self._intake = intake
        self._ignore = ignore
        self._store_link = store_link
        self._progress = progress
        self._directories: dict[Oid, Record] = {}

    def scan(self, path: bytes, name: bytes) -> Snapshot | None:
        """The snapshot of the file or directory at the absolute `path`, called `name` in it; None if there is none."""
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        self._directories = {}
        with self._progress.task("hash", total=0) as task:
            root = self._scan_top(path, name, status, task)
        self._cache.flush()
        return Snapshot(root, self._directories)

    def _scan_top(self, path: bytes, name: bytes, status: os.stat_result, task: Task) -> Entry:
        if kind_of_mode(status.st_mode) is Kind.DIRECTORY:
            return self._directory(path, task).entry(name)
        return self._single(path, name, status, task)

    def _single(self, path: bytes, name: bytes, status: os.stat_result, task: Task) -> Entry:
        # A tracked file on its own is cached as if it were a directory of one: the same code, the same guarantees.
        slot = path + b"/"
        record = self._cache.get(slot)
        now = time.time_ns()
        known = record.by_name() if record else {}
        (entry,), (key,) = self._settle(path, [name], [status], known=known, now=now, task=task, own=True)
        size, files = totals([entry])
        self._cache.put(slot, make_record(entry.oid, [entry], [key], size=size, files=files))
        return entry

    def _directory(self, path: bytes, task: Task) -> Record:
        now = time.time_ns()
        names, statuses, subdirectories = self._list(path)
        below = {name: self._directory(path + b"/" + name, task) for name in subdirectories}
        keys = [
            stat_key(status) if status is not None else directory_key(below[name].oid)
            for name, status in zip(names, statuses, strict=True)
        ]
        record = self._cache.get(path)
        if record is None or record.fingerprint != fingerprint(keys, names) or self._lacks(record):
            record = self._read_again(path, names, statuses, below=below, old=record, now=now, task=task)
            self._cache.put(path, record)
        self._directories[record.oid] = record
        return record

    def _lacks(self, record: Record) -> bool:
        return bool(self._intake.lacking(record.oids))

    def _list(self, path: bytes) -> tuple[list[bytes], list[os.stat_result | None], list[bytes]]:
        """All names in order, the `lstat` of each that is no directory, and the names that are."""
        with os.scandir(path) as listing:
            found = sorted([(entry.name, entry) for entry in listing], key=_first)
        check = self._ignore if self._ignore is not None and self._ignore.applies_in(path) else None
        names: list[bytes] = []
        statuses: list[os.stat_result | None] = []
        subdirectories: list[bytes] = []
        for name, entry in found:
            is_directory = entry.is_dir(follow_symlinks=False)
            if name[:1] == b"." and is_temporary(name):
                continue
            if check is not None and check.ignores(path + b"/" + name, is_directory=is_directory):
                continue
            if is_directory:
                subdirectories.append(name)
                statuses.append(None)
            else:
                statuses.append(entry.stat(follow_symlinks=False))
            names.append(name)
        return names, statuses, subdirectories

    def _read_again(
        self,
        path: bytes,
        names: list[bytes],
        statuses: list[os.stat_result | None],
        *,
        below: dict[bytes, Record],
        old: Record | None,
        now: int,
        task: Task,
    ) -> Record:
        _refuse_bad_names(path, names)
        known = old.by_name() if old else {}
        entries, keys = self._settle(path, names, statuses, known=known, now=now, task=task, below=below)
        oid = write_directory(entries, self._intake.tree)
        size, files = totals(entries)
        return make_record(oid, entries, keys, size=size, files=files)

    def _settle(
        self,
        path: bytes,
        names: list[bytes],
        statuses: Sequence[os.stat_result | None],
        *,
        known: dict[bytes, tuple[bytes, Entry]],
        now: int,
        task: Task,
        below: dict[bytes, Record] | None = None,
        own: bool = False,
    ) -> tuple[list[Entry], list[bytes]]:
        """Entries and keys of all names: from `known` where nothing changed, from the disk elsewhere."""
        keys = [
            stat_key(status) if status is not None else directory_key((below or {})[name].oid)
            for name, status in zip(names, statuses, strict=True)
        ]
        entries = [
            self._known(name, key, known) if status is not None else (below or {})[name].entry(name)
            for name, status, key in zip(names, statuses, keys, strict=True)
        ]
        lacking = self._intake.lacking([entry.oid for entry in entries if entry is not None])
        unknown = [
            index
            for index, entry in enumerate(entries)
            if entry is None or (entry.oid in lacking and entry.kind is not Kind.DIRECTORY)
        ]
        files: list[tuple[int, Candidate]] = []
        for index in unknown:
            status = statuses[index]
            assert status is not None
            place = path if own else path + b"/" + names[index]
            if stat.S_ISREG(status.st_mode):
                files.append((index, Candidate(place, status)))
            else:
                entries[index] = self._link(place, names[index], status)
                if not is_settled(status, now):
                    keys[index] = UNTRUSTED
        if files:
            task.grow(sum([candidate.status.st_size for _, candidate in files]))
            taken = self._intake.files([candidate for _, candidate in files], task)
            for (index, _), (oid, status) in zip(files, taken, strict=True):
                kind = Kind.EXECUTABLE if status.st_mode & stat.S_IXUSR else Kind.FILE
                entries[index] = Entry(names[index], kind, oid, status.st_size)
                keys[index] = stat_key(status) if is_settled(status, now) else UNTRUSTED
        return [entry for entry in entries if entry is not None], keys

    def _known(self, name: bytes, key: bytes, known: dict[bytes, tuple[bytes, Entry]]) -> Entry | None:
        old = known.get(name)
        return old[1] if old is not None and old[0] == key else None

    def _link(self, path: bytes, name: bytes, status: os.stat_result) -> Entry:
        if not stat.S_ISLNK(status.st_mode):
            raise UsageError(
                f"{os.fsdecode(path)!r} is no file, directory or link",
                why=f"it is a {_special_kind(status.st_mode)}, which has no content to version",
                fix="move it elsewhere, or name it in .dverignore",
            )
        target = os.readlink(path)
        stored = self._store_link(target)
        if stored is not None:
            return Entry(name, Kind.FILE, stored, os.stat(path).st_size)
        return Entry(name, Kind.SYMLINK, self._intake.link(target), len(target))


def open_unchanged(
    candidate: Candidate, read: Callable[[int], Oid], *, identity: Callable[[os.stat_result], object] = stat_key
) -> Taken:
    """`read` an open file to its end, again if it changed meanwhile. Raises ConflictError if it never holds still.

    A file has changed if its `identity` has, which ought to leave out what `read` itself does to the file.
    """
    expected = candidate.status
    for _ in range(_TRIES):
        # O_NONBLOCK: had the file become a FIFO since it was listed, opening it would wait for ever.
        fd = os.open(candidate.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            oid = read(fd)
            status = os.fstat(fd)
        finally:
            os.close(fd)
        if identity(status) == identity(expected):
            return Taken(oid, status)
        expected = status
    raise ConflictError(
        f"{os.fsdecode(candidate.path)!r} keeps changing",
        why=f"it was written to during each of {_TRIES} tries to read it",
        fix="wait until the program that writes it is done",
    )


def _refuse_bad_names(path: bytes, names: list[bytes]) -> None:
    for name in names:
        if b"git" in name.lower() and (reason := forbidden_name(name)):
            raise UsageError(
                f"cannot track {os.fsdecode(path + b'/' + name)!r}",
                why=reason,
                fix="move it out of the data, or name it in .dverignore",
            )


def _special_kind(mode: int) -> str:
    names = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFBLK: "block device", stat.S_IFCHR: "device"}
    return names.get(stat.S_IFMT(mode), "special file")


def _first(pair: tuple[bytes, object]) -> bytes:
    return pair[0]
