"""Downloads of tracked data and run cache entries, for `fetch`, `pull`, Git hooks and runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.pipelines.run_cache.entries import RunCache
from dver.project.settings import trust_addresses
from dver.remote.transfer.fetch import DownloadResult, fetch
from dver.remote.transfer.fetch_plan import ObjectPath, plan_fetch
from dver.remote.transfer.run_batches import receive
from dver.repo import Repository
from dver.sharing.transfer_options import TransferOptions
from dver.store.trash.guard import GcGuard
from dver.tracking.revision_scope import by_remote
from dver.tracking.targets import Target


def download(
    repo: Repository, targets: Sequence[Target], *, options: TransferOptions, progress: Progress = SILENT
) -> tuple[DownloadResult, ...]:
    """Download the data of `targets`, and trust the addresses of its remotes. The caller has applied the scope."""
    remote, jobs = options.remote, options.jobs
    got = download_targets(repo, targets, remote=remote, jobs=jobs, dry_run=options.dry_run, progress=progress)
    if options.run_cache and not options.dry_run:
        got += (download_runs(repo, remote, jobs),)
    trust_addresses(repo, [one.remote for one in got])
    return got


def download_targets(
    repo: Repository,
    targets: Sequence[Target],
    *,
    remote: str | None = None,
    jobs: int | None = None,
    dry_run: bool = False,
    damaged: Collection[Oid] = (),
    progress: Progress = SILENT,
) -> tuple[DownloadResult, ...]:
    """Download the data of `targets` that the store does not have. `remote` replaces the default remote.

    A dry run downloads only directory listings. Objects in `damaged` are downloaded again: their copy in the store is
    bad. The results list missing and damaged objects.
    """
    if not damaged and _is_complete(repo, targets):
        return ()
    guard = GcGuard(repo.store)
    download = partial(_download, repo, jobs=jobs, dry_run=dry_run, damaged=damaged, progress=progress)
    got = tuple(download(name, group) for name, group in by_remote(repo.remotes, targets, remote).items())
    # A gc at the same time may have seen these objects before the trees that name them.
    guard.recheck(target.tracked.ref.key for target in targets)
    return got


def download_runs(repo: Repository, remote: str | None = None, jobs: int | None = None) -> DownloadResult:
    """Download the run cache entries that are new on `remote`, or on the default remote."""
    name = remote or repo.remotes.settings().name
    catalog = repo.remotes.catalog(name, jobs=jobs)
    catalog.refresh()
    received = receive(catalog, RunCache(repo).add_received)
    return DownloadResult(name, catalog.storage.url, runs=received.runs, damaged_runs=received.damaged)


def _is_complete(repo: Repository, targets: Sequence[Target]) -> bool:
    """Does the store have everything? Then not even a remote has to be configured."""
    oids = {target.tracked.pointer.oid for target in targets}
    return oids <= repo.store.index.complete(oids)


def _download(
    repo: Repository,
    name: str,
    targets: Sequence[Target],
    *,
    jobs: int | None,
    dry_run: bool,
    damaged: Collection[Oid],
    progress: Progress,
) -> DownloadResult:
    catalog = repo.remotes.catalog(name, jobs=jobs)
    url, mode = catalog.storage.url, repo.link_mode
    wanted = [
        ObjectPath(target.tracked.ref, target.inside) if target.inside else target.tracked.ref for target in targets
    ]
    if dry_run:
        plan = plan_fetch(wanted, repo.store, catalog, link_mode=mode)
        return DownloadResult(name, url, plan.files, plan.objects, plan.size)
    result = fetch(wanted, repo.store, catalog, progress=progress, link_mode=mode, damaged=damaged)
    received = receive(catalog, RunCache(repo).add_received)
    return replace(result, remote=name, url=url, runs=received.runs, damaged_runs=received.damaged)
