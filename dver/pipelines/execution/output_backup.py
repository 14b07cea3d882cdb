"""Backups of outputs that no run made, such as edited ones, before a run replaces them.

docs/decisions/outputs-by-hand.md explains why they are neither deleted nor refused.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dver.core.errors import CorruptError
from dver.formats.lock import LockedItem
from dver.git.index import is_committed
from dver.pipelines.definition.stage import Output
from dver.pipelines.engine.graph import Address, worktree_path
from dver.pipelines.engine.reasons import has_same_content
from dver.pipelines.workspace.evaluation import Evaluator
from dver.pipelines.workspace.stage_files import locked_item
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.workspace.files.apply import refuse_symlinked_parents


class BackedUpOutput(NamedTuple):
    """An output that was moved to a backup. `path` is relative to the top of the Git worktree."""

    stage: Address
    path: bytes
    backup: Path


class OutputBackup:
    """Moves outputs to backups in the Git directory of the worktree, and marks stages that have not finished."""

    def __init__(self, repo: Repository, evaluator: Evaluator, on_backup: Callable[[BackedUpOutput], None]) -> None:
        self._repo = repo
        self._contents = evaluator.contents
        self._locks = evaluator.locks
        self._on_backup = on_backup
        self._unfinished = repo.layout.worktree_dir / "unfinished"
        self._started: set[Address] = set()

    def back_up(self, address: Address, outs: Iterable[Output]) -> None:
        """Move those of `outs` that no run of the stage made and that are saved nowhere.

        Raises UsageError where a path leads through a symbolic link.
        """
        last = self._locks.of(address)
        made = {item.path: item for item in last.outs} if last is not None else {}
        for out in outs:
            place = worktree_path(address.folder, out.path, out.mark)
            entry = self._contents.entry(place)
            if entry is None or has_same_content(locked_item(out.path, entry), made.get(out.path)):
                continue
            path = os.fsencode(place)
            refuse_symlinked_parents(self._repo.layout.top, path)
            there = locked_item(out.path, entry)
            if (old := made.get(out.path)) is not None and self._contents.is_incomplete(place, old.entry):
                there = old
            if not (self._is_saved(path, there) or self._is_left_by_failed_run(address, path)):
                self._move(address, path)

    def mark_started(self, address: Address) -> None:
        """Mark a stage as started: its outputs are those of the run from now on."""
        self._started.add(address)
        marker = self._marker(address)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_bytes(b"")

    def mark_recorded(self, address: Address) -> None:
        """Remove the mark: the outputs are recorded."""
        self._started.discard(address)
        self._marker(address).unlink(missing_ok=True)

    def mark_ended(self) -> None:
        """Mark failed runs as ended: later changes of their outputs are not theirs."""
        for address in self._started:
            with suppress(FileNotFoundError):
                self._marker(address).write_bytes(b"over")
        self._started.clear()

    def _marker(self, address: Address) -> Path:
        return self._unfinished / hashlib.sha256(address.key.encode(errors="surrogateescape")).hexdigest()

    def _is_saved(self, path: bytes, item: LockedItem) -> bool:
        with suppress(CorruptError):  # then the workspace may have the only good copy
            if not self._repo.store.find_missing([item.ref]):
                return True
        return is_committed(self._repo.git, path)

    def _is_left_by_failed_run(self, address: Address, path: bytes) -> bool:
        """Return whether a failed or killed run left the content of `path`."""
        try:
            marker = self._marker(address).stat()
        except FileNotFoundError:
            return False
        # The end of a killed run is unknown. A ctime, unlike a modification time, changes with every write.
        return marker.st_size == 0 or _newest(self._repo.layout.absolute(path)) <= marker.st_ctime_ns

    def _move(self, address: Address, path: bytes) -> None:
        folder = _folder(self._repo.layout)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        number = 0
        while os.path.lexists(target := folder / f"{stamp}-{number}" / os.fsdecode(path)):
            number += 1
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(os.fsdecode(self._repo.layout.absolute(path)), target)
        self._on_backup(BackedUpOutput(address, path, target))


def delete_old_backups(layout: Layout, grace: float) -> None:
    """Delete backups of this worktree that are older than `grace` seconds."""
    with suppress(FileNotFoundError):
        for one in _folder(layout).iterdir():
            if one.stat().st_mtime + grace < time.time():
                shutil.rmtree(one, ignore_errors=True)


def _folder(layout: Layout) -> Path:
    return layout.worktree_dir / "aside"


def _newest(path: bytes) -> int:
    """The latest ctime, in nanoseconds, of a file or of anything in a directory."""
    newest = os.lstat(path).st_ctime_ns
    for folder, folders, files in os.walk(path):
        newest = max([newest, *(os.lstat(os.path.join(folder, one)).st_ctime_ns for one in (*folders, *files))])
    return newest
