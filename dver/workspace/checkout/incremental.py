"""Checkouts from one known version to another, which scan only the differences between both.

A full checkout compares the whole workspace with a pointer. If it is known which version dver placed, as after `git
checkout`, the two trees name the paths to scan. The cost follows the change. Files that both versions share are not
touched, even if the user edited them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.repo.workspace_state import WorkspaceState
from dver.store.trees.compare import join, paired, same
from dver.workspace.checkout.restore import (
    CheckoutSummary,
    CheckoutTarget,
    destination_of,
    is_finished,
    joined,
    placed_inside,
    plan_restore,
    record_targets,
    restore,
    summary,
)
from dver.workspace.files.apply import apply_plan
from dver.workspace.files.checkout_plan import CheckoutPlan, CheckoutSubject, plan_checkout
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.scanner import Snapshot


@dataclass(frozen=True, slots=True)
class _Difference:
    """A difference between two versions: `name` in the directory `folder`."""

    folder: bytes
    name: bytes
    old: Entry | None
    new: Entry | None

    @property
    def path(self) -> bytes:
        """The path of the difference."""
        return join(self.folder, self.name)


@dataclass(slots=True)
class _Differences:
    partial: bool
    """Whether missing files stay missing, unless they are new in a directory that is present completely."""
    places: list[_Difference] = field(default_factory=list)
    unknown: list[tuple[bytes, Entry, MissingObjectError | CorruptError]] = field(default_factory=list)
    """Directories of the new version that cannot be read."""


def update(repo: Repository, targets: Sequence[CheckoutTarget], *, progress: Progress = SILENT) -> CheckoutSummary:
    """Check out each target like `restore`, but scan only the differences to the data that dver placed.

    Missing files of partial directories stay missing. Call it within `repo.exclusive()`.
    """
    placed = repo.state.placed
    quick = {target.path: target for target in targets if _is_known(repo, target, placed.get(target.path, ()))}
    others = [target for target in targets if target.path not in quick and not _stays_absent(repo.state, target)]
    others_done = restore(repo, others, progress=progress) if others else CheckoutSummary(0, 0, 0, (), ())
    record_targets(repo.state, list(quick.values()), placed, finished=False)
    parts = {path: _update_one(repo, target, placed[path], progress) for path, target in quick.items()}
    done = [target for path, target in quick.items() if is_finished(target, parts[path].kept, parts[path].lost)]
    record_targets(repo.state, done, placed, finished=True)
    return joined([others_done, *parts.values()])


def _is_known(repo: Repository, target: CheckoutTarget, versions: Sequence[Entry]) -> bool:
    """Whether the version of a directory that dver placed is known, so that the target can be compared with it."""
    if target.entry is None or not versions or (len(versions) > 1 and target.path not in repo.state.partial):
        return False
    are_directories = target.entry.kind is versions[-1].kind is Kind.DIRECTORY
    return are_directories and stat.S_ISDIR(_mode(repo.layout.absolute(target.path)))


def _stays_absent(state: WorkspaceState, target: CheckoutTarget) -> bool:
    """Whether a partial directory has no present file to update. For its removal, everything present counts."""
    return target.path in state.partial and target.entry is not None


def plan_update(
    repo: Repository, targets: Sequence[CheckoutTarget], *, progress: Progress = SILENT
) -> list[CheckoutPlan]:
    """The plans of `update` for `targets`."""
    placed = repo.state.placed
    known = [target for target in targets if _is_known(repo, target, placed.get(target.path, ()))]
    others = [target for target in targets if target not in known and not _stays_absent(repo.state, target)]
    plans = [_plan_one(repo, target, placed[target.path], progress) for target in known]
    return [*plan_restore(repo, others, placed, progress=progress), *plans]


def _update_one(
    repo: Repository, target: CheckoutTarget, versions: tuple[Entry, ...], progress: Progress
) -> CheckoutSummary:
    plan = _plan_one(repo, target, versions, progress)
    lost = apply_plan(plan, destination_of(repo), repo.store, repo.workspace.stat_cache, progress=progress)
    done = summary(repo, [plan], lost)
    return replace(done, parts=(target.path,)) if lost and target.path in repo.state.partial else done


def _plan_one(
    repo: Repository, target: CheckoutTarget, versions: tuple[Entry, ...], progress: Progress
) -> CheckoutPlan:
    assert target.entry is not None
    found = _Differences(partial=target.path in repo.state.partial)
    folder, name = os.path.split(target.path)
    _compare(repo, found, _Difference(folder, name, versions[-1], target.entry))
    return _plan(repo, target.path, found, versions, progress)


def _compare(repo: Repository, found: _Differences, place: _Difference) -> None:
    """Add the differences between two versions of a path that changed."""
    old, new = place.old, place.new
    if old is None or new is None or not (old.kind is new.kind is Kind.DIRECTORY and _is_directory(repo.layout, place)):
        found.places.append(place)
        return
    try:
        wanted = repo.store.tree(new.oid)
    except (MissingObjectError, CorruptError) as error:
        found.unknown.append((place.path, new, error))
        return
    try:
        was = repo.store.tree(old.oid)
    except (MissingObjectError, CorruptError):  # without it, scan everything present
        found.places.append(place)
        return
    _compare_entries(repo, found, place.path, was, wanted)


def _compare_entries(
    repo: Repository, found: _Differences, folder: bytes, was: Sequence[Entry], wanted: Sequence[Entry]
) -> None:
    present = frozenset(os.listdir(repo.layout.absolute(folder))) if found.partial else frozenset()
    whole = all(entry.name in present for entry in was) if found.partial else True
    for name, left, right in paired(was, wanted):
        is_wanted = not found.partial or name in present or (left is None and whole)
        if is_wanted and not same(left, right):
            _compare(repo, found, _Difference(folder, name, left, right))


def _is_directory(layout: Layout, place: _Difference) -> bool:
    """Whether the path is a directory, and not a link that may lead out of the workspace."""
    return stat.S_ISDIR(_mode(layout.absolute(place.path)))


def _mode(path: bytes) -> int:
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _plan(
    repo: Repository, top: bytes, found: _Differences, versions: Sequence[Entry], progress: Progress
) -> CheckoutPlan:
    by_folder: dict[bytes, list[_Difference]] = {}
    for place in found.places:
        by_folder.setdefault(place.folder, []).append(place)
    snapshots: list[Snapshot] = []
    subjects: list[CheckoutSubject] = []
    for folder, places in by_folder.items():
        snapshot = repo.workspace.scan_names(folder, [place.name for place in places], HashOnly(), progress=progress)
        haves = _by_name(snapshot)
        snapshots += [snapshot] if snapshot else []
        subjects += [
            CheckoutSubject(place.path, haves.get(place.name), place.new, _bases(repo, top, place, versions))
            for place in places
        ]
    changed = [one for one in subjects if one.have is not None or one.want is not None]
    plan = plan_checkout(changed, read=repo.workspace.trees(snapshots), saved=repo.store.present)
    plan.unknown += found.unknown
    return plan


def _by_name(snapshot: Snapshot | None) -> Mapping[bytes, Entry]:
    entries = snapshot.tree(snapshot.root.oid) if snapshot else None
    return {entry.name: entry for entry in entries or ()}


def _bases(repo: Repository, top: bytes, place: _Difference, versions: Sequence[Entry]) -> tuple[Entry, ...]:
    """The versions that dver placed at a path: several after an interrupted checkout."""
    if len(versions) == 1:
        return (place.old,) if place.old is not None else ()
    inside = place.path[len(top) + 1 :].split(b"/") if place.path != top else []
    return placed_inside(repo, versions, inside)
