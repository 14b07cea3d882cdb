"""`dver pull`: download missing data, and check it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import CorruptError
from dver.core.progress import SILENT, Progress
from dver.project.settings import trust_addresses
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import download_runs, download_targets
from dver.tracking.revision_scope import CURRENT, RevisionScope, targets_in
from dver.workspace.checkout.checkout import check_out
from dver.workspace.checkout.restore import CheckoutSummary


@dataclass(frozen=True, slots=True)
class PullResult:
    """The downloads from each remote, and the checkout. A dry run checks out nothing."""

    remotes: tuple[DownloadResult, ...]
    restored: CheckoutSummary | None


def pull(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: RevisionScope = CURRENT,
    remote: str | None = None,
    jobs: int | None = None,
    force: bool = False,
    run_cache: bool = False,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> PullResult:
    """Download the data that `scope` and `paths` select, and check out the current pointers, or those of `scope.rev`.

    Replaces damaged objects in the store with the remote's copy. The result lists data that the remotes do not have;
    everything else is checked out. With `run_cache`, also downloads all run cache entries.
    """
    targets = targets_in(repo, scope, paths, cwd)
    got = download_targets(repo, targets, remote=remote, jobs=jobs, dry_run=dry_run, progress=progress)
    if run_cache and not dry_run:
        got += (download_runs(repo, remote=remote, jobs=jobs),)
    trust_addresses(repo, [one.remote for one in got])
    if dry_run:
        return PullResult(got, None)
    rev = None if scope.many else scope.rev
    with repo.exclusive():
        restored = check_out(repo, paths, cwd=cwd, rev=rev, force=force, progress=progress)
        damaged = {one.entry.oid for one in restored.lost if isinstance(one.error, CorruptError)}
        if damaged:
            current = targets_in(repo, RevisionScope(rev), paths, cwd)
            got += download_targets(repo, current, remote=remote, jobs=jobs, damaged=damaged, progress=progress)
            restored = check_out(repo, paths, cwd=cwd, rev=rev, force=force, progress=progress)
        return PullResult(got, restored)
