"""`dver fetch`: download data into the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.project.settings import trust_addresses
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import download_runs, download_targets
from dver.tracking.revision_scope import CURRENT, RevisionScope, targets_in


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The downloads from each remote. Empty if the store has everything."""

    remotes: tuple[DownloadResult, ...]
    dry_run: bool


def fetch(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: RevisionScope = CURRENT,
    remote: str | None = None,
    jobs: int | None = None,
    run_cache: bool = False,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> FetchResult:
    """Download the data that `scope` and `paths` select and the store does not have.

    With `run_cache`, also downloads all run cache entries, without the outputs of the runs.
    """
    targets = targets_in(repo, scope, paths, cwd)
    got = download_targets(repo, targets, remote=remote, jobs=jobs, dry_run=dry_run, progress=progress)
    if run_cache and not dry_run:
        got += (download_runs(repo, remote=remote, jobs=jobs),)
    trust_addresses(repo, [one.remote for one in got])
    return FetchResult(got, dry_run)
