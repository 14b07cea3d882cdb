"""`dver push`: upload what the remote lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.pipelines.run_cache.share import Telling, keys_in, tell, untold
from dver.project.trusted_settings import accept_addresses
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository
from dver.sharing.upload import send_roots
from dver.tracking.revision_scope import CURRENT, Scope, by_remote, roots_of, targets_in


@dataclass(frozen=True, slots=True)
class PushResult:
    """One entry for each remote that was concerned."""

    remotes: tuple[UploadResult, ...]
    dry_run: bool
    runs: int = 0
    """Of how many runs of stages others can know now, or with a dry run could."""


def push(
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
) -> PushResult:
    """Upload the data that `scope` and `paths` mean to the remotes that it belongs on; `remote` replaces the default.

    Everything that a pointer stands for is on the remote once this returns, or an error says why not. What is known of
    the runs that made it goes with it; with `run_cache`, all that is known of runs, and all that they made.
    """
    targets = [target for target in targets_in(repo, scope, paths, cwd) if target.tracked.pointer.push]
    groups = {name: roots_of(repo, group) for name, group in by_remote(repo, targets, remote).items()}
    home = remote or repo.config.default_remote
    keys = None if run_cache or home is None else keys_in(repo, scope, paths, cwd)
    telling = untold(repo, home, keys) if home is not None else Telling()
    for name, roots in telling.roots(repo, home or "").items():
        groups.setdefault(name, []).extend(roots)
    send = partial(send_roots, repo, jobs=jobs, dry_run=dry_run, progress=progress)
    sent = [send(name, roots) for name, roots in groups.items()]
    accept_addresses(repo, groups)
    if home is None:
        return PushResult(tuple(sent), dry_run)
    # Only now is it up to date what the remote knows: it may have been emptied.
    late = untold(repo, home, keys)
    if late != telling:
        sent += [send(name, roots) for name, roots in late.roots(repo, home).items()]
    if not dry_run:
        tell(repo, home, late.runs, jobs=jobs)
    return PushResult(tuple(sent), dry_run, len(late.runs))
