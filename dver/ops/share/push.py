"""`dver push`: upload data that the remotes do not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.progress import SILENT, Progress
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.monitoring.history import monitored_data
from dver.pipelines.run_cache.share import UnsentRuns, keys_in, send_runs, unsent_runs
from dver.profile_cache.kept_transfer import unsent_results
from dver.project.settings import trust_addresses
from dver.remote.index.catalog import Catalog
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository
from dver.sharing.transfer_options import DEFAULTS, TransferOptions
from dver.sharing.upload import open_catalog, upload_roots
from dver.tracking.revision_scope import by_remote, roots_of, targets_in


@dataclass(frozen=True, slots=True, repr=False)
class PushResult(Displayed):
    """The uploads to each remote."""

    remotes: tuple[UploadResult, ...]
    dry_run: bool
    runs: int = 0
    """The number of run cache entries of stages that were pushed, or would be pushed in a dry run."""
    profiles: int = 0
    """The number of profiles and other results about the data, likewise."""
    damaged_histories: tuple[str, ...] = ()
    """The monitor histories that cannot be read: profiles of their live data were not pushed."""


def push(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    options: TransferOptions = DEFAULTS,
    progress: Progress = SILENT,
) -> PushResult:
    """Upload the data that `paths` and the scope of `options` select.

    When this returns, the remotes have all of this data. Its profiles and other results about it, those of monitored
    live data, and the run cache entries of the stages that made it, are pushed as well; with `run_cache`, all run
    cache entries and all outputs of these runs.
    """
    scope, jobs = options.scope, options.jobs
    targets = [target for target in targets_in(repo, scope, paths, cwd) if target.tracked.pointer.push]
    groups = {name: roots_of(repo, group) for name, group in by_remote(repo.remotes, targets, options.remote).items()}
    home = options.remote or repo.config.default_remote
    catalogs: dict[str, Catalog] = {}
    if home in groups:  # then the runs are compared with its present state
        catalogs[home] = open_catalog(repo.remotes, home, jobs=jobs, progress=progress)
    runs = UnsentRuns()
    if home is not None:
        runs = unsent_runs(repo, home, None if options.run_cache else keys_in(repo, scope, paths, cwd))
        for name, roots in runs.roots(home).items():
            groups.setdefault(name, []).extend(roots)
    sent = []
    damaged: tuple[str, ...] = ()
    entries = {home: list(runs.runs)} if home is not None else {}
    if home is not None and not paths:
        data = monitored_data(repo)
        damaged = data.damaged
        live = [ObjectRef(oid, ObjectKind.BLOB) for oid in data.contents]
        monitored = unsent_results(repo, home, live) if live else UnsentRuns()
        if monitored.runs:
            entries[home] += monitored.runs
            groups.setdefault(home, []).extend(item.ref for item in monitored.items)
    for name, roots in groups.items():
        catalog = catalogs.get(name) or open_catalog(repo.remotes, name, jobs=jobs, progress=progress)
        results = unsent_results(repo, name, roots)
        entries.setdefault(name, []).extend(results.runs)
        roots += [item.ref for item in results.items]
        sent.append(upload_roots(repo, name, catalog, roots, dry_run=options.dry_run, progress=progress))
    trust_addresses(repo, groups)
    for name, new in entries.items() if not options.dry_run else ():
        send_runs(repo.remotes, name, new, jobs=jobs)
    profiles = sum(map(len, entries.values())) - len(runs.runs)
    return PushResult(tuple(sent), options.dry_run, len(runs.runs), profiles, damaged)
