"""Transfers of profiles and other results about data: they follow the data that they describe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.run_cache.share import UnsentRuns
from dver.profile_cache.kept_objects import KeptObject, kept_below
from dver.profile_cache.privacy import privacy_digest
from dver.remote.index.catalog import Catalog
from dver.remote.transfer.fetch import DownloadResult, fetch
from dver.remote.transfer.fetch_plan import plan_fetch
from dver.remote.transfer.run_batches import newer_than_remote
from dver.repo import Repository
from dver.store.trees.compare import TreeReader


def unsent_results(repo: Repository, remote: str, roots: Iterable[ObjectRef]) -> UnsentRuns:
    """The results about the data of `roots` that `remote` does not know, as of the last time it was queried.

    Profiles with values of private columns are replaced first, so that they are not sent. Results of checks that may
    have such values, and those that are not complete in the store, are left out.
    """
    listed = list(roots)
    found = _unsent(repo, remote, kept_below(repo, listed))
    if repo.config.private_columns and _replace_private(repo, found):
        found = _unsent(repo, remote, kept_below(repo, listed))
    private = privacy_digest(repo)
    if private is not None:
        found = [one for one in found if not one.is_of_checks or f"-{private} " in one.command]
    whole = [one for one in found if not repo.store.find_missing([one.ref])]
    runs = tuple(run for run, _ in RunCache(repo).runs([one.key for one in whole]))
    return UnsentRuns(runs, tuple({one.item.oid: one.item for one in whole}.values()))


def _replace_private(repo: Repository, found: Sequence[KeptObject]) -> bool:
    """Replace profiles with values of private columns. Returns whether there were some."""
    from dver.profile_cache.stored_profiles import without_private_values  # other transfers decode no profile

    return sum([without_private_values(repo, one) for one in found]) > 0


def _unsent(repo: Repository, remote: str, kept: Sequence[KeptObject]) -> list[KeptObject]:
    by_key = {one.key: one for one in kept}
    runs = [run for run, _ in RunCache(repo).runs(list(by_key))]
    return [by_key[run.key] for run in newer_than_remote(runs, repo.remotes.mirror(remote))] if runs else []


def fetch_results(
    repo: Repository,
    catalog: Catalog,
    roots: Sequence[ObjectRef],
    *,
    read: TreeReader | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> DownloadResult:
    """Download the results about the data of `roots` that the store does not have, from the remote of `catalog`.

    The entries that name them were received before. `profiles` of the result counts those that are complete now, or
    would be with `dry_run`. Results that the remote does not have are left out: they can be made again.
    """
    kept = [one for one in kept_below(repo, roots, read) if repo.store.find_missing([one.ref])]
    if not kept:
        return DownloadResult()
    if dry_run:
        plans = [plan_fetch([one.ref], repo.store, catalog, link_mode=repo.link_mode) for one in kept]
        whole = [one for one in plans if not one.incomplete]
        objects, size = sum(one.objects for one in whole), sum(one.size for one in whole)
        return DownloadResult(objects=objects, size=size, profiles=len(whole))
    got = fetch([one.ref for one in kept], repo.store, catalog, progress=progress, link_mode=repo.link_mode)
    complete = [one for one in kept if not repo.store.find_missing([one.ref])]
    return DownloadResult(objects=got.objects, size=got.size, profiles=len(complete))
