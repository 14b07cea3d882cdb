"""Applying checkout plans to the disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from dver.core.batches import batched_by_size
from dver.core.errors import UsageError
from dver.core.files import move_to_free_name, writing_to
from dver.core.progress import SILENT, Progress, Task
from dver.formats.tree import Entry, Kind
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.trees.compare import join
from dver.workspace.files.checkout_plan import CheckoutPlan, KeepReason, KeptPath, bytes_in
from dver.workspace.files.content_writer import ContentWriter, LostFile
from dver.workspace.files.file_writer import Failure, FileWriter
from dver.workspace.files.recheck import Recheck
from dver.workspace.files.staging import StagingDirs
from dver.workspace.scan.stat_cache import DirectoryRecord, StatCache
from dver.workspace.state.store_links import StoreLinks

_STAYS = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY)
"""Errors for a directory that has new files in it, is gone, or is a mount point. It stays."""


_EXISTS = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
"""Errors of a rename of a directory onto an existing path."""


_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors for a directory that cannot be changed."""

_BATCH: Final = 256 << 20
"""Bytes of files in the staging directory at once: the disk space needed beside the old files."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a plan is applied. Its paths are relative to `root`, and nothing outside is written."""

    root: bytes
    scratch: bytes
    """A directory for unfinished files, preferably on the same disk."""
    mode: LinkMode

    def absolute(self, path: bytes) -> bytes:
        """The absolute path of `path`."""
        return self.root + b"/" + path


def apply_plan(
    plan: CheckoutPlan, destination: Destination, store: Store, cache: StatCache, *, progress: Progress = SILENT
) -> list[LostFile]:
    """Apply `plan`. Returns the files whose content is missing or damaged; all others are checked out."""
    return apply_plans([plan], destination, store, cache, progress=progress)[0]


def apply_plans(
    plans: Sequence[CheckoutPlan],
    destination: Destination,
    store: Store,
    cache: StatCache,
    *,
    progress: Progress = SILENT,
) -> list[list[LostFile]]:
    """Apply plans of different paths together.

    All removals come first, and the files of all plans share a staging directory and a query of the store: one of each
    for thousands of single files would take most of the time.
    """
    total = sum(bytes_in([*plan.create, *plan.replace]) for plan in plans)
    task = progress.task("checkout", total=total) if total else SILENT.task("checkout")
    with writing_to(destination.root), task as shown, StagingDirs(destination.scratch) as stages, cache.together():
        return _Run(destination, store, cache, Recheck(cache, StoreLinks(store)), stages, shown).carry_out(plans)


def _remove(plan: CheckoutPlan, destination: Destination, recheck: Recheck) -> None:
    """Delete files, and drop steps from `plan` whose file was edited since the scan."""
    gone = []
    for path, entry in plan.remove:
        target = destination.absolute(path)
        if plan.force or recheck.is_unchanged(target, entry):
            _unlink(target)
            gone.append((path, entry))
        else:
            plan.keep.append(KeptPath(path, KeepReason.EDITED))
    plan.remove[:] = gone


def _keep_unscanned(plan: CheckoutPlan, destination: Destination) -> None:
    """Drop steps from `plan` whose path has a file that the scan did not see: ignored, or created since."""
    free = []
    for path, entry in plan.create:
        if _in_the_way(destination, path, entry, force=plan.force):
            plan.keep.append(KeptPath(path, KeepReason.IN_THE_WAY, diverged=True))
        else:
            free.append((path, entry))
    plan.create[:] = free


def _in_the_way(destination: Destination, path: bytes, entry: Entry, *, force: bool) -> bool:
    target = destination.absolute(path)
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True
    if stat.S_ISDIR(mode):
        return entry.kind is not Kind.DIRECTORY or bool(os.listdir(target))
    return entry.kind is Kind.DIRECTORY or not force


@dataclass(frozen=True, slots=True)
class _Step:
    """A file or link to write for the plan number `owner`. `entry` has the file's own name."""

    owner: int
    plan: CheckoutPlan
    path: bytes
    entry: Entry
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """One application of plans. Paths that changed since the scan are kept, and their steps are dropped."""

    destination: Destination
    store: Store
    cache: StatCache
    recheck: Recheck
    stages: StagingDirs
    task: Task
    kept: set[bytes] = field(default_factory=set)

    def carry_out(self, plans: Sequence[CheckoutPlan]) -> list[list[LostFile]]:
        """Apply everything. Returns the failed files of each plan."""
        lost = [[LostFile(path, entry, error) for path, entry, error in plan.unknown] for plan in plans]
        for folder in {os.path.dirname(path) for plan in plans for path in _touched(plan)}:
            refuse_symlinked_parents(self.destination.root, join(folder, b"file"))
        for plan in plans:
            _remove(plan, self.destination, self.recheck)
            for path in plan.remove_directories:
                _rmdir(self.destination.absolute(path), self.cache)
        for plan, failures in zip(plans, lost, strict=True):
            _keep_unscanned(plan, self.destination)
            failures += self.directories(plan)
        for batch in batched_by_size(_file_steps(plans), lambda step: step.entry.size, _BATCH):
            for step, failure in self.files(batch):
                lost[step.owner].append(LostFile(step.path, step.entry, failure))
        self.cache.flush()
        for plan in plans:
            for steps in (plan.create, plan.replace):
                steps[:] = [step for step in steps if step[0] not in self.kept]
        return lost

    def directories(self, plan: CheckoutPlan) -> list[LostFile]:
        """Write the new directories of `plan`, each with one rename."""
        maker = ContentWriter(self.store, self.destination.mode, self.task)
        for path, entry in plan.create:
            if entry.kind is Kind.DIRECTORY and maker.directory(staged := self.stage(path), path, entry):
                self.publish_directory(plan, staged, path, maker.pop_records())
        return maker.lost

    def publish_directory(
        self, plan: CheckoutPlan, staged: bytes, path: bytes, records: Sequence[tuple[bytes, DirectoryRecord]]
    ) -> None:
        """Rename a directory to its path, unless the path exists."""
        target = self.destination.absolute(path)
        try:
            with _naming(target):
                os.rename(staged, target)
        except OSError as error:
            if error.errno not in _EXISTS:
                raise
            self.keep(plan, path, KeepReason.IN_THE_WAY)
            return
        for below, record in records:
            self.cache.put(self.destination.absolute(below), record)

    def files(self, steps: Sequence[_Step]) -> Iterator[tuple[_Step, Failure]]:
        """Write files and links under numbers in the staging directory of their disk. Yields the failures."""
        by_stage: dict[bytes, dict[bytes, _Step]] = {}
        stage_of: dict[bytes, bytes] = {}
        for step in steps:
            folder = os.path.dirname(step.path)
            if folder not in stage_of:
                refuse_symlinked_parents(self.destination.root, step.path)
                stage_of[folder] = os.path.dirname(self.stage(step.path))
            numbered = by_stage.setdefault(stage_of[folder], {})
            numbered[self.stages.new_name()] = step
        for stage, wanted in by_stage.items():
            entries = [step.entry._replace(name=name) for name, step in wanted.items()]
            made = FileWriter(self.store, self.destination.mode, stage, self.task).make(entries)
            for entry, failure in made.failures:
                yield wanted[entry.name], failure
            for name in made.keys:
                with _naming(self.destination.absolute(wanted[name].path)):
                    self.publish(stage + b"/" + name, wanted[name])

    def publish(self, staged: bytes, step: _Step) -> None:
        """Rename a file to its path, unless that would overwrite content that the scan did not see."""
        plan, target = step.plan, self.destination.absolute(step.path)
        if step.is_new and not plan.force:
            if not move_to_free_name(staged, target):
                self.discard(staged, step, KeepReason.IN_THE_WAY)
        elif plan.force or self.recheck.is_unchanged(target, plan.found.get(step.path, step.entry)):
            self.replace(staged, target, step)
        else:
            self.discard(staged, step, KeepReason.EDITED)

    def replace(self, staged: bytes, target: bytes, step: _Step) -> None:
        """Rename a file to its path, unless a directory is there, which a pointer below may need."""
        try:
            os.rename(staged, target)
        except IsADirectoryError:
            self.discard(staged, step, KeepReason.IN_THE_WAY)

    def discard(self, staged: bytes, step: _Step, why: KeepReason) -> None:
        """Keep the existing path of a staged file."""
        os.unlink(staged)
        self.keep(step.plan, step.path, why)

    def keep(self, plan: CheckoutPlan, path: bytes, why: KeepReason) -> None:
        """Record that `path` stays."""
        plan.keep.append(KeptPath(path, why))
        self.kept.add(path)

    def stage(self, path: bytes) -> bytes:
        """A new staging path that can be renamed to `path`."""
        parent = os.path.dirname(self.destination.absolute(path))
        os.makedirs(parent, exist_ok=True)
        return self.stages.new_beside(parent)


def _touched(plan: CheckoutPlan) -> Iterator[bytes]:
    return (path for path, _ in (*plan.remove, *plan.create, *plan.replace))


def _file_steps(plans: Sequence[CheckoutPlan]) -> Iterator[_Step]:
    for owner, plan in enumerate(plans):
        for steps, is_new in ((plan.create, True), (plan.replace, False)):
            for path, entry in steps:
                if entry.kind is not Kind.DIRECTORY:
                    yield _Step(owner, plan, path, entry._replace(name=os.path.basename(path)), is_new)


@contextmanager
def _naming(target: bytes) -> Iterator[None]:
    """Errors in the block name the directory of `target` instead of a file in a staging directory."""
    try:
        yield
    except OSError as error:
        if error.errno in _READ_ONLY:
            error.filename, error.filename2 = os.path.dirname(target), None
        raise


def _unlink(path: bytes) -> None:
    with suppress(FileNotFoundError), _naming(path):
        os.unlink(path)


def _rmdir(path: bytes, cache: StatCache) -> None:
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in _STAYS:
            raise
    else:
        cache.forget(path)


def refuse_symlinked_parents(root: bytes, path: bytes) -> None:
    """Raise UsageError if a parent of `path` below `root` is a symbolic link, which may lead out of the workspace."""
    parts = os.path.normpath(path).split(b"/")
    if parts[0] in (b"..", b""):
        raise UsageError(f"{os.fsdecode(path)!r} is outside of {os.fsdecode(root)!r}")
    at = root
    for part in parts[:-1]:
        at = os.path.join(at, part)
        if os.path.islink(at):
            raise UsageError(
                f"cannot write below {os.fsdecode(at)!r}",
                why="it is a symbolic link, and may lead out of the repository",
                fix="replace the link by a directory",
            )
