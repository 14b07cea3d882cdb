"""Updates of imports of repositories."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dver.access.files import Files
from dver.core.errors import DverError
from dver.core.progress import Progress
from dver.formats.pointer import Pointer
from dver.formats.pointer_source import RepositorySource
from dver.formats.tree import Entry
from dver.repo import Repository
from dver.sources.import_objects import store_import
from dver.sources.import_plan import ImportPlan, plan_import
from dver.sources.imports import ImportedData
from dver.sources.source_repository import OpenedSources, source_error


@dataclass(frozen=True, slots=True)
class RepositoryUpdate:
    """What the source of an import has now. See `SourceUpdate`."""

    files: Files
    plan: ImportPlan | None
    """None if the commit is the pointer's."""
    source: RepositorySource
    changed: bool

    def download(self, repo: Repository, progress: Progress) -> tuple[Entry, int]:
        """See `SourceUpdate`."""
        try:
            plan = self.plan or plan_import(self.files, self.source.path)
            stored = store_import(repo, self.files, plan, progress=progress)
        except DverError as error:
            raise source_error(self.source.repo, error) from error
        return stored.entry, stored.received


def query_repository(
    sources: OpenedSources, data: ImportedData, source: RepositorySource, rev: str | None = None
) -> RepositoryUpdate:
    """Ask the source of `data` what it has at `rev`, or at the revision that the import follows.

    Raises UsageError, RepositoryError and RemoteError.
    """
    followed = rev or source.rev
    files = sources.open(source.repo, followed)
    assert files.commit is not None
    now = replace(source, rev=followed, commit=files.commit)
    if now == source and isinstance(data.pointer, Pointer):
        return RepositoryUpdate(files, None, now, changed=False)
    try:
        plan = plan_import(files, source.path)
    except DverError as error:
        raise source_error(source.repo, error) from error
    return RepositoryUpdate(files, plan, now, changed=now.rev != source.rev or not _is_same(plan, data))


def _is_same(plan: ImportPlan, data: ImportedData) -> bool:
    """Is the content surely what the pointer says? Files that are read by content may have changed."""
    if plan.is_directory or not plan.tracked or not isinstance(data.pointer, Pointer):
        return False
    found, known = plan.tracked[0].entry, data.pointer.entry(data.path)
    return (found.oid, found.kind) == (known.oid, known.kind)
