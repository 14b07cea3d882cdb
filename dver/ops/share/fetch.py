"""`dver fetch`: download into the store, and leave the workspace alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.project.settings import trust_addresses
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import get_runs, get_targets
from dver.tracking.revision_scope import CURRENT, Scope, targets_in


@dataclass(frozen=True, slots=True)
class FetchResult:
    """One entry for each remote that was asked; none where nothing was lacking."""

    remotes: tuple[DownloadResult, ...]
    dry_run: bool


def fetch(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: Scope = CURRENT,
    remote: str | None = None,
    jobs: int | None = None,
    run_cache: bool = False,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> FetchResult:
    """Download what the data that `scope` and `paths` mean needs and the store lacks.

    With `run_cache`, all that the remote knows of runs of stages comes, too, but not what they made.
    """
    targets = targets_in(repo, scope, paths, cwd)
    got = get_targets(repo, targets, remote=remote, jobs=jobs, dry_run=dry_run, progress=progress)
    if run_cache and not dry_run:
        got += (get_runs(repo, remote=remote, jobs=jobs),)
    trust_addresses(repo, [one.remote for one in got])
    return FetchResult(got, dry_run)
