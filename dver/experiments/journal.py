"""The journals of a clone: the records of its experiments and of those that it fetched (docs/format/experiment.md)."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from dver.core.errors import CorruptError, RepositoryError
from dver.core.files import write_atomic
from dver.core.platform.machine import host_name
from dver.core.worktree_lock import locked
from dver.experiments.entries import write_each_entry
from dver.experiments.record_cache import RecordCache
from dver.formats.experiment import MAX_SIZE, Experiment, ExperimentStatus, decode_entry, is_tombstone
from dver.git.git_repo import CommitId, run
from dver.git.journal import journal_tips, move_ref, read_entries, read_entry_file, write_blobs
from dver.repo import Repository

PREFIX: Final = "refs/dver/experiments/"
LOCAL: Final = f"{PREFIX}local/"
"""The journals that this clone appends to: `LOCAL` and the writer."""
REMOTES: Final = f"{PREFIX}remotes/"
"""What Git remotes have: `REMOTES`, the name of the remote, `/` and the writer."""
FOLDER: Final = "experiments"
"""The directory below `.git/dver` for the cache, leases and logs."""

WRITER_DIGITS: Final = 16
"""The digits of a writer, and the last digits of the ids of its experiments."""

Change = Callable[[Experiment], Experiment | None]
"""Makes a new record from the current one; None leaves it as it is."""


class Journal:
    """The records of all experiments that this clone knows. `close` it."""

    def __init__(self, repo: Repository) -> None:
        self._git = repo.git
        self.directory = repo.layout.clone_dir / FOLDER
        """The directory for files about experiments."""
        self._own_digits: str | None = None
        self.problems: dict[str, CorruptError] = {}
        """The journals of others that cannot be read, or not to the end, by ref."""

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the cache."""
        if "_cache" in self.__dict__:
            self.__dict__.pop("_cache").close()

    # -- reading

    def all(self) -> list[Experiment]:
        """The experiments that are not removed, by their time of creation."""
        return self._current().all()

    def removed(self) -> list[Experiment]:
        """The removed experiments, by their time of creation."""
        return self._current().all(removed=True)

    def with_status(self, status: ExperimentStatus) -> list[Experiment]:
        """The experiments with a status that are not removed, by their time of creation."""
        return self._current().with_status(status)

    def own_ids_with_status(self, status: ExperimentStatus) -> list[str]:
        """The ids of the experiments with a status that this clone made, by their time of creation."""
        return [one for one in self._current().ids_with_status(status) if self._is_own_id(one)]

    def get(self, experiment: str) -> Experiment | None:
        """The current record of the experiment with an id, removed or not."""
        return self._current().get(experiment)

    def names(self) -> set[str]:
        """The names of all experiments, also of removed ones."""
        return self._current().names()

    def log_tail(self, experiment: str) -> bytes | None:
        """The end of the log of an experiment, as its journal has it."""
        name = f"{experiment}.log"
        entry = self._current().entry_of(experiment)
        if entry is None:
            return None
        found = read_entry_file(self._git, entry, name)
        if found is None:  # a later entry renamed it
            args = ["log", "-1", "--first-parent", "-m", "--diff-filter=A", "--format=%H", f"--glob={PREFIX}*"]
            first = run(self._git, [*args, "--", name]).decode().strip()
            found = read_entry_file(self._git, CommitId(first), name) if first else None
        return found

    def is_own(self, experiment: Experiment) -> bool:
        """Whether this clone made the experiment."""
        return self._is_own_id(experiment.id)

    def commit_facts(self, commits: Sequence[str]) -> dict[str, bytes]:
        """What is known of commits from `keep_commit_facts`, for those of `commits` that are known."""
        with suppress(sqlite3.DatabaseError):
            return self._cache.commit_facts(commits)
        return {}

    def keep_commit_facts(self, facts: Mapping[str, bytes]) -> None:
        """Keep what was read of commits, by commit."""
        with suppress(sqlite3.DatabaseError), self._cache.writing():
            self._cache.put_commit_facts(facts)

    # -- writing

    @cached_property
    def writer(self) -> str:
        """The name of this clone in journals: 16 hexadecimal digits. A copy of a clone gets a name of its own."""
        with locked(self.directory / "journal.lock"):
            known = self._known_writer()
            if known is None:
                known = os.urandom(WRITER_DIGITS // 2).hex()
                write_atomic(self._writer_file, f"{known} {self._mark}\n".encode())
        return known

    @property
    def _writer_file(self) -> Path:
        return self.directory / "writer"

    @property
    def _mark(self) -> str:
        """What a copy of this clone does not have."""
        return f"{os.stat(self._git.common_dir).st_ino} {host_name()}"

    def _known_writer(self) -> str | None:
        """The name of this clone; None if it has none yet."""
        try:
            writer, _, mark = self._writer_file.read_text("utf-8", "replace").strip().partition(" ")
        except FileNotFoundError:
            return None
        is_valid = len(writer) == WRITER_DIGITS and not writer.strip("0123456789abcdef")
        return writer if is_valid and mark == self._mark else None

    def _is_own_id(self, experiment: str) -> bool:
        """Whether this clone made the experiment with an id. Reading works where nothing can be written."""
        if self._own_digits is None:
            self._own_digits = self._known_writer()
        return self._own_digits is not None and experiment[-WRITER_DIGITS:] == self._own_digits

    def new_id(self) -> str:
        """An id for a new experiment of this clone: a random number, and the writer."""
        return os.urandom(16 - WRITER_DIGITS // 2).hex() + self.writer

    def record(self, records: Iterable[Experiment], *, logs: Mapping[str, bytes] | None = None) -> None:
        """Append records of new experiments, with the ends of their `logs` by id.

        A process that is killed meanwhile leaves all records or none.
        """
        self._append(list(records), logs or {})

    def update(
        self, experiments: Sequence[str], change: Change, *, logs: Mapping[str, bytes] | None = None
    ) -> list[Experiment]:
        """Append what `change` makes of the current records with the ids `experiments`; returns the new records.

        No other process of this clone can change them meanwhile.
        """
        with self.locked():
            cache = self._current()
            current = [found for one in experiments if (found := cache.get(one)) is not None]
            changed = [(old, new) for old in current if (new := change(old)) is not None]
            fresh = [replace(new, updated=max(time.time_ns(), old.updated + 1)) for old, new in changed]
            # A compaction may have dropped the commit of a removed experiment from the journal.
            kept = {
                new.id
                for (old, _), new in zip(changed, fresh, strict=True)
                if old.commit == new.commit and (new.removed or not old.removed)
            }
            self._append_locked(fresh, logs or {}, kept=kept)
        return fresh

    def _append(self, records: Sequence[Experiment], logs: Mapping[str, bytes]) -> None:
        with self.locked():
            self._append_locked(records, logs, kept=frozenset())

    def _append_locked(self, records: Sequence[Experiment], logs: Mapping[str, bytes], *, kept: Iterable[str]) -> None:
        """Append entries. The commits of the experiments in `kept` are in the journal already."""
        if not records:
            return
        ref, known, cache = LOCAL + self.writer, frozenset(kept), self._current()
        before = cache.tips().get(ref)
        # The first record of an experiment that another clone made keeps its commit, too.
        keeps = {one.id: [one.commit] for one in records if one.id not in known or not self.is_own(one)}
        blobs = write_blobs(self._git, {one.id: logs[one.id] for one in records if one.id in logs})
        written = list(write_each_entry(self._git, before, records, keeps=keeps, logs=blobs))
        last = written[-1][0]
        move_ref(self._git, ref, last, before=before)
        # A cache that cannot be written starts again in memory, and reads the journals when it is next used.
        with suppress(sqlite3.DatabaseError), cache.writing():
            if (tips := cache.tips()).get(ref) == before:
                for entry, batch in written:
                    cache.put(self.writer, entry, batch)
                cache.set_tips({**tips, ref: last})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No process of this clone appends to its journals while the block runs."""
        _ = self.writer
        with locked(self.directory / "journal.lock"):
            yield

    # -- the cache

    @cached_property
    def _cache(self) -> RecordCache:
        return RecordCache(self.directory / "records.db")

    def _current(self) -> RecordCache:
        """The cache, with all entries of all journals."""
        cache, tips = self._cache, journal_tips(self._git, PREFIX)
        try:
            known = cache.tips()
            if known != tips:
                self._refresh(cache, known, tips)
        except sqlite3.DatabaseError:  # a corrupt file: go on in memory
            self._refresh(cache, {}, tips)
        return cache

    def _refresh(self, cache: RecordCache, known: Mapping[str, CommitId], tips: Mapping[str, CommitId]) -> None:
        with cache.writing():
            known = cache.tips()  # another process may have written meanwhile, or the cache is in memory by now
            if not all(ref in tips and self._is_continued(since, tips[ref]) for ref, since in known.items()):
                cache.clear()  # a journal was rewritten or deleted
                known = {}
            own_first = sorted(tips.items(), key=lambda item: not item[0].startswith(LOCAL))
            read = {ref: self._read(cache, ref, tip, known.get(ref)) for ref, tip in own_first}
            cache.set_tips({ref: tip for ref, tip in read.items() if tip is not None})

    def _read(self, cache: RecordCache, ref: str, tip: CommitId, since: CommitId | None) -> CommitId | None:
        """Read the entries of a journal after `since` into the cache. Returns the last one that could be read.

        A newer dver may have written the rest, which is read after an upgrade.
        """
        last, writer = since, ref.rpartition("/")[2]
        try:
            for entry, message in read_entries(self._git, tip, largest=MAX_SIZE, since=since) if tip != since else ():
                records = decode_entry(message)
                cache.put(writer, entry, records if ref.startswith(LOCAL) else self._accepted(cache, records))
                last = entry
        except CorruptError as error:
            if ref.startswith(LOCAL):
                raise
            self.problems[ref] = error
        return last

    def _accepted(self, cache: RecordCache, records: Iterable[Experiment]) -> Iterator[Experiment]:
        """What counts of the records of another clone: it cannot queue tasks here, nor change more than the name, the
        message and the removal of an experiment of this clone. So nothing that was fetched is ever run."""
        for one in records:
            own = cache.get(one.id) if self._is_own_id(one.id) else None
            if own is not None and not is_tombstone(own):
                yield replace(own, name=one.name, message=one.message, removed=one.removed, updated=one.updated)
            elif one.status.is_final:
                # Of an own experiment, a gc may have left a tombstone, and a colleague restored it.
                yield one if own is None else replace(one, task={})

    def _is_continued(self, since: CommitId, tip: CommitId) -> bool:
        if since == tip:
            return True
        try:
            run(self._git, ["merge-base", "--is-ancestor", since, tip])
        except RepositoryError:  # no ancestor, or Git's gc has deleted it since the journal was rewritten
            return False
        return True
