"""Writing tracked content into staged files and directories."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dver.core.clock import TICK_NS, would_show
from dver.core.display import Displayed
from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.progress import Task
from dver.formats.tree import Entry, Kind
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.trees.compare import join
from dver.workspace.files.file_writer import FileWriter
from dver.workspace.scan.stat_cache import DirectoryRecord, directory_key, key_fields, make_record

_WORTH_A_TICK: Final = 16 << 20
"""Bytes that take longer to hash than one tick of the clock."""


class _Made(NamedTuple):
    """A directory that was written: its record, the time of its last file in ns, and the bytes of its own files."""

    path: bytes
    record: DirectoryRecord
    newest: int
    own_size: int


@dataclass(frozen=True, slots=True, repr=False)
class LostFile(Displayed):
    """A file whose content is missing or damaged, and why. `path` is relative to the root of the checkout."""

    path: bytes
    entry: Entry
    error: DverError


@dataclass(slots=True)
class ContentWriter:
    """Writes files from objects. Failures are listed in `lost`, and the rest goes on."""

    store: Store
    mode: LinkMode
    task: Task
    lost: list[LostFile] = field(default_factory=list)
    _made: list[_Made] = field(default_factory=list)

    def directory(self, staged: bytes, path: bytes, entry: Entry) -> bool:
        """Write the directory `entry` to `staged`, to be renamed to `path`.

        False if its listing is unknown: an empty directory would look like a complete one.
        """
        try:
            entries = self.store.tree(entry.oid)
        except (MissingObjectError, CorruptError) as error:
            self.lost.append(LostFile(path, entry, error))
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
        """Write files and links into the directory `staged`, each under its name. Returns their stat keys."""
        made = FileWriter(self.store, self.mode, staged, self.task).make(entries)
        self.lost += [LostFile(join(path, entry.name), entry, failure) for entry, failure in made.failures]
        return made.keys

    def pop_records(self) -> list[tuple[bytes, DirectoryRecord]]:
        """The records of directories written since the last call, by path, to be trusted once they are renamed.

        No other process has reached the files yet. Once they are in place, a change within the same tick of the clock
        would not show in their ctime. Such a directory is read again next time. For large files that takes longer than
        waiting for the tick, so this method waits.
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
