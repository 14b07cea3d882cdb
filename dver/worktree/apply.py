"""Carrying out a checkout plan."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dver.core.errors import UsageError
from dver.core.fsutil import writing_to
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry, Kind
from dver.store.compare import join
from dver.store.loose import LinkMode
from dver.store.store import Store
from dver.worktree.materialise import Lost, Materialiser
from dver.worktree.plan import CheckoutPlan, Kept, Why, bytes_in
from dver.worktree.staging import Stages
from dver.worktree.statcache import StatCache

_STAYS = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EBUSY)
"""A directory that cannot be removed for these has something new in it, is gone, or has a disk mounted on it."""


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
    lost = [Lost(path, entry, error) for path, entry, error in plan.unknown]
    for folder in {os.path.dirname(path) for path, _ in [*plan.remove, *plan.create, *plan.replace]}:
        refuse_symlinked_parents(destination.root, join(folder, b"file"))
    for path, _ in plan.remove:
        _unlink(destination.absolute(path))
    for path in plan.remove_directories:
        _rmdir(destination.absolute(path), cache)
    _keep_the_unforeseen(plan, destination)
    steps = [*plan.create, *plan.replace]
    if not steps:
        return lost
    with writing_to(destination.root), progress.task("checkout", total=bytes_in(steps)) as task:
        return lost + _make(plan, destination, cache, Materialiser(store, destination.mode, task))


def _keep_the_unforeseen(plan: CheckoutPlan, destination: Destination) -> None:
    """Take the steps out of `plan` where something is that the scan did not see: ignored, or created since."""
    free = []
    for path, entry in plan.create:
        if _in_the_way(destination, path, entry, force=plan.force):
            plan.keep.append(Kept(path, Why.IN_THE_WAY))
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


def _make(plan: CheckoutPlan, destination: Destination, cache: StatCache, maker: Materialiser) -> list[Lost]:
    with Stages(destination.scratch) as stages:
        for number, (path, entry) in enumerate(plan.create):
            if entry.kind is Kind.DIRECTORY:
                staged = _stage(stages, destination, path) + b"/%d" % number
                if not maker.directory(staged, path, entry):
                    continue
                records = maker.take_records()
                _publish(staged, destination.absolute(path))
                for below, record in records:
                    cache.put(destination.absolute(below), record)
        files = [step for step in plan.create if step[1].kind is not Kind.DIRECTORY]
        _make_files([*files, *plan.replace], stages, maker, destination)
    cache.flush()
    return maker.lost


def _make_files(
    steps: Sequence[tuple[bytes, Entry]], stages: Stages, maker: Materialiser, destination: Destination
) -> None:
    by_folder: dict[bytes, list[Entry]] = {}
    for path, entry in steps:
        by_folder.setdefault(os.path.dirname(path), []).append(entry._replace(name=os.path.basename(path)))
    for number, (folder, entries) in enumerate(by_folder.items()):
        staged = _stage(stages, destination, join(folder, entries[0].name)) + b"/files-%d" % number
        os.mkdir(staged)
        for name in maker.files(staged, folder, entries):
            _publish(staged + b"/" + name, destination.absolute(join(folder, name)))
        for name in os.listdir(staged):  # a hard link to the very file that is there: renaming it has done nothing
            os.unlink(staged + b"/" + name)
        os.rmdir(staged)


def _stage(stages: Stages, destination: Destination, path: bytes) -> bytes:
    parent = os.path.dirname(destination.absolute(path))
    os.makedirs(parent, exist_ok=True)
    return stages.beside(parent)


def _publish(staged: bytes, target: bytes) -> None:
    os.rename(staged, target)


def _unlink(path: bytes) -> None:
    with suppress(FileNotFoundError):
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
