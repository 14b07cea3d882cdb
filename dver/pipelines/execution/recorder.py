"""Records what stages produced: in lock files, `.gitignore`, Git's index and `placed.json`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Final

from dver.core.errors import MissingObjectError
from dver.formats import lock
from dver.formats.tree import Entry
from dver.git import gitignore, index
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address, worktree_path
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.locks import LockFiles
from dver.pipelines.workspace.pipelines import Pipelines
from dver.repo import Repository
from dver.store.trash.guard import GcGuard

_WRITE_EVERY: Final = 0.5
"""Seconds between two writes of the lock files, because large ones are slow to write for each stage. The run cache has
the entries that a killed run did not write."""


class RunRecorder:
    """Collects the runs of stages and writes them from time to time. Created before the first object is stored."""

    def __init__(self, repo: Repository, pipelines: Pipelines, locks: LockFiles) -> None:
        self._repo = repo
        self._pipelines = pipelines
        self._locks = locks
        self._ignore_lines: dict[bytes, list[bytes]] = {}
        """Lines for `.gitignore`, by directory."""
        self._edited_gitignores: list[bytes] = []
        """Changed `.gitignore` files that have to be staged."""
        self._placed: dict[bytes, tuple[Entry, ...]] = {}
        """The outputs by path, for `placed.json`; empty for uncached outputs."""
        self._written = time.monotonic()
        self._guard = GcGuard(repo.store)

    def add(self, address: Address, stage: Stage, made: lock.LockedStage) -> None:
        """Record the run `made` of `stage`."""
        self._locks.record(address, made)
        items = {item.path: item for item in made.outs}
        for out in stage.outs:
            place = os.fsencode(worktree_path(address.folder, out.path, out.mark))
            self._placed[place] = (items[out.path].entry,) if out.cache else ()
            if out.cache:
                folder, name = os.path.split(place)
                self._ignore_lines.setdefault(folder, []).append(gitignore.pattern(name))
        self.write()

    def write(self, *, force: bool = False) -> None:
        """Write lock files and `.gitignore`, if the last write was long enough ago or `force` is set.

        Raises MissingObjectError if a gc deleted new outputs.
        """
        if not force and time.monotonic() - self._written < _WRITE_EVERY:
            return
        self._written = time.monotonic()
        known: dict[str, list[str]] = {folder: [] for folder in self._pipelines.files}
        for address in self._pipelines.graph.order:
            known[address.folder].append(address.name)
        with self._repo.exclusive():
            self._cache_removed(self._locks.removed_stages(known))
            top = self._repo.git.worktree
            changed = [os.fsencode(path.relative_to(top)) for path in self._locks.write(known)]
            self._write_gitignore()
            self._repo.stage([*changed, *self._edited_gitignores])
            self._edited_gitignores.clear()
            # After the lock files, because a checkout removes placed files that no lock file names.
            self._record_placed()

    def _cache_removed(self, gone: Iterable[lock.LockedStage]) -> None:
        """Keep the runs of stages that are no longer in `dver.yaml`, so that they can be restored later."""
        runs = RunCache(self._repo)
        for stage in gone:
            if stage.outs and (stage.deps or stage.external or stage.params or stage.env):
                runs.put_lock_entry(stage)

    def _write_gitignore(self) -> None:
        """Add outputs to `.gitignore`, unless Git ignores their directory."""
        files = {os.path.join(folder, b".gitignore"): lines for folder, lines in self._ignore_lines.items()}
        needless = index.ignored(self._repo.git, files)
        for path, lines in files.items():
            if path not in needless and gitignore.edit(self._repo.git.worktree / os.fsdecode(path), add=lines):
                self._edited_gitignores.append(path)
        self._ignore_lines.clear()

    def _record_placed(self) -> None:
        made, self._placed = self._placed, {}
        if not made:
            return
        self._repo.state.record_placed(made)
        self._repo.state.record_partial(dict.fromkeys(made, False))
        # From now on a gc keeps these objects; an earlier gc may have trashed them.
        if self._guard.recheck([one.ref().key for entries in made.values() for one in entries]):
            raise MissingObjectError(
                "a gc deleted new outputs",
                why="its grace period is too short",
                fix="dver repro --force",
            )
