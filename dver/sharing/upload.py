"""Sending the data of roots to a remote: the step that `push` and the pre-push hook share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.remote.repair.lost_packs import lost_packs
from dver.remote.transfer.push import UploadResult, push
from dver.remote.transfer.push_plan import plan_push
from dver.repo import Repository
from dver.sharing.registration import register
from dver.sharing.restore_lost_packs import LostPacks, repair_lost_packs


def send_roots(
    repo: Repository,
    name: str,
    roots: Iterable[ObjectRef],
    *,
    jobs: int | None = None,
    dry_run: bool = False,
    git_remote: str | None = None,
    progress: Progress = SILENT,
) -> UploadResult:
    """Upload to the remote `name` what it lacks of all that `roots` reach. Raises what `plan_push` and `push` do.

    First this repository is noted there as one that uses the remote; `git_remote` is where its commits go. Packs that
    somebody has deleted there are put again.
    """
    catalog = repo.catalog(name, jobs=jobs)
    with progress.task("query remote", unit=""):
        catalog.refresh()
        lost = lost_packs(catalog)
    repaired = LostPacks(len(lost)) if dry_run else repair_lost_packs(repo, catalog, lost)
    plan = plan_push(roots, repo.store, catalog, progress=progress)
    url = catalog.storage.url
    if dry_run:
        packs = len(plan.uploads)
        return UploadResult(name, url, len(plan.roots), plan.files, plan.objects, packs, plan.size, len(lost))
    register(repo, catalog.storage, catalog.glance.repositories, git_remote=git_remote)
    sent = push(plan, repo.store, catalog, progress=progress)
    return replace(sent, remote=name, url=url, lost_packs=repaired.packs, taken_off=repaired.taken_off)
