"""The rows of a baseline: its files in the workspace, in the store or in Git, opened in DuckDB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dver.access.content_files import content_file
from dver.core.errors import MissingObjectError
from dver.core.phrasing import join_limited, quoted
from dver.formats.tree import Kind
from dver.monitoring.git_reference import git_content
from dver.monitoring.live_tables import new_directory, tables_at
from dver.monitoring.model_columns import ModelColumns
from dver.monitoring.performance import PerformanceBaseline
from dver.monitoring.references import Reference
from dver.monitoring.scored_rows import TableFile, open_scored
from dver.profile_cache.profiles import Found
from dver.repo import Repository


@contextmanager
def open_baseline(
    repo: Repository, baseline: Reference, outputs: ModelColumns, scratch: Path
) -> Iterator[PerformanceBaseline]:
    """The rows of the baseline. Without the data, or one of the columns, the reason."""
    why = _why_no_rows(repo, baseline, outputs)
    if why is not None:
        yield PerformanceBaseline(None, why)
        return
    with new_directory(scratch, "content") as content, new_directory(scratch, "baseline") as folder:
        try:
            tables = _files_of(repo, baseline.found, content)
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


def _files_of(repo: Repository, found: Found, scratch: Path) -> tuple[TableFile, ...]:
    path = Path(os.fsdecode(repo.layout.absolute(found.path)))
    shown = repo.layout.shown(found.path)
    if found.rev is None and path.exists():
        return tables_at(path, shown)
    rev = found.rev or "HEAD"
    if found.entry.kind is Kind.DIRECTORY:
        raise MissingObjectError(shown, fix=f"check it out: dver checkout {quoted(rev)} {quoted(shown)}")
    name = path.name
    try:
        return (TableFile(content_file(repo, found.entry, found.path, rev, scratch / name), name),)
    except MissingObjectError:
        content = git_content(repo, found.path, rev)
        if content is None:
            raise
    (scratch / name).write_bytes(content)
    return (TableFile(scratch / name, name),)
