"""Looking at a workspace: how it differs from the target of a step, and the plan."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dver.core.progress import Progress
from dver.experiments.apply.plan import FilePlan, is_in, parents, plan_files, wanted_changes
from dver.experiments.apply.record import SavedFile, UndoRecord
from dver.experiments.apply.records import folder_of, left_by
from dver.experiments.apply.saved_files import SavedContent
from dver.experiments.apply.view import directories_above, is_below_link, status_of, view_workspace
from dver.experiments.apply.workspace_data import DataPlan, known_data, plan_data
from dver.formats.tree import Entry
from dver.git import scratch_index
from dver.git.revisions import head as head_of
from dver.git.scratch_index import FlaggedFiles, IndexFile, ScratchIndex, TreeDifference
from dver.repo import Repository
from dver.tracking.targets import TrackedData


@dataclass(frozen=True, slots=True)
class StepTarget:
    """What a step makes the workspace."""

    name: str
    """The name of the experiment."""
    tree: str
    """Git's tree."""
    data: Mapping[bytes, Entry | None]
    """The tracked data; None for missing data."""
    remotes: Sequence[str | None] = (None,)
    """The remotes that may have its data."""
    fix: str = "dver pull"
    """The command that downloads its data."""
    record: UndoRecord | None = None
    """The record to bring back, with its files, its index and its data."""
    saved_trees: Collection[str] = ()
    """Trees of Git that are saved as experiments."""

    @property
    def saved_files(self) -> Mapping[bytes, SavedFile]:
        """The files that the record has, by path."""
        return self.record.files if self.record is not None else {}


@dataclass(frozen=True, slots=True)
class GitLook:
    """Git's side of a workspace."""

    index: IndexFile
    head: str | None
    tree: str
    """The tree of the working tree: tracked files, and untracked ones that the target has, too."""
    index_tree: str
    changes: Sequence[TreeDifference]
    """The differences of the target to `tree`."""
    untracked: Sequence[bytes]
    """The other untracked files."""
    flags: FlaggedFiles


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in the workspace, and the plan."""

    git: GitLook
    files: FilePlan
    data: DataPlan
    tracked: Mapping[bytes, TrackedData]
    """The data that pointers and locks of the workspace name."""
    untracked: tuple[bytes, ...] = ()
    """Untracked files that are to be deleted."""
    left_alone: tuple[bytes, ...] = ()
    """Untracked files that stay."""
    directories: Mapping[bytes, int] = field(default_factory=dict)
    """The existing directories that the step may remove, or has new files for, and their modes."""
    new_directories: tuple[bytes, ...] = ()
    """The missing directories that the step makes."""
    touched: tuple[bytes, ...] = ()
    """Files of the restored record that differ only in their time."""

    @property
    def changes_nothing(self) -> bool:
        """Whether Git's files and the data are those of the target."""
        plan = self.files
        return not (plan.clear or plan.clear_directories or plan.write or plan.new_submodules or self.data.changes)

    @property
    def still_assumed(self) -> frozenset[bytes]:
        """The files assumed unchanged that the step leaves alone."""
        return frozenset(self.git.flags.assumed) - {one.path for one in self.git.changes}


def look_at_workspace(
    repo: Repository,
    target: StepTarget,
    scratch: Path,
    last: UndoRecord | None,
    *,
    keep_untracked: bool,
    progress: Progress,
) -> Look:
    """Compare the workspace with the target, and plan. `scratch` is a directory for temporary indexes.

    `last` is the record of the last step.

    Nothing changes but Git's objects. Raises ConflictError where something is in the way that cannot be saved.
    """
    git = _look_at_git(repo, target, ScratchIndex(repo.git, scratch / "index"))
    tracked, known = known_data(repo)
    exact = target.record is not None
    data = plan_data(repo, target.data, tracked, known, exact=exact, remotes=target.remotes, progress=progress)
    in_data = frozenset((*known, *target.data))
    # Nested repositories are listed with a slash at the end.
    loose = [path for path in git.untracked if path not in target.saved_files and not path.endswith(b"/")]
    left = left_by(repo, last, loose) if last is not None else frozenset()
    gone = [] if keep_untracked else _removable(repo, target, loose, in_data, left)
    restored, touched = _to_restore(repo, target)
    plan = _plan(repo, target, git, data, gone=gone, restored=restored, in_data=in_data)
    removed = set(gone)
    return Look(
        git,
        plan,
        data,
        tracked,
        untracked=tuple(path for path in plan.deleted if path in removed),
        left_alone=tuple(path for path in loose if path not in removed and path not in plan.clear),
        directories=_directories(repo, target, plan, data),
        new_directories=_new_directories(repo, target, plan, data),
        touched=touched,
    )


def _look_at_git(repo: Repository, target: StepTarget, scratch: ScratchIndex) -> GitLook:
    """Git's side. Untracked files that the target does not have are in no tree: they may be large."""
    git = repo.git
    index, head = scratch_index.read_index(git), head_of(git)
    scratch.start(index)
    index_tree = scratch.write_tree()
    scratch.add_tracked()
    tree, untracked = scratch.write_tree(), scratch_index.untracked(git)
    changes = scratch_index.tree_differences(git, tree, target.tree)
    loose = set(untracked)
    if both := [one.path for one in changes if one.old is None and one.path in loose]:
        scratch.add(both)
        tree = scratch.write_tree()
        changes = scratch_index.tree_differences(git, tree, target.tree)
    rest = [path for path in untracked if path not in set(both)] if both else untracked
    return GitLook(index, head, tree, index_tree, changes, rest, scratch_index.flagged(git))


def _removable(
    repo: Repository, target: StepTarget, loose: Sequence[bytes], in_data: Collection[bytes], left: frozenset[bytes]
) -> list[bytes]:
    """The untracked files that the target does not have and that may go; `left` are those from before the last step.

    Files too large for an experiment stay: it does not have them, whether they existed or not.
    """
    alone = left | frozenset(target.record.untracked if target.record is not None else ())
    largest = repo.config.max_file_size
    found = []
    for path in loose:
        status = status_of(repo.layout.absolute(path))
        if path not in alone and not is_in(path, in_data) and status is not None and status.st_size <= largest:
            found.append(path)
    return found


def _to_restore(repo: Repository, target: StepTarget) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The files of the record that differ, and those that differ only in their time."""
    if target.record is None:
        return (), ()
    content = SavedContent(folder_of(repo, target.record.number))
    restored, touched = [], []
    for path, saved in target.record.files.items():
        full = repo.layout.absolute(path)
        if is_below_link(repo.layout.top, path) or not content.matches(full, saved):
            restored.append(path)
        elif os.lstat(full).st_mtime_ns != saved.mtime:
            touched.append(path)
    return tuple(restored), tuple(touched)


def _plan(
    repo: Repository,
    target: StepTarget,
    git: GitLook,
    data: DataPlan,
    *,
    gone: Sequence[bytes],
    restored: Sequence[bytes],
    in_data: Collection[bytes],
) -> FilePlan:
    left_out = [path for path in git.flags.left_out if status_of(repo.layout.absolute(path)) is None]
    wanted = wanted_changes(
        [one for one in git.changes if one.path not in target.saved_files],
        untracked=gone,
        restored=restored,
        left_out=frozenset(left_out),
        data=in_data,
    )
    view = view_workspace(
        repo.layout.top,
        written=(*wanted.write, *wanted.restore),
        deleted=(*wanted.delete, *wanted.new_submodules),
    )
    return plan_files(wanted, view, removed_data=data.removed)


def _directories(repo: Repository, target: StepTarget, plan: FilePlan, data: DataPlan) -> dict[bytes, int]:
    """The existing directories that the step may remove, or has new files for, and their modes."""
    top = repo.layout.top
    found = {}
    for path in [*plan.clear, *plan.write, *plan.restore, *(one.path for one in data.changes)]:
        found.update(directories_above(top, path))
    # Those that the step to undo has made: they may be empty by now, with no file that leads to them.
    made = target.record.new_directories if target.record is not None else ()
    for path in (*plan.clear_directories, *made):
        if _is_directory(top, path):
            found[path] = stat.S_IMODE(os.lstat(top + b"/" + path).st_mode)
    return found


def _new_directories(repo: Repository, target: StepTarget, plan: FilePlan, data: DataPlan) -> tuple[bytes, ...]:
    """The directories of the target's files and of its record that are missing, or not directories yet."""
    changed = [one.path for one in data.changes if one.target is not None]
    needed = {above for path in (*plan.write, *plan.restore, *changed) for above in parents(path)}
    if target.record is not None:
        needed.update(target.record.directories)
    return tuple(path for path in sorted(needed) if not _is_directory(repo.layout.top, path))


def _is_directory(top: bytes, path: bytes) -> bool:
    status = status_of(top + b"/" + path)
    return status is not None and stat.S_ISDIR(status.st_mode) and not is_below_link(top, path)
