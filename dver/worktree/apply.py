"""Carrying out a checkout plan."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dver.core.errors import UsageError
from dver.core.fsutil import move_to_free_name, writing_to
from dver.core.progress import SILENT, Progress, Task
from dver.formats.tree import Entry, Kind
from dver.store.compare import join
from dver.store.loose import LinkMode
from dver.store.store import Store
from dver.worktree.materialise import Lost, Materialiser
from dver.worktree.plan import CheckoutPlan, Kept, Why, bytes_in
from dver.worktree.recheck import Recheck
from dver.worktree.staging import Stages
from dver.worktree.statcache import StatCache
from dver.worktree.storelinks import StoreLinks

_STAYS = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY)
"""A directory that cannot be removed for these has something new in it, is gone, or has a disk mounted on it."""


_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
"""A directory cannot be renamed to a name for these if something is there."""


_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Why a directory cannot be changed."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a plan is carried out: its paths are relative to `root`, and nothing is written outside of it."""

    root: bytes
    scratch: bytes
    """A folder for what is not finished, preferably on the same disk."""
    mode: LinkMode

    def absolute(self, path: bytes) -> bytes:
        """Where `path` is."""
        return self.root + b"/" + path


def apply_plan(
    plan: CheckoutPlan, destination: Destination, store: Store, cache: StatCache, *, progress: Progress = SILENT
) -> list[Lost]:
    """Do all that `plan` says. Returns the paths whose content could not be had; everything else is done."""
    return apply_plans([plan], destination, store, cache, progress=progress)[0]


def apply_plans(
    plans: Sequence[CheckoutPlan],
    destination: Destination,
    store: Store,
    cache: StatCache,
    *,
    progress: Progress = SILENT,
) -> list[list[Lost]]:
    """The same for several plans, one after the other: what each needs once is set up once for all."""
    total = sum(bytes_in([*plan.create, *plan.replace]) for plan in plans)
    task = progress.task("checkout", total=total) if total else SILENT.task("checkout")
    with writing_to(destination.root), task as shown, Stages(destination.scratch) as stages, cache.together():
        return [_apply(plan, destination, store, cache, stages, shown) for plan in plans]


def _apply(
    plan: CheckoutPlan, destination: Destination, store: Store, cache: StatCache, stages: Stages, task: Task
) -> list[Lost]:
    lost = [Lost(path, entry, error) for path, entry, error in plan.unknown]
    for folder in {os.path.dirname(path) for path, _ in [*plan.remove, *plan.create, *plan.replace]}:
        refuse_symlinked_parents(destination.root, join(folder, b"file"))
    recheck = Recheck(cache, StoreLinks(store))
    _remove(plan, destination, recheck)
    for path in plan.remove_directories:
        _rmdir(destination.absolute(path), cache)
    _keep_the_unforeseen(plan, destination)
    if not (plan.create or plan.replace):
        return lost
    maker = Materialiser(store, destination.mode, task)
    _Making(plan, destination, cache, maker, recheck, stages).carry_out()
    return lost + maker.lost


def _remove(plan: CheckoutPlan, destination: Destination, recheck: Recheck) -> None:
    """Delete what is to go, and take the steps out of `plan` whose file was edited since the scan."""
    gone = []
    for path, entry in plan.remove:
        target = destination.absolute(path)
        if plan.force or recheck.is_unchanged(target, entry):
            _unlink(target)
            gone.append((path, entry))
        else:
            plan.keep.append(Kept(path, Why.EDITED))
    plan.remove[:] = gone


def _keep_the_unforeseen(plan: CheckoutPlan, destination: Destination) -> None:
    """Take the steps out of `plan` where something is that the scan did not see: ignored, or created since."""
    free = []
    for path, entry in plan.create:
        if _in_the_way(destination, path, entry, force=plan.force):
            plan.keep.append(Kept(path, Why.IN_THE_WAY, diverged=True))
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
class _Making:
    """Making what a plan creates and replaces. Where somebody was faster, the step is taken out of the plan."""

    plan: CheckoutPlan
    destination: Destination
    cache: StatCache
    maker: Materialiser
    recheck: Recheck
    stages: Stages
    kept: set[bytes] = field(default_factory=set)

    def carry_out(self) -> None:
        """Make all of it."""
        plan = self.plan
        for path, entry in plan.create:
            if entry.kind is Kind.DIRECTORY:
                self.directory(path, entry, self.stage(path))
        files = [step for step in plan.create if step[1].kind is not Kind.DIRECTORY]
        self.files([*files, *plan.replace], {path for path, _ in files})
        self.cache.flush()
        for steps in (plan.create, plan.replace):
            steps[:] = [step for step in steps if step[0] not in self.kept]

    def directory(self, path: bytes, entry: Entry, staged: bytes) -> None:
        """Make a directory with all that is in it; it appears by one rename."""
        if not self.maker.directory(staged, path, entry):
            return
        records = self.maker.take_records()
        target = self.destination.absolute(path)
        try:
            with _naming(target):
                os.rename(staged, target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            self.keep(path, Why.IN_THE_WAY)
            return
        for below, record in records:
            self.cache.put(self.destination.absolute(below), record)

    def files(self, steps: Sequence[tuple[bytes, Entry]], new: Collection[bytes]) -> None:
        """Make files and links, those of one directory together."""
        by_folder: dict[bytes, list[Entry]] = {}
        for path, entry in steps:
            by_folder.setdefault(os.path.dirname(path), []).append(entry._replace(name=os.path.basename(path)))
        for folder, entries in by_folder.items():
            staged = self.stage(join(folder, entries[0].name))
            os.mkdir(staged)
            wanted = {entry.name: entry for entry in entries}
            for name in self.maker.files(staged, folder, entries):
                path = join(folder, name)
                with _naming(self.destination.absolute(path)):
                    self.publish(staged + b"/" + name, path, wanted[name], is_new=path in new)
            for name in os.listdir(staged):  # what was kept; a hard link to the very file that is there
                os.unlink(staged + b"/" + name)
            os.rmdir(staged)

    def publish(self, staged: bytes, path: bytes, entry: Entry, *, is_new: bool) -> None:
        """Move a file to its place, unless that would overwrite what nobody has looked at."""
        target = self.destination.absolute(path)
        if self.plan.force:
            os.rename(staged, target)
        elif is_new:
            if not move_to_free_name(staged, target):
                self.keep(path, Why.IN_THE_WAY)
        elif self.recheck.is_unchanged(target, self.plan.found.get(path, entry)):
            os.rename(staged, target)
        else:
            self.keep(path, Why.EDITED)

    def keep(self, path: bytes, why: Why) -> None:
        """Note that what is at `path` stays."""
        self.plan.keep.append(Kept(path, why))
        self.kept.add(path)

    def stage(self, path: bytes) -> bytes:
        """A new path from which something can be renamed to `path`."""
        parent = os.path.dirname(self.destination.absolute(path))
        os.makedirs(parent, exist_ok=True)
        return self.stages.new_beside(parent)


@contextmanager
def _naming(target: bytes) -> Iterator[None]:
    """Have the errors name the directory of `target` where it cannot be changed, and no file in a staging folder."""
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
    """Raise UsageError if the way from `root` to `path` leads through a symbolic link, and so perhaps outside."""
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
