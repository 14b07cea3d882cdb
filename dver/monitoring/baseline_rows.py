"""The rows of a baseline: its files in the workspace, in the store or in Git, opened in DuckDB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from dver.core.errors import MissingObjectError, UsageError
from dver.core.phrasing import join_limited
from dver.monitoring.git_reference import git_content
from dver.monitoring.live_tables import new_directory
from dver.monitoring.model_columns import ModelColumns
from dver.monitoring.performance import PerformanceBaseline
from dver.monitoring.references import Reference
from dver.monitoring.scored_rows import TableFile, open_scored
from dver.profile_cache.data_content import DataContent, content_at, copies_on_disk, unchanged_in_workspace
from dver.profile_cache.profiles import Found
from dver.profiles.media.collections import ListedFile
from dver.repo import Repository
from dver.tables.suffixes import is_table_file
from dver.tracking.browse import explain_errors


@contextmanager
def open_baseline(
    repo: Repository, baseline: Reference, outputs: ModelColumns, scratch: Path
) -> Iterator[PerformanceBaseline]:
    """The rows of the baseline. Without the data, or one of the columns, the reason."""
    why = _why_no_rows(repo, baseline, outputs)
    if why is not None:
        yield PerformanceBaseline(None, why)
        return
    with (
        new_directory(scratch, "content") as content,
        new_directory(scratch, "baseline") as folder,
        ExitStack() as stack,
    ):
        try:
            tables = stack.enter_context(_tables_on_disk(repo, baseline.found, content))
        except MissingObjectError as error:
            shown = repo.layout.shown(baseline.found.path)
            fix = f"; {error.fix}" if error.fix else ""
            yield PerformanceBaseline(None, f"the data of {shown} is not here{fix}")
            return
        with open_scored(tables, replace(outputs, key=None), folder) as rows:
            yield PerformanceBaseline(rows)


def _why_no_rows(repo: Repository, baseline: Reference, outputs: ModelColumns) -> str | None:
    if outputs.target is None:
        return "no column with targets was named (--target COLUMN)"
    missing = [name for name in outputs.roles if name not in baseline.columns]
    if not missing:
        return None
    shown = repo.layout.shown(baseline.found.path)
    return f"{shown} has no column {join_limited(missing)}; name labelled predictions (--baseline PATH)"


@contextmanager
def _tables_on_disk(repo: Repository, found: Found, scratch: Path) -> Iterator[tuple[TableFile, ...]]:
    """The tables of the data: those of the workspace that are unchanged, the others of the store or of Git.

    Raises MissingObjectError if one is missing.
    """
    try:
        data = content_at(repo, os.fsdecode(found.path), repo.git.worktree, rev=found.rev)
    except UsageError:
        content = None if found.rev is None else git_content(repo, found.path, found.rev)
        if content is None:
            raise
        name = os.fsdecode(os.path.basename(found.path))
        (scratch / name).write_bytes(content)
        yield (TableFile(scratch / name, name),)
    else:
        with _tables_of(repo, data) as tables:
            yield tables


@contextmanager
def _tables_of(repo: Repository, data: DataContent) -> Iterator[tuple[TableFile, ...]]:
    files = [ListedFile(path, one.oid, one.size) for path, one in data.files() if is_table_file(os.fsdecode(path))]
    by_content = {file.oid: file for file in files}
    with unchanged_in_workspace(repo, data, by_content) as here, ExitStack() as stack:
        others = [(file.path, oid) for oid, file in by_content.items() if oid not in here]
        with nullcontext() if data.target is None else explain_errors(repo, data.target, rev=data.rev):
            on_disk = {**here, **stack.enter_context(copies_on_disk(repo, others))}
        yield tuple(
            TableFile(Path(os.fsdecode(on_disk[file.oid])), repo.layout.shown(data.path_of(file.path)))
            for file in sorted(files, key=lambda one: _position(one.path))
        )


def _position(path: bytes) -> list[tuple[bool, bytes]]:
    """Sorts files before those of subdirectories, as live data is read: the order decides about parts."""
    *folders, name = path.split(b"/")
    return [*((True, one) for one in folders), (False, name)]
