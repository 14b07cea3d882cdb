"""Steps that replace the workspace: plan, save what was there, then change it (docs/format/undo.md)."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dver.core.errors import ConflictError, DverError
from dver.core.files import explain, fsync_dir, write_atomic
from dver.core.phrasing import join_limited
from dver.core.progress import Progress
from dver.experiments.apply.execute import Execution, FileOutcome
from dver.experiments.apply.plan import FilePlan, parents, plan_files, wanted_changes
from dver.experiments.apply.record import (
    FILE,
    FINISHED,
    FOLDER,
    INDEX,
    STATE_FILES,
    SavedFile,
    StepKind,
    UndoRecord,
    continued,
    encode_undo,
    expendable,
    read_records,
    record_numbers,
)
from dver.experiments.apply.saved_files import SavedContent, SavedFiles, save_files
from dver.experiments.apply.view import directories_above, is_below_link, status_of, view_workspace
from dver.experiments.apply.workspace_data import (
    DataPlan,
    download_data,
    known_data,
    note_present,
    plan_data,
    store_data,
)
from dver.experiments.journal import Journal
from dver.experiments.run import refuse_second
from dver.formats.tree import Entry
from dver.git import scratch_index
from dver.git.index import unmerged
from dver.git.revisions import head as head_of
from dver.git.scratch_index import FlaggedFiles, IndexFile, ScratchIndex, TreeDifference
from dver.repo import Repository
from dver.store.trash.guard import GcGuard
from dver.tracking.targets import TrackedData
from dver.workspace.checkout.restore import CheckoutSummary, joined

KEEP: Final = 20
"""The number of records to keep, beside those with unsaved work."""
_REF: Final = "refs/dver/undo/"


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
    data: CheckoutSummary


def records_of(repo: Repository) -> list[UndoRecord]:
    """The undo records of the worktree, oldest first."""
    return list(read_records(repo.layout.worktree_dir))


def folder_of(repo: Repository, number: int) -> Path:
    """The directory of an undo record."""
    return repo.layout.worktree_dir / FOLDER / str(number)


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
    with _scratch(repo) as folder:
        step = _Step(repo, target, kind, folder, progress)
        step.look(keep_untracked=keep_untracked)
        if (last := step.repeated) is not None:
            return step.result(last.number, (), joined([]))
        step.save(restores)
        return step.carry_out()


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


@dataclass(slots=True)
class _Look:
    """What was found in the workspace, and the plan."""

    index: IndexFile
    head: str | None
    tree: str
    index_tree: str
    tracked: Mapping[bytes, TrackedData]
    files: FilePlan
    data: DataPlan
    untracked: tuple[bytes, ...] = ()
    """Untracked files that are to be deleted."""
    left_alone: tuple[bytes, ...] = ()
    """Untracked files that stay."""
    directories: Mapping[bytes, int] = field(default_factory=dict)
    touched: tuple[bytes, ...] = ()
    """Files of the restored record that differ only in their time."""
    flags: FlaggedFiles = field(default_factory=lambda: FlaggedFiles((), ()))
    assumed: frozenset[bytes] = frozenset()
    """Unchanged files that Git does not compare, because the user said so."""


class _Step:
    """One step."""

    def __init__(self, repo: Repository, target: StepTarget, kind: StepKind, folder: Path, progress: Progress) -> None:
        self.repo = repo
        self.target = target
        self.kind = kind
        self.folder = folder
        self.progress = progress
        self.records = records_of(repo)
        self.number = max(record_numbers(repo.layout.worktree_dir), default=0) + 1
        self.found: _Look
        self.saved: SavedFiles
        self.guard = GcGuard(repo.store)

    # -- looking

    def look(self, *, keep_untracked: bool) -> None:
        """Compare the workspace with the target, and plan."""
        repo, target = self.repo, self.target
        index, head = scratch_index.read_index(repo.git), head_of(repo.git)
        scratch = ScratchIndex(repo.git, self.folder / "index")
        scratch.start(index)
        index_tree = scratch.write_tree()
        tree, changes, untracked = self._compare(scratch)
        tracked, known = known_data(repo)
        record = target.record
        data = plan_data(
            repo,
            target.data,
            tracked,
            known,
            exact=record is not None,
            remotes=target.remotes,
            progress=self.progress,
        )
        files = record.files if record is not None else {}
        restored, touched = self._to_restore(files)
        paths_of_data = {*known, *target.data}
        # Nested repositories are listed with a slash at the end.
        loose = [path for path in untracked if path not in files and not path.endswith(b"/")]
        if keep_untracked:
            loose_gone: list[bytes] = []
        else:
            alone = set(record.untracked) if record is not None else set()
            loose_gone = [
                path for path in loose if path not in alone and not _is_in(path, paths_of_data) and self._is_small(path)
            ]
        flags = scratch_index.flagged(repo.git)
        left_out = [path for path in flags.left_out if status_of(repo.layout.absolute(path)) is None]
        wanted = wanted_changes(
            [one for one in changes if one.path not in files],
            untracked=loose_gone,
            restored=restored,
            left_out=frozenset(left_out),
            data=paths_of_data,
        )
        view = view_workspace(
            repo.layout.top,
            written=(*wanted.write, *wanted.restore),
            deleted=(*wanted.delete, *wanted.new_submodules),
        )
        plan = plan_files(wanted, view, removed_data=data.removed)
        gone = set(loose_gone)
        self.found = _Look(
            index,
            head,
            tree,
            index_tree,
            tracked,
            plan,
            data,
            untracked=tuple(path for path in plan.deleted if path in gone),
            left_alone=tuple(path for path in loose if path not in gone and path not in plan.clear),
            directories=self._directories(plan, data),
            touched=touched,
            flags=flags,
            assumed=frozenset(flags.assumed) - {one.path for one in changes},
        )

    def _compare(self, scratch: ScratchIndex) -> tuple[str, Sequence[TreeDifference], Sequence[bytes]]:
        """Git's tree of the workspace, its differences to the target, and the other untracked files.

        Untracked files that the target has are in the tree. Others are not: they may be large.
        """
        git, target = self.repo.git, self.target.tree
        scratch.add_tracked()
        tree, untracked = scratch.write_tree(), scratch_index.untracked(git)
        changes = scratch_index.tree_differences(git, tree, target)
        loose = set(untracked)
        if both := [one.path for one in changes if one.old is None and one.path in loose]:
            scratch.add(both)
            tree = scratch.write_tree()
            changes = scratch_index.tree_differences(git, tree, target)
        added = set(both)
        return tree, changes, [path for path in untracked if path not in added]

    def _is_small(self, path: bytes) -> bool:
        """Whether an experiment could have the untracked file: larger ones are left out of it, and so stay."""
        return os.lstat(self.repo.layout.absolute(path)).st_size <= self.repo.config.max_file_size

    def _to_restore(self, files: Mapping[bytes, SavedFile]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """The files of the record that differ, and those that differ only in their time."""
        restored, touched = [], []
        for path, saved in files.items():
            full = self.repo.layout.absolute(path)
            if is_below_link(self.repo.layout.top, path) or not self._content().matches(full, saved):
                restored.append(path)
            elif os.lstat(full).st_mtime_ns != saved.mtime:
                touched.append(path)
        return tuple(restored), tuple(touched)

    def _content(self) -> SavedContent:
        assert self.target.record is not None
        return SavedContent(folder_of(self.repo, self.target.record.number))

    def _directories(self, plan: FilePlan, data: DataPlan) -> dict[bytes, int]:
        """The existing directories that the step may remove, or has new files for, and their modes."""
        top = self.repo.layout.top
        found = {}
        for path in [*plan.clear, *plan.write, *plan.restore, *(one.path for one in data.changes)]:
            found.update(directories_above(top, path))
        for path in plan.clear_directories:
            found[path] = stat.S_IMODE(os.lstat(top + b"/" + path).st_mode)
        return found

    @property
    def repeated(self) -> UndoRecord | None:
        """The record of the last step, if that was the same one and nothing has changed since. It stays the last."""
        found, last = self.found, self.records[-1] if self.records else None
        plan = found.files
        if last is None or self.kind is not StepKind.APPLY or self.target.record is not None:
            return None
        is_same = last.is_finished and last.kind is StepKind.APPLY and last.target == self.target.tree
        changes = plan.clear or plan.clear_directories or plan.write or plan.new_submodules or found.data.changes
        return last if is_same and not changes and found.index_tree == self.target.tree else None

    # -- saving

    def save(self, restores: int | None) -> None:
        """Save everything that the step changes, and write the record. The workspace does not change."""
        repo, found, folder = self.repo, self.found, self.folder / "record"
        before = {one.path: one.present for one in found.data.changes if one.present is not None}
        unsaved_data = [path for path, entry in before.items() if not self._is_recorded(path, entry)]
        stored = store_data(repo, before, self.progress)
        data = {**found.data.present, **stored}
        changes = tuple(replace(one, present=data[one.path]) for one in found.data.changes)
        found.data = replace(found.data, changes=changes)
        download_data(repo, changes, self.target.remotes, self.target.fix, self.progress)
        self.saved = save_files(repo.layout.top, found.files.clear, folder)
        self._save_state(folder)
        record = UndoRecord(
            number=self.number,
            kind=self.kind,
            name=self.target.name,
            created=time.time(),
            head=found.head,
            tree=found.tree,
            target=self.target.tree,
            files=self.saved.files,
            directories=found.directories,
            untracked=found.left_alone,
            data=data,
            index_mtime=found.index.mtime,
            is_unsaved=bool(unsaved_data) or self._is_unsaved(),
            restores=restores,
            continues=continued(self.records, self.kind),
        )
        write_atomic(folder / FILE, encode_undo(record))
        self._publish(folder, record)

    def _publish(self, folder: Path, record: UndoRecord) -> None:
        """Give the record its number. From here on, `undo` brings everything back."""
        found, git = self.found, self.repo.git
        scratch_index.keep_trees(
            git,
            ref_of(self.repo, self.number),
            worktree=found.tree,
            index=found.index_tree,
            head=found.head,
            message=f"before dver exp {self.kind.value}: {record.name}",
        )
        for below in [folder / "large", folder]:
            if below.exists():
                fsync_dir(below)
        os.rename(folder, folder_of(self.repo, self.number))
        fsync_dir(self.repo.layout.worktree_dir / FOLDER)
        self.guard.recheck(one.ref().key for one in record.data.values() if one is not None)

    def _save_state(self, folder: Path) -> None:
        if self.found.index.content is not None:
            write_atomic(folder / INDEX, self.found.index.content)
        for name in STATE_FILES:
            file = self.repo.layout.worktree_dir / name
            if file.exists():
                write_atomic(folder / name, file.read_bytes())
        for file in self.repo.git.git_dir.glob("sharedindex.*"):
            write_atomic(folder / file.name, file.read_bytes())

    def _is_recorded(self, path: bytes, entry: Entry) -> bool:
        """Whether a pointer or lock of the workspace names the content of data."""
        tracked = self.found.tracked.get(path)
        return tracked is not None and tracked.pointer.oid == entry.oid

    def _is_unsaved(self) -> bool:
        """Whether files that the step changes are neither in HEAD nor in an experiment."""
        found, saved = self.found, {*self.target.saved_trees, *(one.target for one in self.records)}
        if found.head is not None:
            saved |= set(scratch_index.tree_of(self.repo.git, [found.head]).values())
        ignored = set(found.files.clear) - {one.path for one in self._tree_paths()}
        return bool(found.untracked or ignored) or found.tree not in saved or found.index_tree not in saved

    def _tree_paths(self) -> Sequence[TreeDifference]:
        return [
            one
            for one in scratch_index.tree_differences(self.repo.git, self.found.tree, self.target.tree)
            if one.old is not None
        ]

    # -- changing

    def carry_out(self) -> StepResult:
        """Change the workspace. An error names the command that brings everything back."""
        try:
            files, data = self._change()
        except (DverError, OSError) as error:
            known = error if isinstance(error, DverError) else explain(error)
            raise type(known)(
                known.what, why=known.why, fix="`dver exp undo` brings your workspace back, then try again"
            ) from error
        write_atomic(folder_of(self.repo, self.number) / FINISHED, b"")
        self._prune()
        return self.result(self.number, files.kept, data)

    def result(self, number: int, kept: tuple[bytes, ...], data: CheckoutSummary) -> StepResult:
        """The result of the step, whose undo record is `number`."""
        found, stayed = self.found, set(kept)
        return StepResult(
            number,
            written=tuple(path for path in (*found.files.write, *found.files.restore) if path not in stayed),
            deleted=tuple(path for path in found.files.deleted if path not in stayed),
            untracked=tuple(path for path in found.untracked if path not in stayed),
            kept=kept,
            submodules=found.files.submodules,
            left_out=found.data.left_out,
            data=data,
        )

    def _change(self) -> tuple[FileOutcome, CheckoutSummary]:
        repo, found, target = self.repo, self.found, self.target
        index = self._next_index()
        scratch = ScratchIndex(repo.git, self.folder / "next")
        execution = Execution(repo, found.files, self.saved, found.data.changes, self.progress)
        note_present(repo, found.data.changes)
        scratch_index.replace_index(repo.git, index, expected=found.index)
        execution.remove_data()
        execution.clear()
        execution.write(scratch, self._content() if target.record is not None else None, target.record)
        data = execution.check_out_data()
        directories = target.record.directories if target.record is not None else {}
        execution.tidy(directories, found.directories, found.touched, target.record)
        if target.record is None:
            scratch_index.refresh_index(repo.git)
        else:
            self._restore_state(target.record)
        return FileOutcome(tuple(execution.kept)), data

    def _next_index(self) -> IndexFile:
        """The next index: with the files of the target staged, or that of the restored record."""
        repo, record = self.repo, self.target.record
        scratch = ScratchIndex(repo.git, self.folder / "next")
        scratch.start(self.found.index)
        scratch.flag("--no-assume-unchanged", self.found.flags.assumed)
        scratch.read_tree(self.target.tree)
        scratch.flag("--assume-unchanged", self.found.assumed)
        scratch.flag("--skip-worktree", self.found.files.left_out)
        if record is None:
            return IndexFile(scratch.path.read_bytes())
        folder = folder_of(repo, record.number)
        for file in folder.glob("sharedindex.*"):
            if not (repo.git.git_dir / file.name).exists():
                write_atomic(repo.git.git_dir / file.name, file.read_bytes())
        if not record.index_mtime:
            return IndexFile(None)
        return IndexFile((folder / INDEX).read_bytes(), record.index_mtime)

    def _restore_state(self, record: UndoRecord) -> None:
        folder = folder_of(self.repo, record.number)
        for name in STATE_FILES:
            file = self.repo.layout.worktree_dir / name
            if (folder / name).exists():
                write_atomic(file, (folder / name).read_bytes())
            else:
                file.unlink(missing_ok=True)
        self.repo.state.forget_read()

    def _prune(self) -> None:
        for number in expendable(records_of(self.repo), KEEP):
            delete_record(self.repo, number)


def ref_of(repo: Repository, number: int) -> str:
    """The ref that keeps the content of a record in Git."""
    git = repo.git
    worktree = "main" if git.git_dir == git.common_dir else f"worktrees/{git.git_dir.name}"
    return f"{_REF}{worktree}/{number}"


def delete_record(repo: Repository, number: int) -> None:
    """Delete a record. The data in it goes with the next gc."""
    folder = folder_of(repo, number)
    gone = folder.with_name("gone")
    shutil.rmtree(gone, ignore_errors=True)
    os.rename(folder, gone)  # a killed deletion leaves no half record
    scratch_index.delete_ref(repo.git, ref_of(repo, number))
    shutil.rmtree(gone, ignore_errors=True)


def _is_in(path: bytes, directories: Collection[bytes]) -> bool:
    return path in directories or any(above in directories for above in parents(path))
