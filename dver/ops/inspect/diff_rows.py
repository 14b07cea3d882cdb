"""`dver diff --rows`: compare the rows of changed tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from dver.access.content_files import content_file, scratch_directory
from dver.core.display import Displayed
from dver.core.errors import DverError, UsageError
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Kind
from dver.repo import Repository
from dver.store.trees.compare import TreeChange
from dver.tables.compare import compare_tables
from dver.tables.difference import TableDifference
from dver.tables.engine import is_table


@dataclass(frozen=True, slots=True, repr=False)
class RowsOfTable(Displayed):
    """The rows of a changed table, or the error because of which they could not be compared.

    `path` is relative to the top of the Git worktree.
    """

    path: bytes
    difference: TableDifference | None
    error: DverError | None = None


def diff_rows(
    repo: Repository,
    changes: Sequence[TreeChange],
    *,
    key: Sequence[str] = (),
    old: str | None,
    new: str | None,
    limit: int = 10,
    progress: Progress = SILENT,
) -> tuple[RowsOfTable, ...]:
    """Compare the rows of the tables that `changes`, the result of `diff` from `old` to `new`, modify.

    `key` are the columns that identify a row; `limit` is the number of sample rows of each kind. Equal files are no
    changes, so they are never read. Contents are read from the workspace and the store. Raises UsageError if a single
    table cannot be compared, or without the extra `data`.
    """
    tables = [change for change in changes if _is_modified_table(change)]
    found = []
    with progress.task("compare", total=len(tables), unit="files") as task:
        for change in tables:
            found.append(_compared(repo, change, key, old=old, new=new, limit=limit))
            task.advance(1)
    if len(found) == 1 and found[0].error is not None:
        raise found[0].error
    return tuple(found)


def _is_modified_table(change: TreeChange) -> bool:
    files = (Kind.FILE, Kind.EXECUTABLE)
    sides = (change.old, change.new)
    return is_table(os.fsdecode(change.path)) and all(one is not None and one.kind in files for one in sides)


def _compared(
    repo: Repository, change: TreeChange, key: Sequence[str], *, old: str | None, new: str | None, limit: int
) -> RowsOfTable:
    assert change.old is not None
    assert change.new is not None
    if change.old.oid == change.new.oid:  # renamed, or another mode
        return RowsOfTable(change.path, None)
    name = os.fsdecode(os.path.basename(change.path))
    with scratch_directory(repo) as scratch:
        try:
            before = content_file(repo, change.old, change.old_path or change.path, old or "HEAD", scratch / "old")
            after = content_file(repo, change.new, change.path, new, scratch / "new")
            (scratch / "tables").mkdir()
            found = compare_tables(before, after, name, key=key, samples=limit, scratch=scratch / "tables")
        except UsageError:
            raise
        except DverError as error:
            return RowsOfTable(change.path, None, error)
    return RowsOfTable(change.path, found)
