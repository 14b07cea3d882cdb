"""Writing content into files: from frames and loose blobs to a staged file or directory."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dver.core.clock import TICK_NS, would_show
from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.progress import Task
from dver.formats.tree import Entry, Kind
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.trees.compare import join
from dver.workspace.files.file_writer import FileMaker
from dver.workspace.scan.stat_cache import Record, directory_key, key_fields, make_record

_WORTH_A_TICK: Final = 16 << 20
"""Bytes that take longer to hash again than the clock takes to move on."""


class _Made(NamedTuple):
    """A directory that was made: its record, when its last file was written, in ns, and the bytes of its own files."""

    path: bytes
    record: Record
    newest: int
    own_size: int


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
    _made: list[_Made] = field(default_factory=list)

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
        were written would not show in their ctime: where that is possible, the directory is read again next time. That
        may be much to read, so for large files the tick is waited for.
        """
        now = time.time_ns()
        if any(made.own_size >= _WORTH_A_TICK and not would_show(made.newest, now) for made in self._made):
            time.sleep(2 * TICK_NS / 1e9)
            now = time.time_ns()
        settled = [(made.path, made.record) for made in self._made if would_show(made.newest, now)]
        self._made.clear()
        return settled

    def _remember(self, path: bytes, entry: Entry, entries: Sequence[Entry], keys: dict[bytes, bytes]) -> None:
        all_keys = [directory_key(one.oid) if one.kind is Kind.DIRECTORY else keys[one.name] for one in entries]
        record = make_record(entry.oid, entries, all_keys, size=entry.size, files=entry.files)
        newest = max((key_fields(key).ctime for key in keys.values()), default=0)
        own_size = sum([one.size for one in entries if one.kind is not Kind.DIRECTORY])
        self._made.append(_Made(path, record, newest, own_size))
