"""`dver push`: upload what the remote lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.pipelines.run_cache.share import UnsentRuns, has_runs, keys_in, send_runs, unsent_runs
from dver.project.settings import trust_addresses
from dver.remote.index.catalog import Catalog
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository
from dver.sharing.upload import open_catalog, send_roots
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
    catalogs: dict[str, Catalog] = {}
    runs = UnsentRuns()
    if home is not None and has_runs(repo, keys):
        catalogs[home] = open_catalog(repo, home, jobs=jobs, progress=progress)
        runs = unsent_runs(repo, home, keys)
        for name, roots in runs.roots(home).items():
            groups.setdefault(name, []).extend(roots)
    sent = []
    for name, roots in groups.items():
        catalog = catalogs.get(name) or open_catalog(repo, name, jobs=jobs, progress=progress)
        sent.append(send_roots(repo, name, catalog, roots, dry_run=dry_run, progress=progress))
    trust_addresses(repo, groups)
    if home is not None and not dry_run:
        send_runs(repo, home, runs.runs, jobs=jobs)
    return PushResult(tuple(sent), dry_run, len(runs.runs))
