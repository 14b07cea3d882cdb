"""`dver push`: upload what the remote lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.project.history import CURRENT, Scope, by_remote, roots_of, targets_in
from dver.project.targets import Target
from dver.remote.push import PushResult as Sent
from dver.remote.push import push as send
from dver.remote.push_plan import PushPlan, plan_push
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class PushedTo:
    """What went, or with a dry run would go, to one remote. Sizes are in bytes."""

    remote: str
    url: str
    roots: int
    objects: int
    packs: int
    size: int


@dataclass(frozen=True, slots=True)
class PushResult:
    """One entry for each remote that was concerned."""

    remotes: tuple[PushedTo, ...]
    dry_run: bool


def push(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: Scope = CURRENT,
    remote: str | None = None,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> PushResult:
    """Upload the data that `scope` and `paths` mean to the remotes that it belongs on; `remote` replaces the default.

    Everything that a pointer stands for is on the remote once this returns, or an error says why not.
    """
    targets = [target for target in targets_in(repo, scope, paths, cwd) if target.tracked.pointer.push]
    groups = by_remote(repo, targets, remote)
    return PushResult(
        tuple(_push_to(repo, name, group, jobs, progress, dry_run=dry_run) for name, group in groups.items()), dry_run
    )


def _push_to(
    repo: Repository, name: str, targets: Sequence[Target], jobs: int | None, progress: Progress, *, dry_run: bool
) -> PushedTo:
    catalog = repo.catalog(name, jobs=jobs)
    catalog.refresh()
    plan = plan_push(roots_of(repo, targets), repo.store, catalog, progress=progress)
    url = catalog.storage.url
    if dry_run:
        return _planned(name, url, plan)
    sent: Sent = send(plan, repo.store, catalog, progress=progress)
    return PushedTo(name, url, sent.roots, sent.objects, sent.packs, sent.bytes_sent)


def _planned(name: str, url: str, plan: PushPlan) -> PushedTo:
    return PushedTo(name, url, len(plan.roots), plan.objects, len(plan.uploads), plan.size)
