"""Writing content into files: from frames and loose blobs to a staged file or directory."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dver.core.clock import would_show
from dver.core.crew import Crew, share
from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Task
from dver.formats.pack import Codec, ObjectKind
from dver.formats.tree import Entry, Kind
from dver.store.compare import join
from dver.store.frames import Found, FrameReader
from dver.store.loose import LinkMode
from dver.store.store import Store
from dver.worktree.filemaker import FileMaker, Made, Small, divide, make_small
from dver.worktree.statcache import Record, directory_key, key_fields, make_record

_WORTH_FORKING: Final = 256
"""Files from which on a crew is made at all."""
_WORTH_SHARING: Final = 64
"""Files in one folder from which on the crew gets a share: below, asking costs more than it saves."""


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
    crew: Crew
    lost: list[Lost] = field(default_factory=list)
    _records: list[tuple[bytes, Record, int]] = field(default_factory=list)
    """Stat cache records of the directories made: path, record, and when its last file was written, in ns."""

    def directory(self, staged: bytes, path: bytes, entry: Entry) -> bool:
        """Make the directory `entry` at `staged`, which will be called `path`. False if what is in it is not known:
        an empty directory would be taken for what was wanted."""
        try:
            entries = self.store.tree(entry.oid)
        except (MissingObjectError, CorruptError) as error:
            self.lost.append(Lost(path, entry, error))
            return False
        os.mkdir(staged)
        lost_before = len(self.lost)
        keys = self.files(staged, path, [one for one in entries if one.kind is not Kind.DIRECTORY])
        below = [one for one in entries if one.kind is Kind.DIRECTORY]
        for one in below:
            self.directory(staged + b"/" + one.name, join(path, one.name), one)
        if len(self.lost) == lost_before:
            self._remember(path, entry, entries, keys)
        return True

    def files(self, staged: bytes, path: bytes, entries: Sequence[Entry]) -> dict[bytes, bytes]:
        """Make files and links in the folder `staged`, each under its name. Returns the stat key of each."""
        small, rest = divide(self.store, entries)
        keys = self._note(path, FileMaker(self.store, self.mode, staged, self.task).make(rest)) if rest else {}
        parts = share(small, len(self.crew) + 1) if len(small) >= _WORTH_SHARING else [small]
        self.crew.begin([_job(self.store, staged, part) for part in parts[1:]])
        keys.update(self._note(path, make_small(self.store.read_all, parts[0], staged, self.task)))
        for answer in self.crew.answers(len(parts) - 1):
            keys.update(self._note(path, _made(answer)))
        self.task.advance(sum(one.found.raw_size for part in parts[1:] for one in part))
        return keys

    def take_records(self) -> list[tuple[bytes, Record]]:
        """The records, by path, of the directories made since the last call that can be trusted if they are moved into
        place now.

        Nobody can have reached the files yet. Once they are in place, a change within a tick of the clock after they
        were written would not show in their ctime: where that is possible, the directory is read again next time.
        """
        now = time.time_ns()
        settled = [(path, record) for path, record, newest in self._records if would_show(newest, now)]
        self._records.clear()
        return settled

    def _note(self, path: bytes, made: Made) -> dict[bytes, bytes]:
        self.lost += [Lost(join(path, entry.name), entry, failure) for entry, failure in made.failures]
        return made.keys

    def _remember(self, path: bytes, entry: Entry, entries: Sequence[Entry], keys: dict[bytes, bytes]) -> None:
        all_keys = [directory_key(one.oid) if one.kind is Kind.DIRECTORY else keys[one.name] for one in entries]
        record = make_record(entry.oid, entries, all_keys, size=entry.size, files=entry.files)
        newest = max((key_fields(key).ctime for key in keys.values()), default=0)
        self._records.append((path, record, newest))


def make_crew(*, files: int) -> Crew:
    """Processes that help to make `files` files: none where they are few."""
    return Crew(_Maker, size=None if files >= _WORTH_FORKING else 1)


class _Maker:
    """A member of the crew: makes its share of a folder's files.

    It is told where everything lies: SQLite must not be used in a process that was forked while a database was open.
    """

    def __init__(self) -> None:
        self._packs: dict[int, tuple[Oid, Path]] = {}
        self._frames = FrameReader(lambda number: self._packs[number])

    def do(self, job: _Job) -> _Answer:
        """See `Worker`."""
        staged, packs, small = job
        self._packs.update({number: (Oid(name), Path(os.fsdecode(path))) for number, name, path in packs})
        with SILENT.task("checkout") as task:
            made = make_small(self._frames.contents, [_small(flat) for flat in small], staged, task)
        failures = [(_flat(entry), isinstance(e, CorruptError), e.what, e.why, e.fix) for entry, e in made.failures]
        return list(made.keys.items()), failures

    def finish(self) -> None:
        """See `Worker`."""


_FlatEntry = tuple[bytes, int, bytes, int, int]
_FlatSmall = tuple[int, int, bytes, int, int, int, int, list[_FlatEntry]]
_Job = tuple[bytes, list[tuple[int, bytes, bytes]], list[_FlatSmall]]
_Answer = tuple[list[tuple[bytes, bytes]], list[tuple[_FlatEntry, bool, str, str | None, str | None]]]


def _job(store: Store, staged: bytes, small: Sequence[Small]) -> _Job:
    numbers = {one.found.pack for one in small}
    packs = [(number, bytes(store.pack_name(number)), os.fsencode(store.pack_path(number))) for number in numbers]
    return staged, packs, [_flat_small(one) for one in small]


def _flat_small(small: Small) -> _FlatSmall:
    number, offset, oid, kind, codec, raw_size, stored_size = small.found
    entries = [_flat(entry) for entry in small.entries]
    return number, offset, bytes(oid), int(kind), int(codec), raw_size, stored_size, entries


def _small(flat: _FlatSmall) -> Small:
    number, offset, oid, kind, codec, raw_size, stored_size, entries = flat
    found = Found(number, offset, Oid(oid), ObjectKind(kind), Codec(codec), raw_size, stored_size)
    return Small(found, [_entry(entry) for entry in entries])


def _flat(entry: Entry) -> _FlatEntry:
    return entry.name, int(entry.kind), bytes(entry.oid), entry.size, entry.files


def _entry(flat: _FlatEntry) -> Entry:
    name, kind, oid, size, files = flat
    return Entry(name, Kind(kind), Oid(oid), size, files)


def _made(answer: _Answer) -> Made:
    keys, failures = answer
    made = Made(dict(keys))
    for flat, corrupt, what, why, fix in failures:
        made.failures.append((_entry(flat), (CorruptError if corrupt else MissingObjectError)(what, why=why, fix=fix)))
    return made
