"""Downloads of tracked data and run cache entries, for `fetch`, `pull`, Git hooks and runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.oid import Oid
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.pipelines.run_cache.entries import RunCache
from dver.profile_cache.kept_objects import kept_below
from dver.profile_cache.kept_transfer import fetch_results
from dver.project.settings import trust_addresses
from dver.remote.transfer.fetch import DownloadResult, fetch
from dver.remote.transfer.fetch_plan import ObjectPath, plan_fetch
from dver.remote.transfer.run_batches import receive
from dver.repo import Repository
from dver.sharing.transfer_options import TransferOptions
from dver.store.trash.guard import GcGuard
from dver.store.trees.compare import TreeReader, find
from dver.tracking.directory_listings import DirectoryReader
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
    cache = RunCache(repo)
    received = receive(catalog, cache.add_received)
    runs = received.runs - cache.received_results
    return DownloadResult(name, catalog.storage.url, runs=runs, damaged_runs=received.damaged)


def download_results(
    repo: Repository, targets: Sequence[Target], *, options: TransferOptions, progress: Progress = SILENT
) -> tuple[DownloadResult, ...]:
    """Download what is known of the data of `targets`, such as profiles, and not the data itself.

    The results have an error for targets without any. Raises RemoteError.
    """
    return tuple(
        _download_results(repo, name, group, options, progress)
        for name, group in by_remote(repo.remotes, targets, options.remote).items()
    )


def _download_results(
    repo: Repository, name: str, targets: Sequence[Target], options: TransferOptions, progress: Progress
) -> DownloadResult:
    catalog = repo.remotes.catalog(name, jobs=options.jobs)
    with progress.task("query remote", unit=""):
        catalog.refresh()
        cache = RunCache(repo)
        received = receive(catalog, cache.add_received)
    runs = received.runs - cache.received_results
    found = DownloadResult(name, catalog.storage.url, runs=runs, damaged_runs=received.damaged)
    without = []
    for target in targets:
        read = DirectoryReader(repo, target.tracked)
        root = target.tracked.ref if not target.inside else _ref_inside(target, read)
        kept = [] if root is None else kept_below(repo, [root], read)
        if not kept and target.inside:  # the profile of the directory has those of its files
            root = target.tracked.ref
            kept = kept_below(repo, [root], read)
        if not kept:
            without.append(target)
        elif root is not None:
            got = fetch_results(repo, catalog, [root], read=read, dry_run=options.dry_run, progress=progress)
            found = replace(
                found,
                objects=found.objects + got.objects,
                size=found.size + got.size,
                profiles=found.profiles + got.profiles,
            )
    return replace(found, failed=_no_results(repo, without, options, name)) if without else found


def _no_results(repo: Repository, without: Sequence[Target], options: TransferOptions, name: str) -> DverError:
    shown = [repo.layout.shown(one.path) for one in without]
    rev = f" --rev {quoted(options.scope.rev)}" if options.scope.rev else ""
    return MissingObjectError(
        f"no profile of {join_limited(shown)} on {name}",
        why="none was made, or the clone that made it did not push it",
        fix=f"`dver fetch{rev} {' '.join(map(quoted, shown[:3]))}` downloads the data, and `dver profile` makes one",
    )


def _ref_inside(target: Target, read: TreeReader) -> ObjectRef | None:
    entry = find(target.tracked.entry, target.inside, read)
    return None if entry is None else entry.ref(target.path)


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
    cache = RunCache(repo)
    received = receive(catalog, cache.add_received)
    also = fetch_results(repo, catalog, _present(repo, targets), progress=progress)
    return replace(
        result,
        remote=name,
        url=url,
        objects=result.objects + also.objects,
        size=result.size + also.size,
        profiles=also.profiles,
        runs=received.runs - cache.received_results,
        damaged_runs=received.damaged,
    )


def _present(repo: Repository, targets: Sequence[Target]) -> list[ObjectRef]:
    """The objects of `targets`, as far as the store knows them."""
    found = []
    for target in targets:
        with suppress(MissingObjectError, CorruptError):
            root = target.tracked.ref if not target.inside else _ref_inside(target, repo.store.tree)
            found += [root] if root is not None else []
    return found
