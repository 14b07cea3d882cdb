"""The run cache: lock entries and run records by run key (docs/format/run.md)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, CorruptError
from dver.core.files import write_atomic
from dver.core.oid import Oid
from dver.formats import lock, run_record
from dver.formats.run_batch import Run
from dver.formats.run_record import RunRecord
from dver.pipelines.engine.reasons import run_key
from dver.repo import Repository

_NAME = "run"
_KEY_LENGTH = 64
_BY_CONTENT: Final = "of-data"
"""The directory with a file for each entry that describes data: its name is the content's oid, a dash and the key."""
_DESCRIBES: Final = re.compile(r"dver (?:profile|check [^ ]+) [^ ]+ [^ ]+")
DATA_PATH: Final = "data"
"""The path of the one dependency of an entry that describes data."""


class RunCache:
    """The run cache of a store: for each key a lock file with one stage, and the record of the run."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._folder = repo.store_dir / "runs"
        self.received_results = 0
        """The received entries that describe data, and are no runs of stages."""

    def get(self, key: str) -> lock.LockedStage | None:
        """The lock entry for a key; None if there is none or it cannot be read."""
        with suppress(FileNotFoundError, CorruptError, ConflictError):
            return lock.decode(self._path(key).read_bytes()).stages.get(_NAME)
        return None

    def record(self, key: str) -> RunRecord | None:
        """The run record for a key, if there is one."""
        with suppress(FileNotFoundError, CorruptError):
            return run_record.decode(self._path(key, run_record.SUFFIX).read_bytes())
        return None

    def put(self, key: str, stage: lock.LockedStage, run: RunRecord) -> None:
        """Store the lock entry and the record of a run, in place of an older one."""
        self._write(Run(key, lock.encode(lock.Lock({_NAME: stage})), run_record.encode(run)), stage)

    def put_lock_entry(self, stage: lock.LockedStage) -> None:
        """Store a lock entry without a record, unless the key has an entry."""
        key = cache_key(stage)
        if self.get(key) is None:
            self._repo.store.scratch.make_folder(self._path(key).parent)
            write_atomic(self._path(key), lock.encode(lock.Lock({_NAME: stage})), durable=False)

    def keys(self) -> list[str]:
        """All keys."""
        with suppress(FileNotFoundError):
            folders = sorted(one for one in self._folder.iterdir() if one.is_dir())
            return [file.name for one in folders for file in sorted(one.iterdir()) if len(file.name) == _KEY_LENGTH]
        return []

    def runs(self, keys: list[str]) -> Iterator[tuple[Run, lock.LockedStage]]:
        """The runs with `keys`, encoded and decoded, without damaged ones."""
        for key in keys:
            with suppress(FileNotFoundError):
                run = Run(key, self._path(key).read_bytes(), self._path(key, run_record.SUFFIX).read_bytes())
                stage = decode_run(run)
                if stage is not None:
                    yield run, stage

    def add_received(self, run: Run) -> bool:
        """Store a run of another clone, unless a later one is here. Returns False for a damaged run."""
        stage = decode_run(run)
        if stage is None:
            return False
        here = self.record(run.key)
        if here is None or here.ended < run.ended or self.get(run.key) is None:
            self._write(run, stage)
        self.received_results += described_content(stage) is not None
        return True

    def keys_by_content(self) -> list[tuple[Oid, str]]:
        """The entries that describe data: the oid of the content, and the key."""
        found = []
        with suppress(FileNotFoundError):
            for folder in sorted(os.listdir(self._folder / _BY_CONTENT)):
                for name in sorted(os.listdir(self._folder / _BY_CONTENT / folder)):
                    digits, _, key = name.partition("-")
                    content = Oid.from_hex(digits)
                    if content is not None and len(key) == _KEY_LENGTH:
                        found.append((content, key))
        return found

    def _write(self, run: Run, stage: lock.LockedStage) -> None:
        make_folder = self._repo.store.scratch.make_folder  # open to those who share the store
        content = described_content(stage)
        if content is not None:  # first, so that no entry is without it
            marker = self._folder / _BY_CONTENT / content.hex()[:2] / f"{content.hex()}-{run.key}"
            make_folder(marker.parent.parent)
            make_folder(marker.parent)
            write_atomic(marker, b"", durable=False)
        make_folder(self._path(run.key).parent)
        # Not durable: after a power cut, the stage just runs again.
        write_atomic(self._path(run.key, run_record.SUFFIX), run.record, durable=False)
        write_atomic(self._path(run.key), run.entry, durable=False)

    def _path(self, key: str, suffix: str = "") -> Path:
        return self._folder / key[:2] / (key + suffix)


def described_content(stage: lock.LockedStage) -> Oid | None:
    """The content that the result of an entry describes, such as a profile; None for the runs of stages."""
    is_command = isinstance(stage.cmd, str) and _DESCRIBES.fullmatch(stage.cmd)
    if is_command and [one.path for one in stage.deps] == [DATA_PATH] and len(stage.outs) == 1:
        return stage.deps[0].oid
    return None


def cache_key(stage: lock.LockedStage) -> str:
    """The run key of a lock entry."""
    return run_key(stage, [item.path for item in stage.outs])


def decode_run(run: Run) -> lock.LockedStage | None:
    """The lock entry of a run; None if it is damaged or does not match its key."""
    try:
        stage = lock.decode(run.entry).stages.get(_NAME)
        _ = run.ended
    except (CorruptError, ConflictError):
        return None
    return stage if stage is not None and cache_key(stage) == run.key else None
