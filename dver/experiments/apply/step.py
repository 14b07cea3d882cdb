"""Steps that replace the workspace: look, save what is there, then change it (docs/format/undo.md)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.errors import ConflictError, DverError
from dver.core.files import explain
from dver.core.phrasing import join_limited
from dver.core.progress import Progress
from dver.experiments.apply.execute import Execution
from dver.experiments.apply.look import Look, StepTarget, look_at_workspace
from dver.experiments.apply.record import FOLDER, StepKind, UndoRecord, continued, record_numbers
from dver.experiments.apply.records import (
    copy_state,
    finish,
    folder_of,
    publish,
    records_of,
    restore_state,
    saved_index,
)
from dver.experiments.apply.saved_files import SavedContent, SavedFiles, save_files
from dver.experiments.apply.workspace_data import DataChange, DataPlan, download_data, note_present, store_data
from dver.experiments.journal import Journal
from dver.experiments.run import refuse_second
from dver.git import scratch_index
from dver.git.index import unmerged
from dver.git.pointers import names_data
from dver.git.scratch_index import IndexFile, ScratchIndex
from dver.repo import Repository
from dver.store.trash.guard import GcGuard
from dver.tracking.targets import is_at_or_below
from dver.workspace.checkout.restore import CheckoutSummary, joined


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step changed. Paths are relative to the top of the Git worktree."""

    number: int
    """The number of its undo record."""
    written: tuple[bytes, ...]
    """Git's files that were written."""
    deleted: tuple[bytes, ...]
    """Git's files that were deleted."""
    untracked: tuple[bytes, ...]
    """The deleted files that Git did not track."""
    kept: tuple[bytes, ...]
    """Files that were edited during the step, and stay."""
    submodules: tuple[bytes, ...]
    """Changed submodules, which stay."""
    left_out: tuple[bytes, ...]
    """Data that is missing in the workspace and in the store, and stays so."""
    elsewhere: tuple[bytes, ...]
    """Changed pointers and locks of other projects in the same repository. Their data stays."""
    data: CheckoutSummary


@dataclass(frozen=True, slots=True)
class _Saved:
    """The record of a step that is about to change the workspace."""

    record: UndoRecord
    files: SavedFiles
    data: DataPlan
    """The plan, with the entries of data as it was stored."""


def take_step(
    repo: Repository,
    target: StepTarget,
    kind: StepKind,
    *,
    restores: int | None = None,
    keep_untracked: bool = False,
    progress: Progress,
) -> StepResult:
    """Make the workspace the `target`, after saving it in an undo record. Call it within `repo.exclusive()`.

    Raises ConflictError for an index in conflict or locked, and where a nested repository is in the way;
    MissingObjectError if data cannot be downloaded. Then nothing has changed. An error after that names the command
    that brings everything back.
    """
    refuse_conflicts(repo)
    records = records_of(repo)
    with _scratch(repo) as scratch:
        last = records[-1] if records else None
        found = look_at_workspace(repo, target, scratch, last, keep_untracked=keep_untracked, progress=progress)
        if _is_repeated(last, target, found, kind):
            assert last is not None
            return _result(repo, found, last.number, (), joined([]))
        saved = _save(repo, target, found, kind, scratch, records, restores=restores, progress=progress)
        kept, data = _change(repo, target, found, saved, scratch, progress)
        finish(repo, saved.record.number, target.saved_files)
        return _result(repo, found, saved.record.number, kept, data)


def refuse_conflicts(repo: Repository) -> None:
    """Raise ConflictError if Git's index is in conflict or locked, or if an experiment runs in the workspace."""
    with Journal(repo) as journal:
        refuse_second(repo, journal, "wait until it has ended, then run the same command again")
    scratch_index.refuse_locked_index(repo.git)
    if conflicts := unmerged(repo.git):
        raise ConflictError(
            f"{join_limited([repo.layout.shown(path) for path in sorted(conflicts)])} in conflict",
            why="a merge, rebase or similar is unfinished, and no undo could bring that back",
            fix="`git status` shows how to finish or abort it",
        )


@contextmanager
def _scratch(repo: Repository) -> Iterator[Path]:
    """A directory for files of this step. The worktree's lock makes it the only one."""
    folder = repo.layout.worktree_dir / FOLDER / "new"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "record").mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_repeated(last: UndoRecord | None, target: StepTarget, found: Look, kind: StepKind) -> bool:
    """Whether the `last` step was the same one, and nothing has changed since. Then its record stays the last one."""
    if last is None or kind is not StepKind.APPLY or target.record is not None:
        return False
    is_same = last.is_finished and last.kind is StepKind.APPLY and last.target == target.tree
    return is_same and found.changes_nothing and found.git.index_tree == target.tree


# -- saving


def _save(
    repo: Repository,
    target: StepTarget,
    found: Look,
    kind: StepKind,
    scratch: Path,
    records: Sequence[UndoRecord],
    *,
    restores: int | None,
    progress: Progress,
) -> _Saved:
    """Save everything that the step changes, download what it needs, and publish the record.

    The workspace does not change.
    """
    guard = GcGuard(repo.store)
    folder = scratch / "record"
    present = {one.path: one.present for one in found.data.changes if one.present is not None}
    stored = store_data(repo, present, progress)
    changes = tuple(replace(one, present=stored.get(one.path)) for one in found.data.changes)
    download_data(repo, changes, target.remotes, target.fix, progress)
    files = save_files(repo.layout.top, found.files.clear, folder, staying=found.touched)
    copy_state(repo, found.git.index, folder)
    record = UndoRecord(
        number=max(record_numbers(repo.layout.worktree_dir), default=0) + 1,
        kind=kind,
        project=repo.layout.prefix,
        name=target.name,
        created=time.time(),
        head=found.git.head,
        tree=found.git.tree,
        target=target.tree,
        files=files.files,
        directories=found.directories,
        new_directories=found.new_directories,
        untracked=found.left_alone,
        data={**found.data.present, **stored},
        index_mtime=found.git.index.mtime,
        is_unsaved=_is_unsaved(repo, target, found, records),
        restores=restores,
        continues=continued(records, kind, found.git.head),
    )
    publish(repo, record, folder, index_tree=found.git.index_tree)
    guard.recheck(one.ref().key for one in record.data.values() if one is not None)
    return _Saved(record, files, replace(found.data, changes=changes))


def _is_unsaved(repo: Repository, target: StepTarget, found: Look, records: Sequence[UndoRecord]) -> bool:
    """Whether something that the step changes is neither in HEAD nor in an experiment."""
    git, edited = found.git, [one for one in found.data.changes if not _is_recorded(found, one)]
    saved = {*target.saved_trees, *(one.target for one in records)}
    if git.head is not None:
        saved.update(scratch_index.tree_of(repo.git, [git.head]).values())
    ignored = set(found.files.clear) - {one.path for one in git.changes if one.old is not None}
    return bool(edited or ignored) or git.tree not in saved or git.index_tree not in saved


def _is_recorded(found: Look, change: DataChange) -> bool:
    """Whether data is missing, or a pointer or lock of the workspace names its content."""
    tracked = found.tracked.get(change.path)
    return change.present is None or (tracked is not None and tracked.pointer.oid == change.present.oid)


# -- changing


def _change(
    repo: Repository, target: StepTarget, found: Look, saved: _Saved, scratch: Path, progress: Progress
) -> tuple[tuple[bytes, ...], CheckoutSummary]:
    """Change the workspace. Returns the files that stayed, and what happened to the data.

    An error names the command that brings everything back.
    """
    try:
        return _execute(repo, target, found, saved, ScratchIndex(repo.git, scratch / "next"), progress)
    except (DverError, OSError) as error:
        known = error if isinstance(error, DverError) else explain(error)
        fix = "`dver exp undo` brings your workspace back; the same command again completes it"
        raise type(known)(known.what, why=known.why, fix=fix) from error


def _execute(
    repo: Repository, target: StepTarget, found: Look, saved: _Saved, scratch: ScratchIndex, progress: Progress
) -> tuple[tuple[bytes, ...], CheckoutSummary]:
    record = target.record
    _fill(scratch, target, found)
    index = IndexFile(scratch.path.read_bytes()) if record is None else saved_index(repo, record)
    execution = Execution(repo, found.files, saved.files, saved.data.changes, progress)
    note_present(repo, saved.data.changes)
    scratch_index.replace_index(repo.git, index, expected=found.git.index)
    execution.remove_data()
    execution.clear()
    execution.write(scratch)
    if record is not None:
        execution.restore(SavedContent(folder_of(repo, record.number)), record)
    data = execution.check_out_data()
    execution.tidy(found.directories, keep=record.directories if record is not None else ())
    if record is not None:
        execution.set_attributes(record, found.touched)
        restore_state(repo, record)
    else:
        scratch_index.refresh_index(repo.git)
    return tuple(execution.kept), data


def _fill(scratch: ScratchIndex, target: StepTarget, found: Look) -> None:
    """Make an index of the target's files. Files that the step leaves alone keep their entries and flags."""
    scratch.start(found.git.index)
    scratch.flag("--no-assume-unchanged", found.git.flags.assumed)  # read-tree would refuse to replace them
    scratch.read_tree(target.tree)
    scratch.flag("--assume-unchanged", found.still_assumed)
    scratch.flag("--skip-worktree", found.files.left_out)


def _result(repo: Repository, found: Look, number: int, kept: tuple[bytes, ...], data: CheckoutSummary) -> StepResult:
    stayed = set(kept)
    written = tuple(path for path in (*found.files.write, *found.files.restore) if path not in stayed)
    deleted = tuple(path for path in found.files.deleted if path not in stayed)
    return StepResult(
        number,
        written=written,
        deleted=deleted,
        untracked=tuple(path for path in found.untracked if path not in stayed),
        kept=kept,
        submodules=found.files.submodules,
        left_out=found.data.left_out,
        elsewhere=tuple(
            path for path in (*written, *deleted) if names_data(path) and not is_at_or_below(path, repo.layout.prefix)
        ),
        data=data,
    )
