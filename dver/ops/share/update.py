"""`dver update`: download what changed at the sources of imports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, MissingObjectError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.formats.pointer import Pointer, UndownloadedPointer
from dver.formats.pointer_source import RepositorySource, Source
from dver.formats.tree import Entry
from dver.remote.urls.url_files import UrlFiles
from dver.repo import Repository
from dver.sources.imports import ImportedData, imports_in_worktree, select_imports
from dver.sources.repository_update import query_repository
from dver.sources.source_repository import OpenedSources
from dver.sources.url_content import named
from dver.sources.url_update import query_url
from dver.store.trash.guard import GcGuard
from dver.store.trees.compare import TreeChange, compare, with_renames
from dver.tracking.pointer_files import write_pointers
from dver.workspace.changes.data_changes import compare_with_pointer
from dver.workspace.checked_import import CheckedImport, check_import_content
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget, restore
from dver.workspace.state.data_state import DataState

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


class SourceUpdate(Protocol):
    """What the source of an import has now."""

    @property
    def source(self) -> Source:
        """The source as the pointer records it after the update."""
        ...

    @property
    def changed(self) -> bool:
        """May the content differ from the pointer's?"""
        ...

    def download(self, repo: Repository, progress: Progress) -> tuple[Entry, int]:
        """Store the content, durably. Returns its entry, and the number of bytes that were downloaded."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class UpdatedImport(Displayed):
    """An import that was compared with its source. Paths are relative to the top of the Git worktree."""

    path: bytes
    before: Pointer | UndownloadedPointer
    pointer: Pointer
    received: int = 0
    """Bytes that the source has sent."""
    changes: tuple[TreeChange, ...] | None = ()
    """The changed files; None if the version before cannot be read here."""
    restored: CheckoutSummary | None = None
    """The checkout; None if the source has not changed."""
    checked: tuple[CheckedData, ...] = ()
    """The results of checks of changed data."""

    @property
    def same_content(self) -> bool:
        """Is the content what the pointer said before?"""
        return isinstance(self.before, Pointer) and self.before.same_data(self.pointer)


class _Planned(NamedTuple):
    data: ImportedData
    update: SourceUpdate


def update(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    rev: str | None = None,
    force: bool = False,
    checks: bool = True,
    progress: Progress = SILENT,
) -> tuple[UpdatedImport, ...]:
    """Bring the imports at or below `paths`, or all imports, to the present content of their sources.

    With `rev`, imports of repositories follow this revision from now on. Asks each source whether it changed. Downloads
    changed files, writes the pointer, and checks out the data. Raises ConflictError before a download if data to
    replace has unsaved changes. With `force`, these are discarded, and files that the store does not have are
    downloaded even if their source did not change. Raises FailedChecksError for changed data that fails a critical
    check, unless `checks` is off: then its pointer says that checks were skipped.
    """
    chosen = select_imports(repo, paths, cwd)
    with OpenedSources(repo) as repositories:
        query = _Query(repo, repo.remotes.url_files(repo.root), repositories, rev)
        with progress.task("query source", total=len(chosen), unit="") as task:
            planned = []
            for data in chosen:
                planned.append(_Planned(data, query(data)))
                task.advance(1)
        if not force:
            _refuse_edited(repo, [one.data for one in planned if one.update.changed], progress)
        return tuple(_carry_out(repo, one, force=force, checks=checks, progress=progress) for one in planned)


@dataclass(frozen=True, slots=True)
class _Query:
    """Asks the sources of imports what they have now."""

    repo: Repository
    urls: UrlFiles
    repositories: OpenedSources
    rev: str | None

    def __call__(self, data: ImportedData) -> SourceUpdate:
        if isinstance(data.source, RepositorySource):
            return query_repository(self.repositories, data, data.source, self.rev)
        if self.rev is not None:
            raise UsageError(
                f"{self.repo.layout.shown(data.path)!r} follows no revision",
                why="it was imported from a URL, which has no revisions",
                fix="name imports of repositories: dver update --rev REV PATH…",
            )
        return query_url(self.urls, data, data.source)


def _refuse_edited(repo: Repository, chosen: Sequence[ImportedData], progress: Progress) -> None:
    placed = repo.state.placed
    edited = [
        repo.layout.shown(one.path)
        for one in chosen
        if isinstance(one.pointer, Pointer)
        and compare_with_pointer(repo, one.path, one.pointer, placed, progress).state
        in (DataState.MODIFIED, DataState.DIVERGED)
    ]
    existing = [
        repo.layout.shown(one.path)
        for one in chosen
        if isinstance(one.pointer, UndownloadedPointer) and repo.layout.exists(one.path)
    ]
    if edited or existing:
        paths = " ".join(map(quoted, [*edited, *existing]))
        raise ConflictError(
            f"unsaved changes in {join_limited([*edited, *existing])}",
            why="an update would replace them",
            fix=f"`dver add {paths}` records them, `dver update --force {paths}` discards them",
        )


def _carry_out(repo: Repository, planned: _Planned, *, force: bool, checks: bool, progress: Progress) -> UpdatedImport:
    data, found = planned
    if not (found.changed or force) and isinstance(data.pointer, Pointer):
        return UpdatedImport(data.path, data.pointer, data.pointer)
    guard = GcGuard(repo.store)
    entry, read = found.download(repo, progress)
    wanted = _pointer_to(named(entry, data.path), data.pointer, found.source)
    with repo.exclusive():
        if imports_in_worktree(repo).get(data.path) != data:
            raise ConflictError(
                f"the pointer of {repo.layout.shown(data.path)!r} changed during the update",
                why="another command wrote it",
                fix="run the same command again",
            )
        allowed = CheckedImport(wanted)
        if not (isinstance(data.pointer, Pointer) and data.pointer.same_data(wanted)):
            allowed = check_import_content(repo, data.path, wanted, enabled=checks, progress=progress)
        pointer = allowed.pointer
        changes = _changes(repo, data, pointer)
        write_pointers(repo, {data.path: pointer}, guard)
        repo.store.index.mark_complete([pointer.oid])
        target = CheckoutTarget(data.path, pointer.entry(data.path))
        restored = restore(repo, [target], force=force, progress=progress)
        allowed.keep()
    return UpdatedImport(data.path, data.pointer, pointer, read, changes, restored, allowed.checked)


def _pointer_to(entry: Entry, before: Pointer | UndownloadedPointer, source: Source) -> Pointer:
    """The pointer to `entry` with the options of the one `before`."""
    if isinstance(before, Pointer):
        found = replace(Pointer.of(entry, before), source=source)
        return before if found.same_data(before) and _is_same_branch(before.source, source) else found
    found = Pointer.of(entry)
    return replace(found, source=source, remote=before.remote, push=before.push, desc=before.desc)


def _is_same_branch(old: Source | None, new: Source) -> bool:
    """Whether only the commit may differ: with the same content, a new one would only be noise in Git."""
    if not isinstance(old, RepositorySource) or not isinstance(new, RepositorySource):
        return False
    return replace(old, commit="") == replace(new, commit="")


def _changes(repo: Repository, data: ImportedData, pointer: Pointer) -> tuple[TreeChange, ...] | None:
    before = data.pointer.entry(data.path) if isinstance(data.pointer, Pointer) else None
    after, read = pointer.entry(data.path), repo.store.tree
    try:
        return tuple(with_renames(compare(before, after, read, read, path=data.path)))
    except (MissingObjectError, CorruptError):
        return None
