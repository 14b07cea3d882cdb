"""Getting the data of targets from the remotes that it is on: the step that `fetch` and `pull` share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.pipelines.run_cache.entries import RunCache
from dver.remote.transfer.fetch import FetchResult, fetch
from dver.remote.transfer.fetch_plan import ObjectPath, Wanted, plan_fetch
from dver.remote.transfer.run_batches import receive
from dver.repo import Repository
from dver.store.trash.guard import Watch
from dver.tracking.revision_scope import by_remote
from dver.tracking.targets import Target


@dataclass(frozen=True, slots=True)
class FetchedFrom:
    """What came, or with a dry run would come, from one remote. `size` is in bytes, `runs` counts those of stages that
    are known of now."""

    remote: str
    url: str
    files: int
    objects: int
    size: int
    result: FetchResult
    """With what could not be had."""
    runs: int = 0
    damaged_runs: tuple[str, ...] = ()
    """Keys of batches of runs that could not be read."""


def get_targets(
    repo: Repository,
    targets: Sequence[Target],
    *,
    remote: str | None = None,
    jobs: int | None = None,
    dry_run: bool = False,
    damaged: Collection[Oid] = (),
    progress: Progress = SILENT,
) -> tuple[FetchedFrom, ...]:
    """Get into the store what `targets` need and it lacks. `remote` replaces the default one.

    A dry run gets only the directories that it has to know. `damaged` are objects whose copy in the store is bad. What
    could not be had is in the results.
    """
    if not damaged and not _lacking(repo, targets):
        return ()
    watch = Watch(repo.store)
    got = tuple(
        _plan_from(repo, name, group, jobs) if dry_run else _get_from(repo, name, group, jobs, damaged, progress)
        for name, group in by_remote(repo, targets, remote).items()
    )
    # A gc beside it may have seen some of it before what leads there.
    watch.lacking(target.tracked.ref.key for target in targets)
    return got


def get_runs(repo: Repository, *, remote: str | None = None, jobs: int | None = None) -> FetchedFrom:
    """Get all that `remote`, or the default one, knows of runs and that is new here. Raises RemoteError."""
    name = remote or repo.remote_settings().name
    catalog = repo.catalog(name, jobs=jobs)
    catalog.refresh()
    learnt = receive(catalog, RunCache(repo).take)
    return FetchedFrom(name, catalog.storage.url, 0, 0, 0, FetchResult(), learnt.runs, learnt.damaged)


def _lacking(repo: Repository, targets: Sequence[Target]) -> bool:
    """Is anything not known to be here? Then no remote has to be configured, either."""
    oids = {target.tracked.pointer.oid for target in targets}
    return bool(oids - repo.store.index.complete(oids))


def _plan_from(repo: Repository, name: str, targets: Sequence[Target], jobs: int | None) -> FetchedFrom:
    catalog = repo.catalog(name, jobs=jobs)
    plan = plan_fetch([_wanted(target) for target in targets], repo.store, catalog, link_mode=repo.link_mode)
    return FetchedFrom(name, catalog.storage.url, plan.files, plan.objects, plan.size, FetchResult())


def _get_from(
    repo: Repository,
    name: str,
    targets: Sequence[Target],
    jobs: int | None,
    damaged: Collection[Oid],
    progress: Progress,
) -> FetchedFrom:
    catalog = repo.catalog(name, jobs=jobs)
    wants = [_wanted(target) for target in targets]
    result = fetch(wants, repo.store, catalog, progress=progress, link_mode=repo.link_mode, damaged=damaged)
    learnt = receive(catalog, RunCache(repo).take)
    return FetchedFrom(
        name,
        catalog.storage.url,
        result.files,
        result.objects,
        result.bytes_received,
        result,
        learnt.runs,
        learnt.damaged,
    )


def _wanted(target: Target) -> Wanted:
    return ObjectPath(target.tracked.ref, target.inside) if target.inside else target.tracked.ref
