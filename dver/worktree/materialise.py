"""Writing content into files: from frames and loose blobs to a staged file or directory."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from dver.core.clock import would_show
from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.progress import Task
from dver.formats.tree import Entry, Kind
from dver.store.compare import join
from dver.store.loose import LinkMode
from dver.store.store import Store
from dver.worktree.filemaker import FileMaker
from dver.worktree.statcache import Record, directory_key, key_fields, make_record


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
        made = FileMaker(self.store, self.mode, staged, self.task).make(entries)
        self.lost += [Lost(join(path, entry.name), entry, failure) for entry, failure in made.failures]
        return made.keys

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

    def _remember(self, path: bytes, entry: Entry, entries: Sequence[Entry], keys: dict[bytes, bytes]) -> None:
        all_keys = [directory_key(one.oid) if one.kind is Kind.DIRECTORY else keys[one.name] for one in entries]
        record = make_record(entry.oid, entries, all_keys, size=entry.size, files=entry.files)
        newest = max((key_fields(key).ctime for key in keys.values()), default=0)
        self._records.append((path, record, newest))
