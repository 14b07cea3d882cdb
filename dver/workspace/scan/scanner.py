"""Scans of the workspace: its files and their oids. Only files unknown to the stat cache are hashed."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Protocol

from dver.core.errors import UsageError
from dver.core.files import is_temporary
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats.tree import Entry, Kind, forbidden_name, is_suspicious, totals, write_directory
from dver.workspace.scan.ignore import IgnoreRules
from dver.workspace.scan.stable_read import FileToRead, HashedFile, changing
from dver.workspace.scan.stat_cache import (
    UNTRUSTED,
    DirectoryRecord,
    FileStates,
    StatCache,
    directory_key,
    fingerprint,
    is_settled,
    key_fields,
    kind_of_mode,
    make_record,
    stat_key,
)
from dver.workspace.state.store_links import StoreLink, StoreLinks, content_status, dangling, edited

_CHANGED: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
"""Errors for a path that was replaced or deleted after its directory was listed."""


class Intake(Protocol):
    """The use of content that is new to a scan: see `hash_or_store`."""

    def files(self, candidates: Sequence[FileToRead], task: Task) -> list[HashedFile]:
        """Read regular files. Returns their oids in the same order."""

    def linked(self, candidate: FileToRead, task: Task) -> HashedFile:
        """Hash the file of a store that a link in the workspace leads to."""

    def link(self, target: bytes) -> Oid:
        """Process a symbolic link's target text."""

    def tree(self, oid: Oid, content: bytes) -> None:
        """Process an encoded tree object."""

    def missing(self, oids: Callable[[], Iterable[Oid]]) -> set[Oid]:
        """The `oids` whose content is needed although the stat cache knows the files.

        The stat cache knows the content of a file, but not whether the store has it. The result is empty for an intake
        that stores nothing.
        """


class Snapshot:
    """The result of a scan. `tree` returns any directory below `root`, stored or not.

    `foreign` are links into a store other than the one in use. `states` are digests by the name of each requested file
    and directory; they change with any write to a file there, even of the same content.
    """

    def __init__(
        self,
        root: Entry,
        directories: dict[Oid, DirectoryRecord],
        states: Mapping[bytes, bytes],
        foreign: Sequence[StoreLink] = (),
    ) -> None:
        self.root = root
        self.states = states
        self.foreign = foreign
        self._directories = directories

    def tree(self, oid: Oid) -> Sequence[Entry] | None:
        """The entries of a directory of this snapshot; None if no directory has this oid."""
        record = self._directories.get(oid)
        return None if record is None else record.entries()


@dataclass(frozen=True, slots=True)
class _Folder:
    """A directory during a scan: its names in order, their keys, and the records of its subdirectories."""

    path: bytes
    names: list[bytes]
    keys: list[bytes]
    below: Mapping[bytes, DirectoryRecord]
    now: int
    """The time of the listing, in ns."""
    lag: Callable[[], int]
    """How far the clock of the disk is behind, in ns."""

    def settle(self, at: int, key: bytes) -> None:
        """Trust the name number `at`, read with `key`, if a later change would show in its ctime."""
        self.keys[at] = key if is_settled(key, self.now - self.lag()) else UNTRUSTED


class Scanner:
    """Scans paths of one project."""

    def __init__(
        self,
        cache: StatCache,
        intake: Intake,
        *,
        ignore: IgnoreRules | None = None,
        links: StoreLinks | None = None,
        ctimes: bool = True,
        lag: Callable[[], int] = lambda: 0,
        progress: Progress = SILENT,
    ) -> None:
        self._cache = cache
        self._intake = intake
        self._ignore = ignore
        self._links = links
        self._lag = lag
        """See `dver.core.clock.disk_lag`; asked once something was read."""
        self._progress = progress
        self._linked: dict[bytes, StoreLink] = {}
        self._directories: dict[Oid, DirectoryRecord] = {}
        self._ctimes = ctimes
        """Whether the states of files have their ctimes."""
        self._states = FileStates()

    def scan(self, path: bytes, name: bytes) -> Snapshot | None:
        """The snapshot of the file or directory at the absolute `path`, named `name`; None if it is missing."""
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return self._snapshot(lambda task: self._scan_top(path, name, status, task))

    def scan_names(self, folder: bytes, names: Sequence[bytes]) -> Snapshot | None:
        """The snapshot of a directory with only the existing `names` of the absolute `folder`; None if it is missing.

        Ignored files count: they were asked for by name.
        """
        if not os.path.isdir(folder):
            return None
        return self._snapshot(lambda task: self._scan_names(folder, names, task))

    def _snapshot(self, scan: Callable[[Task], Entry]) -> Snapshot:
        self._directories, self._linked, self._states = {}, {}, FileStates(ctimes=self._ctimes)
        try:
            with self._progress.task("hash", total=0) as task:
                root = scan(task)
        except OSError as error:
            if error.errno in _CHANGED and isinstance(error.filename, (str, bytes)):
                raise changing(os.fsdecode(error.filename)) from error
            raise
        self._cache.flush()
        foreign = [link for link in self._linked.values() if self._links and not self._links.is_current(link)]
        return Snapshot(root, self._directories, self._states.digests(), foreign)

    def _scan_names(self, path: bytes, names: Sequence[bytes], task: Task) -> Entry:
        now = time.time_ns()
        found: list[bytes] = []
        keys: list[bytes] = []
        below: dict[bytes, DirectoryRecord] = {}
        known: dict[bytes, tuple[bytes, Entry]] = {}
        for name in sorted(names):
            with suppress(FileNotFoundError):
                status = os.lstat(path + b"/" + name)
                self._states.begin(name)
                if stat.S_ISDIR(status.st_mode):
                    below[name] = self._directory(path + b"/" + name, task)
                    keys.append(directory_key(below[name].oid))
                else:
                    known.update(self._cache.known(_slot(path + b"/" + name)))
                    keys.append(self._key(path + b"/" + name, status))
                    self._states.note(keys[-1:], [name])
                found.append(name)
        record = self._read_again(_Folder(path, found, keys, below, now, self._lag), known, task)
        self._directories[record.oid] = record
        for name, (key, entry) in record.by_name().items():
            if name not in below and known.get(name) != (key, entry):
                single = make_record(entry.oid, [entry], [key], size=entry.size, files=1)
                self._cache.put(_slot(path + b"/" + name), single)
        return record.entry(os.path.basename(path))

    def _scan_top(self, path: bytes, name: bytes, status: os.stat_result, task: Task) -> Entry:
        self._states.begin(name)
        if kind_of_mode(status.st_mode) is Kind.DIRECTORY:
            return self._directory(path, task).entry(name)
        return self._single(path, name, status, task)

    def _single(self, path: bytes, name: bytes, status: os.stat_result, task: Task) -> Entry:
        folder = _Folder(os.path.dirname(path), [name], [self._key(path, status)], {}, time.time_ns(), self._lag)
        self._states.note(folder.keys, folder.names)
        record = self._read_again(folder, self._cache.known(_slot(path)), task, as_directory=False)
        self._cache.put(_slot(path), record)
        (entry,) = record.entries()
        return entry

    def _directory(self, path: bytes, task: Task) -> DirectoryRecord:
        now = time.time_ns()
        names, keys, subdirectories = self._list(path)
        below = {name: self._directory(path + b"/" + name, task) for name in subdirectories}
        left_out = {name for name, one in below.items() if one.files == 0 and self._ignores_empty(path + b"/" + name)}
        if left_out:
            keys = [key for name, key in zip(names, keys, strict=True) if name not in left_out]
            names = [name for name in names if name not in left_out]
        self._states.note(keys, names)
        folder = _Folder(
            path,
            names,
            [key or directory_key(below[names[at]].oid) for at, key in enumerate(keys)],
            below,
            now,
            self._lag,
        )
        record = self._cache.get(path)
        if record is None or record.fingerprint != fingerprint(folder.keys, names) or self._lacks(record):
            record = self._read_again(folder, record.by_name() if record is not None else {}, task)
            self._cache.put(path, record)
        self._directories[record.oid] = record
        return record

    def _ignores_empty(self, path: bytes) -> bool:
        return self._ignore is not None and self._ignore.ignores_empty(path)

    def _lacks(self, record: DirectoryRecord) -> bool:
        return bool(self._intake.missing(record.oids))

    def _list(self, path: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """All names in order, the keys of files (directories have an empty key), and the names of directories."""
        with os.scandir(path) as listing:
            found = sorted([(entry.name, entry) for entry in listing], key=itemgetter(0))
        check = self._ignore if self._ignore is not None and self._ignore.applies_in(path) else None
        names: list[bytes] = []
        keys: list[bytes] = []
        subdirectories: list[bytes] = []
        for name, entry in found:
            is_directory = entry.is_dir(follow_symlinks=False)
            if name[:1] == b"." and is_temporary(name):
                continue
            if check is not None and check.ignores(path + b"/" + name, is_directory=is_directory):
                continue
            with suppress(FileNotFoundError):  # gone since it was listed
                status = entry.stat(follow_symlinks=False)
                keys.append(b"" if is_directory else self._key(path + b"/" + name, status))
                names.append(name)
                if is_directory:
                    subdirectories.append(name)
        return names, keys, subdirectories

    def _key(self, path: bytes, status: os.stat_result) -> bytes:
        """The stat key of a path; for a link into a store, the key of the file behind it."""
        link = self._links.at(path, status) if self._links is not None else None
        if link is not None:
            self._linked[path] = link
            if (behind := content_status(link)) is not None:
                return stat_key(behind)
        return stat_key(status)

    def _read_again(
        self, folder: _Folder, old: Mapping[bytes, tuple[bytes, Entry]], task: Task, *, as_directory: bool = True
    ) -> DirectoryRecord:
        """The new record of a directory that may differ from the keys and entries of `old`."""
        _refuse_bad_names(folder)
        found = self._known(folder, old)
        missing = self._intake.missing(lambda: [entry.oid for entry in found if entry is not None])
        unknown = [
            at
            for at, entry in enumerate(found)
            if entry is None or (entry.oid in missing and entry.kind is not Kind.DIRECTORY)
        ]
        self._read_links(folder, found, unknown)
        self._read_linked(folder, found, unknown, task)
        self._read_files(folder, found, unknown, task)
        entries = [entry for entry in found if entry is not None]
        size, files = totals(entries)
        oid = write_directory(entries, self._intake.tree) if as_directory else entries[0].oid
        return make_record(oid, entries, folder.keys, size=size, files=files)

    def _known(self, folder: _Folder, known: Mapping[bytes, tuple[bytes, Entry]]) -> list[Entry | None]:
        """The entries of scanned directories and of unchanged files."""
        entries: list[Entry | None] = []
        for name, key in zip(folder.names, folder.keys, strict=True):
            if name in folder.below:
                entries.append(folder.below[name].entry(name))
            else:
                old = known.get(name)
                entries.append(old[1] if old is not None and old[0] == key else None)
        return entries

    def _read_links(self, folder: _Folder, found: list[Entry | None], unknown: Sequence[int]) -> None:
        for at in unknown:
            fields = key_fields(folder.keys[at])
            if not stat.S_ISREG(fields.mode):
                found[at] = self._link(_path(folder, at), folder.names[at], fields.mode)
                folder.settle(at, folder.keys[at])

    def _read_linked(self, folder: _Folder, found: list[Entry | None], unknown: Sequence[int], task: Task) -> None:
        """Process links into a store by the content behind them, whatever the blob's name says."""
        for at in unknown:
            link = self._linked.get(_path(folder, at))
            if link is None or not stat.S_ISREG(key_fields(folder.keys[at]).mode):
                continue
            candidate = FileToRead(link.target, folder.keys[at])
            task.grow(key_fields(candidate.key).size)
            hashed = self._intake.linked(candidate, task)
            hashed = self._stored(link, hashed, task)
            found[at] = _entry(folder.names[at], hashed)
            folder.settle(at, hashed.key)

    def _stored(self, link: StoreLink, hashed: HashedFile, task: Task) -> HashedFile:
        """Store the content behind `link` in the store in use, if the intake stores content."""
        if not self._intake.missing(lambda: [hashed.oid]):
            return hashed
        if self._links is not None and self._links.is_current(link) and hashed.oid != link.oid:
            raise edited(link.path)
        (hashed,) = self._intake.files([FileToRead(link.target, hashed.key)], task)
        return hashed

    def _read_files(self, folder: _Folder, found: list[Entry | None], unknown: Sequence[int], task: Task) -> None:
        places = [
            at
            for at in unknown
            if stat.S_ISREG(key_fields(folder.keys[at]).mode) and _path(folder, at) not in self._linked
        ]
        if not places:
            return
        task.grow(sum([key_fields(folder.keys[at]).size for at in places]))
        candidates = [FileToRead(_path(folder, at), folder.keys[at]) for at in places]
        for at, hashed in zip(places, self._intake.files(candidates, task), strict=True):
            found[at] = _entry(folder.names[at], hashed)
            folder.settle(at, hashed.key)

    def _link(self, path: bytes, name: bytes, mode: int) -> Entry:
        if not stat.S_ISLNK(mode):
            raise UsageError(
                f"{os.fsdecode(path)!r} is no file, directory or link",
                why=f"it is a {_special_kind(mode)}, which has no content to version",
                fix="move it elsewhere, or name it in .dverignore",
            )
        target = os.readlink(path)
        link = self._linked.get(path)
        if link is not None and self._links is not None:
            if (size := self._links.size(link.oid)) is not None:
                return Entry(name, Kind.FILE, link.oid, size)
            if self._intake.missing(lambda: [link.oid]):
                raise dangling(link)
        return Entry(name, Kind.SYMLINK, self._intake.link(target), len(target))


def _entry(name: bytes, hashed: HashedFile) -> Entry:
    mode, size, *_ = key_fields(hashed.key)
    return Entry(name, Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE, hashed.oid, size)


def _path(folder: _Folder, at: int) -> bytes:
    return folder.path + b"/" + folder.names[at]


def _slot(path: bytes) -> bytes:
    """The cache path of a single file's record, which has the form of a directory with one file."""
    return path + b"/"


def _refuse_bad_names(folder: _Folder) -> None:
    for name in folder.names:
        if is_suspicious(name) and (reason := forbidden_name(name)):
            raise UsageError(
                f"cannot track {os.fsdecode(folder.path + b'/' + name)!r}",
                why=reason,
                fix="move it out of the data, or name it in .dverignore",
            )


def _special_kind(mode: int) -> str:
    names = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFBLK: "block device", stat.S_IFCHR: "device"}
    return names.get(stat.S_IFMT(mode), "special file")
