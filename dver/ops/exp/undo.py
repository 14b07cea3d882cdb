"""`dver exp undo`: bring the workspace of before an `exp apply` back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.core.errors import ConflictError, UsageError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.experiments.apply.look import StepTarget
from dver.experiments.apply.record import StepKind, UndoRecord, next_redo, next_undo
from dver.experiments.apply.records import delete_record, records_of
from dver.experiments.apply.step import take_step
from dver.git.revisions import head as head_of
from dver.repo import Repository
from dver.workspace.checkout.restore import CheckoutSummary


@dataclass(frozen=True, slots=True, repr=False)
class UndoResult(Displayed):
    """The result. Paths are relative to the top of the Git worktree."""

    record: int
    """The number of the record that was brought back."""
    name: str
    """The experiment that had been applied."""
    number: int
    """The number of the undo record with the workspace of before this undo."""
    written: tuple[bytes, ...]
    """Git's files that were created or changed."""
    deleted: tuple[bytes, ...]
    """Git's files that were deleted."""
    untracked: tuple[bytes, ...]
    """Those of them that Git did not track."""
    kept: tuple[bytes, ...]
    """Files that were edited in the meantime, and stay."""
    elsewhere: tuple[bytes, ...]
    """Changed pointers and locks of other projects in the same repository. Their data stays."""
    data: CheckoutSummary


@dataclass(frozen=True, slots=True, repr=False)
class SavedWorkspace(Displayed):
    """A workspace that `undo` can bring back."""

    number: int
    kind: str
    """The step that it was saved before: `apply` or `undo`."""
    name: str
    """The experiment of that step."""
    age: float
    """In seconds."""
    head: str | None
    files: int
    """The number of files that the step replaced."""
    unsaved: bool
    """Whether some of it is neither in a commit nor in an experiment."""
    interrupted: bool
    """Whether the step was interrupted."""


def undo(
    repo: Repository,
    number: int | None = None,
    *,
    redo: bool = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> UndoResult:
    """Bring the workspace of before the last `exp apply` back, byte for byte, with Git's index.

    Each further undo goes back by one more. With `redo`, the last undo is undone. With `number`, the workspace of that
    record comes back. The present workspace is saved first. With `force`, HEAD may be another commit than at that time.

    Raises UsageError if there is nothing to undo, ConflictError if HEAD has moved or the index is in conflict.
    """
    if redo and number is not None:
        raise UsageError("a number and redo exclude each other", fix="leave one out")
    with repo.exclusive():
        records = records_of(repo)
        record = _numbered(records, number) if number is not None else (next_redo if redo else next_undo)(records)
        if record.project != repo.layout.prefix:
            raise _in_other_project(repo, record)
        head = head_of(repo.git)
        if head != record.head and not force:
            raise _moved(record, head)
        target = StepTarget(record.name, record.tree, record.data, record=record)
        kind = StepKind.APPLY if redo else StepKind.UNDO
        done = take_step(repo, target, kind, restores=record.number, progress=progress)
        return UndoResult(
            record.number,
            record.name,
            done.number,
            done.written,
            done.deleted,
            done.untracked,
            done.kept,
            done.elsewhere,
            done.data,
        )


def list_saved(repo: Repository) -> tuple[SavedWorkspace, ...]:
    """The workspaces that `undo` can bring back, oldest first."""
    now = time.time()
    return tuple(
        SavedWorkspace(
            one.number,
            one.kind.value,
            one.name,
            max(0.0, now - one.created),
            one.head,
            len(one.files),
            one.is_unsaved,
            not one.is_finished,
        )
        for one in records_of(repo)
    )


def is_interrupted(repo: Repository) -> bool:
    """Whether the last `exp apply` or `exp undo` has changed the workspace and did not end."""
    records = records_of(repo)
    return bool(records) and not records[-1].is_finished


def drop(repo: Repository, number: int) -> None:
    """Delete the saved workspace `number` for good. Raises UsageError if there is none."""
    with repo.exclusive():
        delete_record(repo, _numbered(records_of(repo), number).number)


def _numbered(records: list[UndoRecord], number: int) -> UndoRecord:
    found = next((one for one in records if one.number == number), None)
    if found is None:
        raise UsageError(f"no saved workspace {number}", fix="`dver exp undo --list` lists them")
    return found


def _in_other_project(repo: Repository, record: UndoRecord) -> UsageError:
    place = quoted(repo.layout.shown(record.project))
    return UsageError(
        "that workspace was saved in another project of this repository",
        why="only its own data was saved",
        fix=f"dver exp undo --cd {place} {record.number}",
    )


def _moved(record: UndoRecord, head: str | None) -> ConflictError:
    return ConflictError(
        "HEAD has moved since",
        why=f"the saved workspace belongs to commit {_short(record.head)}, HEAD is {_short(head)}",
        fix="`dver exp undo --force` brings its files back nevertheless, after it has saved the present ones",
    )


def _short(commit: str | None) -> str:
    return commit[:10] if commit else "(none)"
