"""`dver pull`: download missing data, and check it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import CorruptError
from dver.core.progress import SILENT, Progress
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import download_targets
from dver.sharing.transfer_options import DEFAULTS, TransferOptions
from dver.sources.download import download_selected
from dver.tracking.revision_scope import RevisionScope, targets_in
from dver.workspace.checkout.checkout import check_out
from dver.workspace.checkout.restore import CheckoutSummary


@dataclass(frozen=True, slots=True, repr=False)
class PullResult(Displayed):
    """The downloads from each remote, and the checkout. A dry run checks out nothing."""

    remotes: tuple[DownloadResult, ...]
    restored: CheckoutSummary | None


def pull(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    options: TransferOptions = DEFAULTS,
    force: bool = False,
    progress: Progress = SILENT,
) -> PullResult:
    """Download the data that `paths` and the scope of `options` select, and check out the current pointers, or those of
    the revision.

    Replaces damaged objects in the store with the remote's copy. The result lists data that the remotes do not have;
    everything else is checked out. With `run_cache`, also downloads all run cache entries.
    """
    got = download_selected(repo, paths, cwd=cwd, options=options, progress=progress)
    if options.dry_run:
        return PullResult(got, None)
    rev = None if options.scope.many else options.scope.rev
    with repo.exclusive():
        restored = check_out(repo, paths, cwd=cwd, rev=rev, force=force, progress=progress)
        damaged = {one.entry.oid for one in restored.lost if isinstance(one.error, CorruptError)}
        if damaged:
            selected = targets_in(repo, RevisionScope(rev), paths, cwd)
            current = [target for target in selected if not target.tracked.pointer.only_at_source]
            got += download_targets(
                repo, current, remote=options.remote, jobs=options.jobs, damaged=damaged, progress=progress
            )
            restored = check_out(repo, paths, cwd=cwd, rev=rev, force=force, progress=progress)
        return PullResult(got, restored)
