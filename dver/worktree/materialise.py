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
from dver.formats.tree import Entry, Kind
from dver.store.compare import join
from dver.store.database import Database
from dver.store.loose import LinkMode
from dver.store.store import Store
from dver.worktree.filemaker import FileMaker, Made
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
        if len(entries) < _WORTH_SHARING or not len(self.crew):
            return self._note(path, FileMaker(self.store, self.mode, staged, self.task).make(entries))
        own, *others = share(entries, len(self.crew) + 1)
        self.crew.begin([(staged, [_flat(entry) for entry in part]) for part in others])
        keys = self._note(path, FileMaker(self.store, self.mode, staged, self.task).make(own))
        for answer, part in zip(self.crew.answers(len(others)), others, strict=True):
            keys.update(self._note(path, _made(answer)))
            self.task.advance(sum(entry.size for entry in part))
        return keys

    def _note(self, path: bytes, made: Made) -> dict[bytes, bytes]:
        self.lost += [Lost(join(path, entry.name), entry, failure) for entry, failure in made.failures]
        return made.keys

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
    return [(path, record) for path, record, newest in materialiser.records if would_show(newest, now)]


def make_crew(store: Store, mode: LinkMode, *, files: int) -> Crew:
    """Processes that help to make `files` files: none where they are few."""
    root, database = store.root, store.database.path
    return Crew(lambda: _Maker(root, database, mode), size=None if files >= _WORTH_FORKING else 1)


class _Maker:
    """A member of the crew: makes its share of a folder's files."""

    def __init__(self, root: Path, database: Path, mode: LinkMode) -> None:
        self._store = Store(root, Database(database))
        self._mode = mode

    def do(self, job: tuple[bytes, list[_Flat]]) -> _Answer:
        """See `Worker`."""
        staged, entries = job
        with SILENT.task("checkout") as task:
            made = FileMaker(self._store, self._mode, staged, task).make([_entry(flat) for flat in entries])
        failures = [(_flat(entry), isinstance(e, CorruptError), e.what, e.why, e.fix) for entry, e in made.failures]
        return list(made.keys.items()), failures

    def finish(self) -> None:
        """See `Worker`."""


_Flat = tuple[bytes, int, bytes, int, int]
_Answer = tuple[list[tuple[bytes, bytes]], list[tuple[_Flat, bool, str, str | None, str | None]]]


def _flat(entry: Entry) -> _Flat:
    return entry.name, int(entry.kind), bytes(entry.oid), entry.size, entry.files


def _entry(flat: _Flat) -> Entry:
    name, kind, oid, size, files = flat
    return Entry(name, Kind(kind), Oid(oid), size, files)


def _made(answer: _Answer) -> Made:
    keys, failures = answer
    made = Made(dict(keys))
    for flat, corrupt, what, why, fix in failures:
        made.failures.append((_entry(flat), (CorruptError if corrupt else MissingObjectError)(what, why=why, fix=fix)))
    return made
