"""The lock files of a project: the last run of each stage, read once and written when something changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from dver.core.errors import ConflictError, CorruptError
from dver.core.files import read_regular, write_atomic
from dver.formats import lock
from dver.pipelines.engine.graph import Address
from dver.repo import Repository
from dver.tracking.lock_outputs import read_lock


class LockFiles:
    """The lock files beside the `dver.yaml` files of a project."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._stages: dict[str, dict[str, lock.LockedStage]] = {}
        self._pending: dict[str, dict[str, lock.LockedStage]] = {}
        """Entries that are not written yet."""
        self._names_at_load: dict[str, set[str]] = {}
        """The stages of each file when it was first read."""
        self._signatures: dict[str, _Signature] = {}
        """The signature of each file when it was last read or written."""

    def of(self, address: Address) -> lock.LockedStage | None:
        """The lock entry of a stage. Raises CorruptError, ConflictError for a file that cannot be read."""
        return self._file(address.folder).get(address.name)

    def record(self, address: Address, stage: lock.LockedStage) -> None:
        """Set the entry of a stage, for `write`. Raises CorruptError for values that no lock file can hold."""
        lock.encode_stage(address.name, stage)
        if self.of(address) != stage:
            self._file(address.folder)[address.name] = stage
            self._pending.setdefault(address.folder, {})[address.name] = stage

    def write(self, known: Mapping[str, Iterable[str]]) -> list[Path]:
        """Write the changed files and return them, without stages that are no longer `known` by directory.

        Entries that another process wrote meanwhile stay. The caller holds `repo.exclusive()`.
        """
        gone = self._removed(known)
        changed = [folder for folder in sorted(self._stages) if self._pending.get(folder) or gone[folder]]
        for folder in changed:
            if _signature(self._path(folder)) != self._signatures[folder]:
                self._load(folder)
            kept = {name: one for name, one in self._stages[folder].items() if name not in gone[folder]}
            self._stages[folder] = {**kept, **self._pending.pop(folder, {})}
            self._names_at_load[folder] -= gone[folder]
            write_atomic(self._path(folder), lock.encode(lock.Lock(self._stages[folder])))
            self._signatures[folder] = _signature(self._path(folder))
        return [self._path(folder) for folder in changed]

    def removed_stages(self, known: Mapping[str, Iterable[str]]) -> list[lock.LockedStage]:
        """The entries that `write` will remove."""
        return [self._stages[folder][name] for folder, names in self._removed(known).items() for name in sorted(names)]

    def _removed(self, known: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
        # Another stage, perhaps in another file, may make the outputs of a removed stage now.
        for folder in known:
            with suppress(CorruptError, ConflictError):  # an error in a file without stages of this run
                self._file(folder)
        return {folder: names.difference(known.get(folder, ())) for folder, names in self._names_at_load.items()}

    def _file(self, folder: str) -> dict[str, lock.LockedStage]:
        if folder not in self._stages:
            self._load(folder)
            self._names_at_load[folder] = set(self._stages[folder])
        return self._stages[folder]

    def _load(self, folder: str) -> None:
        path = self._path(folder)
        self._signatures[folder] = _signature(path)
        stages: Mapping[str, lock.LockedStage] = {}
        with suppress(FileNotFoundError):
            content = read_regular(path, lock.MAX_SIZE + 1)
            stages = read_lock(self._repo, os.fsencode(os.path.join(folder, lock.NAME)), content).stages
        self._stages[folder] = dict(stages)

    def _path(self, folder: str) -> Path:
        return self._repo.git.worktree / folder / lock.NAME


_Signature = tuple[int, int, int] | None


def _signature(path: Path) -> _Signature:
    """Inode, size and modification time of a file; None if it does not exist."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
