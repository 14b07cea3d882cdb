"""Sending the data of roots to a remote: the step that `push` and the pre-push hook share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.remote.repair.lost_packs import lost_packs
from dver.remote.transfer.push import push as send
from dver.remote.transfer.push_plan import plan_push
from dver.repo import Repository
from dver.sharing.registration import register
from dver.sharing.restore_lost_packs import LostPacks, repair_lost_packs


@dataclass(frozen=True, slots=True)
class PushedTo:
    """What went, or with a dry run would go, to one remote. Sizes are in bytes."""

    remote: str
    url: str
    roots: int
    files: int
    objects: int
    packs: int
    size: int
    lost_packs: int = 0
    """Packs that the remote listed and did not have: their content was, or with a dry run would be, uploaded again."""
    taken_off: int = 0
    """Objects of lost packs that the store does not have either: the remote lists them no longer."""


def send_roots(
    repo: Repository,
    name: str,
    roots: Iterable[ObjectRef],
    *,
    jobs: int | None = None,
    dry_run: bool = False,
    git_remote: str | None = None,
    progress: Progress = SILENT,
) -> PushedTo:
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
        return PushedTo(name, url, len(plan.roots), plan.files, plan.objects, len(plan.uploads), plan.size, len(lost))
    register(repo, catalog.storage, catalog.glance.repositories, git_remote=git_remote)
    sent = send(plan, repo.store, catalog, progress=progress)
    return PushedTo(name, url, sent.roots, sent.files, sent.objects, sent.packs, sent.bytes_sent, *astuple(repaired))
