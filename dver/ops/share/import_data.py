"""`dver import`: track a copy of data of another repository, and record where it came from."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dver.access.addresses import data_name
from dver.core.display import Displayed
from dver.core.errors import DverError
from dver.core.progress import SILENT, Progress
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, UndownloadedPointer, encode
from dver.formats.pointer_source import RepositorySource
from dver.repo import Repository
from dver.sources.destination import check_import, destination
from dver.sources.import_objects import StoredImport, store_import
from dver.sources.import_plan import ImportPlan, plan_import
from dver.sources.source_repository import opened_source, recorded_repository, source_error
from dver.store.trash.guard import GcGuard
from dver.tracking.pointer_files import write_pointers
from dver.tracking.targets import resolve_data_path
from dver.workspace.checked_import import check_import_content
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, restore

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


@dataclass(frozen=True, slots=True, repr=False)
class ImportResult(Displayed):
    """An import that was recorded. `path` is relative to the top of the Git worktree."""

    path: bytes
    pointer: Pointer | UndownloadedPointer
    received: int = 0
    """Bytes that the source's remote has sent."""
    restored: CheckoutSummary | None = None
    """The checkout; None if the data was not downloaded."""
    checked: tuple[CheckedData, ...] = ()
    """The results of checks of the data."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How an import is recorded."""

    push: bool = True
    """Is the data pushed to this project's remotes?"""
    download: bool = True
    force: bool = False
    """Replace existing data and unsaved files?"""
    checks: bool = True
    """Is data that fails a critical check refused? If not, its pointer says that checks were skipped."""


def import_data(
    repo: Repository,
    address: str,
    path: str,
    *,
    cwd: Path,
    out: str | None = None,
    rev: str | None = None,
    options: ImportOptions | None = None,
    progress: Progress = SILENT,
) -> ImportResult:
    """Store the file or directory `path` of the repository `address` at `rev`, check it out, and write its pointer.

    The path is `out`, or its own name. Without a download, only records what the source has. After an error no pointer
    has changed; the same command again downloads what is not in the store yet. Raises FailedChecksError for data that
    fails a critical check.
    """
    chosen = options or ImportOptions()
    recorded = recorded_repository(repo, address, cwd)
    text = destination(repo, partial(data_name, address, path), out, cwd)
    place = resolve_data_path(repo, text, cwd)
    wanted = RepositorySource(recorded, posixpath.normpath(path or "."), "", rev)
    with repo.exclusive():
        check_import(repo, place, text, force=chosen.force, again=wanted)
    guard = GcGuard(repo.store)
    commit, plan, stored = _read(repo, wanted, download=chosen.download, progress=progress)
    source = replace(wanted, commit=commit)
    with repo.exclusive():
        before = check_import(repo, place, text, force=chosen.force, again=wanted)
        if stored is None:
            undownloaded = _undownloaded(plan, source, push=chosen.push)
            write_pointers(repo, {place: encode(undownloaded)})
            return ImportResult(place, undownloaded)
        found = replace(Pointer.of(stored.entry, before), source=source, push=chosen.push)
        allowed = check_import_content(repo, place, found, enabled=chosen.checks, progress=progress)
        pointer = allowed.pointer
        write_pointers(repo, {place: pointer}, guard)
        target = CheckoutTarget(place, pointer.entry(place))
        restored = restore(repo, [target], force=chosen.force, progress=progress)
        allowed.keep()
    return ImportResult(place, pointer, stored.received, restored, allowed.checked)


def _read(
    repo: Repository, source: RepositorySource, *, download: bool, progress: Progress
) -> tuple[str, ImportPlan, StoredImport | None]:
    """The commit of the source, what the import brings, and its objects if they are to be downloaded."""
    with progress.task("query source", unit=""):
        files = opened_source(repo, source.repo, source.rev)
    try:
        plan = plan_import(files, source.path)
        stored = store_import(repo, files, plan, progress=progress) if download else None
        assert files.commit is not None
        return files.commit, plan, stored
    except DverError as error:
        raise source_error(source.repo, error) from error
    finally:
        files.close()


def _undownloaded(plan: ImportPlan, source: RepositorySource, *, push: bool) -> UndownloadedPointer:
    entries = [part.entry for part in plan.tracked]
    is_file = not plan.is_directory and not (entries and entries[0].object_kind is ObjectKind.TREE)
    size = None if plan.contents else sum(entry.size for entry in entries)
    return UndownloadedPointer(ObjectKind.BLOB if is_file else ObjectKind.TREE, source, size, push=push)
