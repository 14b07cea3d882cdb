"""`dver pull`: download what is lacking, and check it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import CorruptError
from dver.core.progress import SILENT, Progress
from dver.project.settings import trust_addresses
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import get_runs, get_targets
from dver.tracking.revision_scope import CURRENT, Scope, targets_in
from dver.workspace.checkout.checkout import check_out
from dver.workspace.checkout.restore import CheckoutSummary


@dataclass(frozen=True, slots=True)
class PullResult:
    """What was downloaded, and what checking it out did; nothing was checked out in a dry run."""

    remotes: tuple[DownloadResult, ...]
    restored: CheckoutSummary | None


def pull(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: Scope = CURRENT,
    remote: str | None = None,
    jobs: int | None = None,
    force: bool = False,
    run_cache: bool = False,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> PullResult:
    """Download what the data that `scope` and `paths` mean needs, and check out the current pointers, or those of
    `scope.rev`.

    Where the store's copy turns out to be damaged, the remote's takes its place. What cannot be had is in the result;
    everything else is checked out. With `run_cache`, all that the remote knows of runs of stages comes, too.
    """
    targets = targets_in(repo, scope, paths, cwd)
    got = get_targets(repo, targets, remote=remote, jobs=jobs, dry_run=dry_run, progress=progress)
    if run_cache and not dry_run:
        got += (get_runs(repo, remote=remote, jobs=jobs),)
    trust_addresses(repo, [one.remote for one in got])
    if dry_run:
        return PullResult(got, None)
    rev = None if scope.many else scope.rev
    with repo.exclusive():
        restored = check_out(repo, paths, cwd=cwd, rev=rev, force=force, progress=progress)
        damaged = {one.entry.oid for one in restored.lost if isinstance(one.error, CorruptError)}
        if damaged:
            current = targets_in(repo, Scope(rev), paths, cwd)
            got += get_targets(repo, current, remote=remote, jobs=jobs, damaged=damaged, progress=progress)
            restored = check_out(repo, paths, cwd=cwd, rev=rev, force=force, progress=progress)
        return PullResult(got, restored)
