"""The shared run cache: run cache entries that a push sends, and their outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import ConflictError, CorruptError
from dver.core.files import read_regular
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.formats.lock_versions import LockVersions
from dver.formats.objectref import ObjectRef
from dver.formats.run_batch import Run
from dver.git.index import files_named
from dver.git.pointers import LOCK_NAME, is_lock_path
from dver.pipelines.run_cache.entries import RunCache, cache_key, described_content
from dver.remote.index.listing_file import refresh_listing
from dver.remote.transfer import run_batches as remote_runs
from dver.repo import Repository
from dver.repo.remotes import Remotes
from dver.tracking.lock_outputs import output_path
from dver.tracking.revision_scope import RevisionScope, file_versions
from dver.tracking.targets import data_path_of, is_at_or_below, resolve_data_path


@dataclass(frozen=True, slots=True)
class UnsentRuns:
    """Runs that a remote does not know yet, and their outputs."""

    runs: tuple[Run, ...] = ()
    items: tuple[LockedItem, ...] = ()

    def roots(self, remote: str) -> dict[str, list[ObjectRef]]:
        """The outputs by the name of their remote, which is `remote` for those without one of their own."""
        groups: dict[str, list[ObjectRef]] = {}
        for item in self.items:
            groups.setdefault(item.remote or remote, []).append(item.ref)
        return groups


def keys_in(repo: Repository, scope: RevisionScope, paths: Sequence[str], cwd: Path) -> list[str]:
    """The run keys in the lock files of `scope`: of stages with outputs at `paths`, or of all stages."""
    wanted = [data_path_of(resolve_data_path(repo, text, cwd)) for text in paths]
    found: dict[str, None] = {}
    for path, stage in _stages(repo, scope):
        if not wanted or any(_concerns(path, stage, one) for one in wanted):
            found[cache_key(stage)] = None
    return list(found)


def unsent_runs(repo: Repository, remote: str, keys: Iterable[str] | None = None) -> UnsentRuns:
    """The runs with `keys` that `remote` does not know, as of the last time it was queried.

    Without `keys`, all runs of stages in the run cache that `remote` does not know, or knows only an earlier run for.
    Runs with missing outputs that others are meant to get are left out.
    """
    cache, mirror = RunCache(repo), repo.remotes.mirror(remote)
    if keys is not None:
        asked = list(keys)
        known = mirror.runs(asked)
        found = list(cache.runs([key for key in asked if key not in known]))
    else:
        found = [(run, stage) for run, stage in cache.runs(cache.keys()) if described_content(stage) is None]
        new = {run.key for run in remote_runs.newer_than_remote([run for run, _ in found], mirror)}
        found = [(run, stage) for run, stage in found if run.key in new]
    whole = [
        (run, stage) for run, stage in found if not repo.store.find_missing([item.ref for item in _promised(stage)])
    ]
    items = {item.oid: item for _, stage in whole for item in _carried(repo, stage)}
    return UnsentRuns(tuple(run for run, _ in whole), tuple(items.values()))


def send_runs(remotes: Remotes, remote: str, runs: Sequence[Run], *, jobs: int | None = None) -> None:
    """Upload `runs` to `remote`, once their outputs are there. Raises RemoteError."""
    if runs:
        catalog = remotes.catalog(remote, jobs=jobs)
        remote_runs.send(runs, catalog)
        refresh_listing(catalog.storage)


def _promised(stage: lock.LockedStage) -> Iterator[LockedItem]:
    """The outputs that others are meant to get."""
    return (item for item in stage.outs if item.cache and item.push)


def _carried(repo: Repository, stage: lock.LockedStage) -> Iterator[LockedItem]:
    """The outputs to upload: the promised ones, and those in Git that are small enough for the run cache."""
    yield from _promised(stage)
    left = [item for item in stage.outs if item.push and not item.cache]
    yield from (item for item in left if not repo.store.find_missing([item.ref]))


def _concerns(lock_path: bytes, stage: lock.LockedStage, path: bytes) -> bool:
    places = [output_path(lock_path, item) for item in stage.outs]
    return any(is_at_or_below(one, path) or is_at_or_below(path, one) for one in [lock_path, *places])


def _stages(repo: Repository, scope: RevisionScope) -> Iterator[tuple[bytes, lock.LockedStage]]:
    """The stages in all lock files of `scope`, each with the path of its lock file. Skips files that cannot be read."""
    versions = LockVersions()
    for path, content in lock_files(repo, scope):
        with suppress(CorruptError, ConflictError):
            for stage in versions.decode(content).stages.values():
                yield path, stage


def lock_files(repo: Repository, scope: RevisionScope) -> Iterator[tuple[bytes, bytes]]:
    """The paths and contents of all lock files of `scope`."""
    if scope.rev is None and not scope.many:
        for path in files_named(repo.git, LOCK_NAME, under=repo.layout.prefix):
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                yield path, read_regular(repo.layout.absolute(path), lock.MAX_SIZE + 1)
        return
    for path, _, content in file_versions(repo, scope, is_lock_path):
        yield path, content
