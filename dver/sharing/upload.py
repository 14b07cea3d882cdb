"""Uploads to one remote, for `push` and the pre-push hook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.remote.index.catalog import Catalog
from dver.remote.repair.lost_packs import lost_packs
from dver.remote.transfer.push import UploadResult, push
from dver.remote.transfer.push_plan import plan_push
from dver.repo import Repository
from dver.repo.remotes import Remotes
from dver.sharing.registration import register
from dver.sharing.restore_lost_packs import LostPacks, repair_lost_packs


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
    repaired = LostPacks(len(lost)) if dry_run else repair_lost_packs(repo, catalog, lost)
    plan = plan_push(roots, repo.store, catalog, progress=progress)
    url = catalog.storage.url
    if dry_run:
        packs = len(plan.uploads)
        return UploadResult(name, url, len(plan.roots), plan.files, plan.objects, packs, plan.size, len(lost))
    register(repo, catalog.storage, catalog.contents.repositories, git_remote=git_remote)
    sent = push(plan, repo.store, catalog, progress=progress)
    return replace(sent, remote=name, url=url, lost_packs=repaired.packs, taken_off=repaired.taken_off)
