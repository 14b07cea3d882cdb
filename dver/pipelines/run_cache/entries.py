"""The run cache: what runs of stages produced, by the key of their work (docs/format/run.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dver.core.errors import ConflictError, CorruptError
from dver.core.files import write_atomic
from dver.formats import lock, run_record
from dver.formats.run_batch import Run
from dver.formats.run_record import RunRecord
from dver.pipelines.engine.reasons import run_key
from dver.repo import Repository

_NAME = "run"
_KEY_LENGTH = 64


class RunCache:
    """A lock file with one stage for each key, and beside it the record of the run."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._folder = repo.store_dir / "runs"

    def get(self, key: str) -> lock.LockedStage | None:
        """What came of the work called `key`, if it was ever done. What cannot be read was never there."""
        with suppress(FileNotFoundError, CorruptError, ConflictError):
            return lock.decode(self._path(key).read_bytes()).stages.get(_NAME)
        return None

    def record(self, key: str) -> RunRecord | None:
        """What is known of the run that did the work called `key`."""
        with suppress(FileNotFoundError, CorruptError):
            return run_record.decode(self._path(key, run_record.SUFFIX).read_bytes())
        return None

    def put(self, key: str, stage: lock.LockedStage, run: RunRecord) -> None:
        """Keep what came of the work called `key`, and how. The last one counts."""
        self._write(Run(key, lock.encode(lock.Lock({_NAME: stage})), run_record.encode(run)))

    def put_lock_entry(self, stage: lock.LockedStage) -> None:
        """Keep what a lock says of a stage before something else is written there, unless it is known. How it came
        about, the lock does not say."""
        key = cache_key(stage)
        if self.get(key) is None:
            self._repo.store.scratch.make_folder(self._path(key).parent)
            write_atomic(self._path(key), lock.encode(lock.Lock({_NAME: stage})), durable=False)

    # -- as others get it

    def keys(self) -> list[str]:
        """All work that is known of."""
        with suppress(FileNotFoundError):
            folders = sorted(one for one in self._folder.iterdir() if one.is_dir())
            return [file.name for one in folders for file in sorted(one.iterdir()) if len(file.name) == _KEY_LENGTH]
        return []

    def runs(self, keys: list[str]) -> Iterator[tuple[Run, lock.LockedStage]]:
        """What is known of the work called `keys`: as it is kept, and read. What is damaged is left out."""
        for key in keys:
            with suppress(FileNotFoundError):
                run = Run(key, self._path(key).read_bytes(), self._path(key, run_record.SUFFIX).read_bytes())
                stage = decode_run(run)
                if stage is not None:
                    yield run, stage

    def add_received(self, run: Run) -> bool:
        """Keep a run of somebody else's, unless one of the same work is here that ended later. False if it is damaged,
        or what it says of itself is not true."""
        if decode_run(run) is None:
            return False
        here = self.record(run.key)
        if here is None or here.ended < run.ended or self.get(run.key) is None:
            self._write(run)
        return True

    def _write(self, run: Run) -> None:
        self._repo.store.scratch.make_folder(self._path(run.key).parent)  # open to those who share the store
        # Lost in a power cut, the stage is run once more.
        write_atomic(self._path(run.key, run_record.SUFFIX), run.record, durable=False)
        write_atomic(self._path(run.key), run.entry, durable=False)

    def _path(self, key: str, suffix: str = "") -> Path:
        return self._folder / key[:2] / (key + suffix)


def cache_key(stage: lock.LockedStage) -> str:
    """The key of the work that a lock tells of."""
    return run_key(stage, [item.path for item in stage.outs])


def decode_run(run: Run) -> lock.LockedStage | None:
    """What `run` says was made; None if that is not what its key stands for, or cannot be read."""
    try:
        stage = lock.decode(run.entry).stages.get(_NAME)
        _ = run.ended
    except (CorruptError, ConflictError):
        return None
    return stage if stage is not None and cache_key(stage) == run.key else None
