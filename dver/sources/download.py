"""Downloads of tracked data from remotes, and of imports that are never pushed from their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.pointer_source import RepositorySource
from dver.git.network import shown_url
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import download, download_targets
from dver.sharing.transfer_options import TransferOptions
from dver.store.trash.guard import GcGuard
from dver.store.trees.compare import find
from dver.tracking.revision_scope import targets_in
from dver.tracking.targets import Target

if TYPE_CHECKING:
    from dver.sources.source_repository import OpenedSources

_NAME: Final = "source"
"""The place of a remote's name in results. Data that a remote called so has is not told apart."""


def download_selected(
    repo: Repository, paths: Sequence[str], *, cwd: Path, options: TransferOptions, progress: Progress = SILENT
) -> tuple[DownloadResult, ...]:
    """Download the data that `paths` and the scope of `options` select; see `sharing.download`.

    Imports that are never pushed come from their sources. The results have the errors of sources.
    """
    targets = targets_in(repo, options.scope, paths, cwd)
    pushed = [target for target in targets if not target.tracked.pointer.only_at_source]
    got = download(repo, pushed, options=options, progress=progress)
    return (*got, *_from_sources(repo, targets, dry_run=options.dry_run, progress=progress))


def download_input(repo: Repository, targets: Sequence[Target], progress: Progress) -> None:
    """Download the data of `targets` that the store does not have, as `download_selected` does."""
    pushed = [target for target in targets if not target.tracked.pointer.only_at_source]
    download_targets(repo, pushed, progress=progress)
    _from_sources(repo, targets, dry_run=False, progress=progress)


def _from_sources(
    repo: Repository, targets: Sequence[Target], *, dry_run: bool, progress: Progress
) -> tuple[DownloadResult, ...]:
    wanted = [target for target in targets if target.tracked.pointer.only_at_source]
    missing = [target for target in wanted if not _is_here(repo, target)]
    if not missing:
        return ()
    if dry_run:
        return tuple(_amount(target) for target in missing)
    from dver.sources.source_repository import OpenedSources  # no other download needs it

    guard = GcGuard(repo.store)
    with OpenedSources(repo) as sources:
        got = tuple(_from_source(repo, sources, target, progress) for target in missing)
    guard.recheck(target.tracked.ref.key for target in missing)
    return got


def _is_here(repo: Repository, target: Target) -> bool:
    try:
        entry = find(target.tracked.entry, target.inside, repo.store.tree)
    except MissingObjectError:
        return False
    return entry is None or not repo.store.find_missing([entry.ref(target.path)])


def _from_source(repo: Repository, sources: OpenedSources, target: Target, progress: Progress) -> DownloadResult:
    from dver.sources.import_objects import store_import
    from dver.sources.import_plan import plan_import

    pointer = target.tracked.pointer
    assert isinstance(pointer.source, RepositorySource)
    try:
        files = sources.open(pointer.source.repo, pointer.source.commit)
        plan = plan_import(files, pointer.source.path)
        stored = store_import(repo, files, plan, inside=target.inside, progress=progress)
    except DverError as error:
        return _failed(pointer.source, _unavailable(repo, target, pointer.source, error))
    if (stored.entry.oid, stored.entry.object_kind) != (pointer.oid, pointer.kind):
        return _failed(pointer.source, _edited(repo, target, pointer.source))
    return replace(_amount(target), size=stored.received)


def _amount(target: Target) -> DownloadResult:
    """All of the data, as a result."""
    pointer = target.tracked.pointer
    assert isinstance(pointer.source, RepositorySource)
    return DownloadResult(_NAME, shown_url(pointer.source.repo), pointer.files, pointer.files, pointer.size)


def _failed(source: RepositorySource, error: DverError) -> DownloadResult:
    return DownloadResult(_NAME, shown_url(source.repo), failed=error)


def _unavailable(repo: Repository, target: Target, source: RepositorySource, error: DverError) -> DverError:
    kind = CorruptError if isinstance(error, CorruptError) else MissingObjectError
    return kind(
        f"cannot download {repo.layout.shown(target.path)!r} from its source {shown_url(source.repo)}: {error.what}",
        why=f"it was imported with --no-push, so no remote has it{f'; {error.why}' if error.why else ''}",
        fix=error.fix or "run the same command again when the source can be reached",
    )


def _edited(repo: Repository, target: Target, source: RepositorySource) -> MissingObjectError:
    shown = quoted(repo.layout.shown(target.tracked.path))
    return MissingObjectError(
        f"the source of {shown} does not have the version that the pointer names",
        why=f"it was edited after the import from {shown_url(source.repo)}, and push: false keeps it from all remotes",
        fix=f"in the clone that edited it, remove `push: false` from {shown}.dver, and run: dver push {shown}",
    )
