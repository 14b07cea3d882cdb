"""Working trees for runs: a pool of linked worktrees, each used by one process at a time.

A process keeps its worktree from run to run, because a new one with thousands of files takes longer than many runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from dver.core.errors import StageError
from dver.core.platform import filelock
from dver.git.git_repo import GitRepo
from dver.git.reusable_worktree import git_dirs_at, remove_worktree, wait_for_git
from dver.pipelines.engine.leftover_jobs import kill_leftover_jobs

FOLDER: Final = "worktrees"
_NAME: Final = "dver-run-"
_LOCK: Final = ".lock"
_USED: Final = b"used"
"""The content of the lock file of a slot in use. It stays there when the process is killed."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A directory for a worktree that this process has locked."""

    place: Path
    fd: int


class Slots:
    """The pool of a clone. `directory` is that of files about experiments."""

    def __init__(self, git: GitRepo, directory: Path) -> None:
        self._git = git
        self._folder = directory / FOLDER

    @contextmanager
    def acquire(self) -> Iterator[Slot]:
        """Lock the first free slot. Its worktree is deleted at the end of the block.

        Stages that a killed process left running in it are killed first.
        """
        slot = self._first_free()
        try:
            yield slot
        finally:
            self._free(slot)

    def end_leftovers(self, place: Path) -> None:
        """Kill stages that a killed process left running in the slot at `place`. Raises StageError if they go on.

        Nothing happens if a living process uses the slot: it has ended them before.
        """
        if place.parent == self._folder and (slot := self._try(place)) is not None:
            os.close(slot.fd)

    def clear(self) -> None:
        """Delete the worktrees that killed processes left behind."""
        with suppress(FileNotFoundError):
            for path in sorted(self._folder.iterdir()):
                if path.suffix == _LOCK and path.stat().st_size:
                    with suppress(StageError):
                        self._clear(path.with_suffix(""))

    def _clear(self, place: Path) -> None:
        slot = self._try(place)
        if slot is not None:
            self._free(slot)

    def _free(self, slot: Slot) -> None:
        try:
            remove_worktree(self._git, slot.place)
            os.ftruncate(slot.fd, 0)
        finally:
            os.close(slot.fd)

    def _first_free(self) -> Slot:
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            with suppress(StageError):  # a stage that cannot be killed keeps its slot
                slot = self._try(self._folder / f"{_NAME}{number}")
                if slot is not None:
                    return slot
        raise AssertionError

    def _try(self, place: Path) -> Slot | None:
        """Lock the slot at `place`, and end what a killed process left running there. None if it is in use."""
        fd = os.open(f"{place}{_LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if filelock.try_lock(fd):
                if os.fstat(fd).st_size:
                    self._end_leftovers(place)
                os.pwrite(fd, _USED, 0)
                return Slot(place, fd)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def _end_leftovers(self, place: Path) -> None:
        wait_for_git(self._git, place)
        for git_dir in git_dirs_at(self._git, place):
            kill_leftover_jobs(git_dir / "dver" / "stages")
