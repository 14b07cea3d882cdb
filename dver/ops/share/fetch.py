"""`dver fetch`: download data into the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.progress import SILENT, Progress
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import download_results
from dver.sharing.transfer_options import DEFAULTS, TransferOptions
from dver.sources.download import download_selected
from dver.tracking.revision_scope import targets_in


@dataclass(frozen=True, slots=True, repr=False)
class FetchResult(Displayed):
    """The downloads from each remote. Empty if the store has everything."""

    remotes: tuple[DownloadResult, ...]
    dry_run: bool


def fetch(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    options: TransferOptions = DEFAULTS,
    profiles: bool = False,
    progress: Progress = SILENT,
) -> FetchResult:
    """Download the data that `paths` and the scope of `options` select and the store does not have.

    With `run_cache`, also downloads all run cache entries, without the outputs of the runs. With `profiles`, downloads
    only the profiles of the data and other results about it; the results have an error for data without any.
    """
    if profiles:
        pushed = [one for one in targets_in(repo, options.scope, paths, cwd) if not one.tracked.pointer.only_at_source]
        return FetchResult(download_results(repo, pushed, options=options, progress=progress), options.dry_run)
    return FetchResult(download_selected(repo, paths, cwd=cwd, options=options, progress=progress), options.dry_run)
