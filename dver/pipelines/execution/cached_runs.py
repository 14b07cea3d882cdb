"""Finding and restoring cached runs: earlier runs of the same command on the same inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from dver.core.progress import Progress
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.pipelines.definition.stage import Output, Stage
from dver.pipelines.engine.graph import Address, worktree_path
from dver.pipelines.engine.reasons import has_same_content, lock_entry, run_key
from dver.pipelines.execution.outputs import clear_outputs
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.evaluation import CachedRun, StageEvaluation
from dver.repo import Repository
from dver.workspace.checkout.restore import CheckoutTarget, restore

FetchItems = Callable[[Sequence[LockedItem]], bool]
"""Returns whether all of these items can be downloaded; may download them."""


class CachedRuns:
    """Finds cached runs in the run cache and in dver.lock, which another clone may have written.

    `runs` is None with `--no-run-cache`. `fetch` is called for content that is not in the store.
    """

    def __init__(self, repo: Repository, runs: RunCache | None = None, fetch: FetchItems | None = None) -> None:
        self._repo = repo
        self.runs = runs
        self._fetch = fetch

    def find(self, found: StageEvaluation) -> CachedRun | None:
        """The cached run for an evaluated stage; None if its outputs cannot be restored.

        For a frozen stage, it is the run in dver.lock, whatever its inputs are now.
        """
        if found.stage.frozen:
            return self.find_recorded(found.stage, found.last_run, found.outs)
        if self.runs is None or None in found.inputs.deps.values() or not _is_restorable(found.stage):
            return None
        hits = [_cached_run(found.stage, before, found.outs) for before in self._earlier(self.runs, found)]
        hits = [hit for hit in hits if not _replaces_persisted(hit, found.outs)]
        local = next((hit for hit in hits if not self._not_stored(hit)), None)
        if local is not None or self._fetch is None:
            return local
        return next((hit for hit in hits if self._fetch(self._not_stored(hit))), None)

    def find_recorded(
        self, stage: Stage, last: lock.LockedStage | None, outs: Mapping[str, LockedItem | None]
    ) -> CachedRun | None:
        """The run in dver.lock, if an output is missing and all missing ones can be restored."""
        recorded = {one.path: one for one in last.outs} if last is not None else None
        if recorded is None or recorded.keys() != outs.keys():
            return None
        hit = CachedRun(recorded, tuple(out for out in stage.outs if outs[out.path] is None))
        elsewhere = self._not_stored(hit)
        return hit if hit.missing and (not elsewhere or (self._fetch is not None and self._fetch(elsewhere))) else None

    def _earlier(self, runs: RunCache, found: StageEvaluation) -> Iterator[lock.LockedStage]:
        names, key = sorted(one.path for one in found.stage.outs), key_of(found)
        for run in (runs.get(key) if is_cacheable(found.stage) else None, found.last_run):
            if run is not None and sorted(one.path for one in run.outs) == names and run_key(run, names) == key:
                yield run

    def _not_stored(self, hit: CachedRun) -> list[LockedItem]:
        """The missing outputs that are not in the store either."""
        missing = [hit.outs[one.path] for one in hit.missing]
        return [one for one in missing if self._repo.store.find_missing([one.ref])]


def key_of(found: StageEvaluation) -> str:
    """The run key of an evaluated stage."""
    return run_key(lock_entry(found.stage, found.inputs), [one.path for one in found.stage.outs])


def restore_run(
    repo: Repository,
    address: Address,
    stage: Stage,
    hit: CachedRun,
    progress: Progress,
    *,
    incomplete: Collection[Output] = (),
) -> tuple[LockedItem, ...] | None:
    """Restore the missing outputs of a cached run; of `incomplete` directories, only the missing files.

    Returns the items of all outputs, or None if content is missing.
    """
    clear_outputs(repo, address, [one for one in hit.missing if one not in incomplete])
    targets = [
        CheckoutTarget(os.fsencode(worktree_path(address.folder, one.path, one.mark)), hit.outs[one.path].entry)
        for one in hit.missing
    ]
    with repo.exclusive():
        restored = restore(repo, targets, force=True, notes=False, progress=progress)
    if restored.lost:
        return None
    # The settings of outputs in `dver.yaml` may have changed since the run.
    return tuple(replace(hit.outs[one.path], cache=one.cache, push=one.push, remote=one.remote) for one in stage.outs)


def is_cacheable(stage: Stage) -> bool:
    """Return whether runs of the stage are cached. Persisting outputs are inputs, too, so their stages are not."""
    return _is_restorable(stage) and not any(out.persist for out in stage.outs)


def _is_restorable(stage: Stage) -> bool:
    """Return whether restoring outputs can replace a run.

    Not for a stage without outputs, which runs for its side effects, nor for one without inputs, nor for one that
    modifies its dependencies.
    """
    return bool(stage.outs) and stage.has_inputs and not stage.always_changed and not stage.modifies


def _cached_run(stage: Stage, before: lock.LockedStage, outs: Mapping[str, LockedItem | None]) -> CachedRun:
    made = {one.path: one for one in before.outs}
    return CachedRun(made, tuple(out for out in stage.outs if not has_same_content(made[out.path], outs[out.path])))


def _replaces_persisted(hit: CachedRun, outs: Mapping[str, LockedItem | None]) -> bool:
    """Return whether the run would replace an existing output that persists."""
    return any(out.persist and outs[out.path] is not None for out in hit.missing)
