"""Uploads to one remote, for `push` and the pre-push hook."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.remote.index.catalog import Catalog
from dver.remote.repair.inventory import read_inventory
from dver.remote.repair.lost_packs import lost_packs
from dver.remote.repair.repair_remote import repair_remote
from dver.remote.transfer.push import UploadResult, push
from dver.remote.transfer.push_plan import plan_push
from dver.repo import Repository
from dver.repo.remotes import Remotes
from dver.sharing.copy_sources import store_sources
from dver.sharing.registration import register


def open_catalog(remotes: Remotes, name: str, *, jobs: int | None = None, progress: Progress = SILENT) -> Catalog:
    """The catalog of the remote `name`, refreshed. Raises RemoteError."""
    catalog = remotes.catalog(name, jobs=jobs)
    with progress.task("query remote", unit=""):
        catalog.refresh()
    return catalog


def upload_roots(
    repo: Repository,
    name: str,
    catalog: Catalog,
    roots: Iterable[ObjectRef],
    *,
    dry_run: bool = False,
    git_remote: str | None = None,
    progress: Progress = SILENT,
) -> UploadResult:
    """Upload the objects that `roots` reach and the remote `name` does not list in its refreshed `catalog`.

    Also registers this repository on the remote, with `git_remote` as the place of its commits, and restores packs that
    were deleted there. Raises the errors of `plan_push` and `push`.
    """
    with progress.task("query remote", unit=""):
        lost = lost_packs(catalog)
    repaired, taken_off = (0, 0) if dry_run or not lost else repair_lost_packs(repo, catalog, lost)
    plan = plan_push(roots, repo.store, catalog, progress=progress)
    url = catalog.storage.url
    if dry_run:
        packs = len(plan.uploads)
        return UploadResult(name, url, len(plan.roots), plan.files, plan.objects, packs, plan.size, len(lost))
    register(repo, catalog.storage, catalog.contents.repositories, git_remote=git_remote)
    sent = push(plan, repo.store, catalog, progress=progress)
    return replace(sent, remote=name, url=url, lost_packs=repaired, taken_off=taken_off)


def repair_lost_packs(repo: Repository, catalog: Catalog, lost: Collection[Oid]) -> tuple[int, int]:
    """Withdraw the packs `lost`, and upload the objects in them again, from other packs of the remote or the store.

    Returns the number of these packs, and of objects that are not listed any more, since the store does not have them.
    Raises RemoteError, also if another clone changes the remote meanwhile; CorruptError.
    """
    found = read_inventory(catalog.storage, repo.store, jobs=catalog.jobs)
    listed = {ref.name for index in found.state.visible for ref in index.packs}
    packs = listed & set(lost)
    wanted = {row.oid for rows in found.rows_by_pack(packs).values() for row in rows}
    sources = [*store_sources([("the store", repo.store.root)], wanted, {})]
    return len(packs), repair_remote(found, packs, sources, repo.store, catalog).delisted
