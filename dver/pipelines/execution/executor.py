"""Runs stages in a workspace: the scheduler's `StageExecutor`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from dver.core.errors import StageError
from dver.core.oid import Oid
from dver.core.phrasing import join_limited
from dver.core.progress import Progress
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.pipelines.definition.stage import Output, Stage
from dver.pipelines.engine.graph import Address, worktree_path
from dver.pipelines.engine.job import Job, JobEnd
from dver.pipelines.engine.reasons import Inputs, lock_entry
from dver.pipelines.engine.resources import Capacity
from dver.pipelines.engine.schedule import StageState
from dver.pipelines.execution.cached_runs import CachedRuns, is_cacheable, key_of, restore_run
from dver.pipelines.execution.changed_inputs import refuse_changed, refuse_deleted, refuse_touched
from dver.pipelines.execution.output_backup import BackedUpOutput, OutputBackup
from dver.pipelines.execution.output_checks import OutputChecks
from dver.pipelines.execution.outputs import clear_outputs, refuse_partial, store_outputs, store_uncached
from dver.pipelines.execution.recorder import RunRecorder
from dver.pipelines.execution.run_environment import RunEnvironment, detect_environment
from dver.pipelines.execution.run_locks import RunLocks
from dver.pipelines.run_cache.entries import cache_key
from dver.pipelines.workspace.dvclive import DvcFolder, may_use_dvclive
from dver.pipelines.workspace.evaluation import CachedRun, Evaluator, StageEvaluation
from dver.pipelines.workspace.out_of_date_data import OutOfDateData
from dver.pipelines.workspace.pipelines import Pipelines
from dver.pipelines.workspace.stage_files import (
    dep_paths,
    make_job,
    out_paths,
    param_paths,
    refuse_missing_params,
)
from dver.repo import Repository

_MOST_FILES: Final = 100_000
"""The most files in a dependency whose tree is stored for later comparisons."""


@dataclass(frozen=True, slots=True)
class _StartedStage:
    """A stage that has to run, and the state of its input files before the run."""

    evaluation: StageEvaluation
    states: Mapping[str, bytes]
    """The states of the files of its dependencies, by path."""


class WorkspaceExecutor:
    """The `StageExecutor` for the workspace of `repo`."""

    def __init__(
        self,
        repo: Repository,
        pipelines: Pipelines,
        evaluator: Evaluator,
        *,
        forced: Collection[Address] = (),
        cached_runs: CachedRuns | None = None,
        progress: Progress,
        confirm: Callable[[Address], bool] | None = None,
        capacity: Capacity | None = None,
        on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
        checks: bool = True,
    ) -> None:
        self._repo = repo
        self._stages = pipelines.graph.stages
        self._evaluator = evaluator
        self._contents = evaluator.contents
        self._locks = evaluator.locks
        self._forced = forced
        self._cached_runs = cached_runs or CachedRuns(repo)
        self._recorder = RunRecorder(repo, pipelines, evaluator.locks)
        self._progress = progress
        self._confirm = confirm
        """Called before a stage runs."""
        self._capacity = capacity or Capacity()
        self._dvc_folder = DvcFolder(repo)
        self._out_of_date = OutOfDateData(repo, progress)
        self._backup = OutputBackup(repo, evaluator, on_backup)
        self._run_locks = RunLocks(repo.layout.clone_dir / "run-locks")
        self._started: dict[Address, _StartedStage] = {}
        self.output_checks = OutputChecks(repo, progress, enabled=checks)

    def check(self, address: Address) -> StageState | None:
        """See `StageExecutor`."""
        stage = self._stages[address]
        if stage.frozen:
            return self._frozen_state(address) if self._find_recorded(address, stage) is None else None
        self._out_of_date.refuse_to_run(address, stage)
        found = self._evaluator.evaluate(address, inputs=self._ready_inputs(address, stage))
        if address not in self._forced and not found.reasons:
            return StageState.UP_TO_DATE
        self._started[address] = _StartedStage(found, self._evaluator.file_states(address))
        return None

    def begin(self, address: Address) -> Job | StageState:
        """See `StageExecutor`."""
        stage = self._stages[address]
        if stage.frozen:
            return self._restore_frozen(address, stage)
        self._cache_last_run(address, stage)
        if address not in self._forced and (ready := self._restore_or_lock(address, stage)) is not None:
            return ready
        self._refuse_oversized(address)
        if self._confirm is not None and not self._confirm(address):
            return StageState.SKIPPED
        persisting = [one for one in stage.outs if one.persist]
        refuse_partial(self._repo, address, [*dep_paths(address, stage), *out_paths(address, persisting)])
        _ = self._environment  # detected before the first command changes it
        self._backup.back_up(address, [one for one in stage.outs if not one.persist])
        self._backup.mark_started(address)
        return self.retry(address)

    def refuse_oversized(self, stages: Sequence[Address]) -> None:
        """Raise StageError if one of `stages`, which are in order, will certainly run and wants more than this machine
        has.

        Stages downstream of a restored one may be restored, too.
        """
        if all(self._capacity.shortage(self._stages[one].resources) is None for one in stages):
            return
        states: dict[Address, StageState] = {}
        for address in stages:
            before = [states.get(one) for one in self._evaluator.graph.upstream[address]]
            if StageState.RUNNING in before or StageState.RESTORED not in before:
                states[address] = StageState.RUNNING if StageState.RUNNING in before else self._expected_state(address)
            else:
                states[address] = StageState.RESTORED
            if states[address] is StageState.RUNNING:
                self._refuse_oversized(address)

    def _expected_state(self, address: Address) -> StageState:
        """The state that a stage will reach if all stages upstream are up to date."""
        if self._stages[address].frozen:
            return StageState.UP_TO_DATE
        found, forced = self._evaluator.evaluate(address), address in self._forced
        if not forced and not found.reasons:
            return StageState.UP_TO_DATE
        return StageState.RESTORED if not forced and self._cached_runs.find(found) is not None else StageState.RUNNING

    def retry(self, address: Address) -> Job:
        """See `StageExecutor`."""
        stage = self._stages[address]
        clear_outputs(self._repo, address, stage.outs)
        self._contents.forget(out_paths(address, stage.outs))
        job = make_job(self._repo, address, stage)
        if may_use_dvclive(stage, self._environment.packages):
            self._dvc_folder.make(job.cwd)
        return job

    def record(self, address: Address, ended: JobEnd) -> None:
        """See `StageExecutor`."""
        stage, begun, runs = self._stages[address], self._started.pop(address), self._cached_runs.runs
        self._contents.forget(
            [*out_paths(address, stage.outs), *dep_paths(address, stage), *param_paths(address, stage)]
        )
        if self._evaluator.external is not None:
            self._evaluator.external.forget(one.path for one in stage.external)
        inputs = self._evaluator.inputs(address)
        refuse_changed(address, stage, begun.evaluation.inputs, inputs)
        refuse_touched(address, stage, begun.states, self._evaluator.file_states(address))
        refuse_deleted(address, stage, inputs)
        unchecked = self.output_checks.check(address, stage)
        kept = runs is not None and is_cacheable(stage) and not unchecked
        made = self._store_outputs(address, stage, inputs, for_later=kept, unchecked=unchecked)
        if runs is not None and kept:
            runs.put(cache_key(made), made, self._environment.record(address.key, ended, inputs))
        self._recorder.add(address, stage, made)
        self._backup.mark_recorded(address)

    def finish(self, address: Address) -> None:
        """See `StageExecutor`."""
        self._run_locks.release(address)

    def record_current(self, address: Address) -> None:
        """Record the current inputs and outputs of a stage as if it had just run, without a run record.

        Raises StageError for missing files, and what `check` raises.
        """
        stage = self._stages[address]
        inputs = self._ready_inputs(address, stage)
        refuse_partial(self._repo, address, [*dep_paths(address, stage), *out_paths(address, stage.outs)])
        unchecked = self.output_checks.check(address, stage)
        self._recorder.add(address, stage, self._store_outputs(address, stage, inputs, unchecked=unchecked))
        self._backup.mark_recorded(address)

    def write(self) -> None:
        """Write all recorded runs, after the last job ended. Raises MissingObjectError if a gc deleted outputs."""
        self._run_locks.release_all()
        self._backup.mark_ended()
        self._dvc_folder.remove()
        self._recorder.write(force=True)

    @cached_property
    def _environment(self) -> RunEnvironment:
        return detect_environment(self._repo.git)

    def _store_outputs(
        self,
        address: Address,
        stage: Stage,
        inputs: Inputs,
        *,
        for_later: bool = False,
        unchecked: Collection[str] = (),
    ) -> lock.LockedStage:
        trees = self._unstored_trees(address, stage, inputs) if for_later else ()
        with self._repo.exclusive():
            outs = store_outputs(self._repo, address, stage, self._progress, for_later=for_later, trees=trees)
            self.output_checks.keep()
            marked = [replace(one, checks_skipped=True) if one.path in unchecked else one for one in outs]
            return lock_entry(stage, inputs, marked)

    def _unstored_trees(self, address: Address, stage: Stage, inputs: Inputs) -> Iterator[tuple[Oid, bytes]]:
        """The encoded directories among the dependencies that are not in the store, so that a later evaluation can list
        changed files. gc removes them."""
        for dep in stage.deps:
            item = inputs.deps[dep.path]
            if item is None or item.kind is not ObjectKind.TREE or item.files > _MOST_FILES:
                continue
            if not self._repo.store.present([item.oid]):
                yield from self._contents.encoded_trees(worktree_path(address.folder, dep.path, dep.mark))

    def _refuse_oversized(self, address: Address) -> None:
        shortage = self._capacity.shortage(self._stages[address].resources)
        if shortage is not None:
            unseen = "; list GPUs that dver does not detect in CUDA_VISIBLE_DEVICES"
            raise StageError(
                f"stage {str(address)!r} cannot run on this machine",
                why=f"it needs {shortage}",
                fix="use a larger machine, or reduce its `resources`" + unseen * ("GPU" in shortage),
            )

    def _ready_inputs(self, address: Address, stage: Stage) -> Inputs:
        """The inputs of a stage. Raises PipelineError, StageError for missing ones, and CorruptError for values that no
        lock file can hold."""
        inputs = self._evaluator.inputs(address)
        refuse_missing_params(stage, inputs)
        missing = [path for path, item in inputs.deps.items() if item is None]
        if missing:
            raise StageError(
                f"stage {str(address)!r} is missing its dependency {join_limited(missing)}",
                why="it is not in the workspace and no stage makes it",
                fix="restore it (dver pull, git checkout), or remove it from `deps`",
            )
        nothing = [url for url, found in inputs.external.items() if found is None]
        if nothing:
            raise StageError(
                f"stage {str(address)!r} is missing its dependency {join_limited(nothing)}",
                why="there is nothing at this address",
                fix="check the address, or remove it from `deps`",
            )
        lock.encode_stage(address.name, lock_entry(stage, inputs))
        return inputs

    def _restore_or_lock(self, address: Address, stage: Stage) -> StageState | None:
        """Restore a cached run, or lock the run so that no other process executes it at once.

        Returns the state of the stage: restored, waiting for another process, or None if it has to run.
        """
        found = self._started[address].evaluation
        if self._restore(found):
            return StageState.RESTORED
        if self._cached_runs.runs is None or not is_cacheable(stage):
            return None
        if not self._run_locks.try_acquire(address, key_of(found)):
            return StageState.WAITING
        # Another process may have recorded the run after the first search and before the lock.
        return StageState.RESTORED if self._restore(found) else None

    def _restore(self, found: StageEvaluation) -> bool:
        """Restore the outputs of a cached run, if there is one."""
        run, address, stage = self._cached_runs.find(found), found.address, found.stage
        if run is None:
            return False
        incomplete = [one for one in run.missing if self._is_incomplete(address, one, run.outs[one.path])]
        self._backup.back_up(address, [one for one in run.missing if one not in incomplete])
        items = restore_run(self._repo, address, stage, run, self._progress, incomplete=incomplete)
        self._contents.forget(out_paths(address, stage.outs))
        if items is not None:
            items = self.output_checks.check_restored(address, stage, items, found.last_run)
            self.output_checks.keep()
            self._recorder.add(address, stage, lock_entry(stage, found.inputs, items))
            self._backup.mark_recorded(address)
        return items is not None

    def _is_incomplete(self, address: Address, out: Output, item: LockedItem) -> bool:
        return self._contents.is_incomplete(worktree_path(address.folder, out.path, out.mark), item.entry)

    def _find_recorded(self, address: Address, stage: Stage) -> CachedRun | None:
        """The run in dver.lock of a frozen stage, if it has missing outputs to restore."""
        return self._cached_runs.find_recorded(stage, self._locks.of(address), self._evaluator.outs(address))

    def _frozen_state(self, address: Address) -> StageState:
        """The state of a frozen stage that stays as it is."""
        return StageState.FROZEN if self._evaluator.evaluate(address).changes else StageState.UP_TO_DATE

    def _restore_frozen(self, address: Address, stage: Stage) -> StageState:
        run, last = self._find_recorded(address, stage), self._locks.of(address)
        if run is None or last is None or restore_run(self._repo, address, stage, run, self._progress) is None:
            return self._frozen_state(address)
        self._contents.forget(out_paths(address, stage.outs))
        self._recorder.add(address, stage, last)
        return StageState.RESTORED

    def _cache_last_run(self, address: Address, stage: Stage) -> None:
        """Add the lock entry, which another clone may have written, to the run cache before a new run replaces it."""
        last, runs = self._locks.of(address), self._cached_runs.runs
        if runs is None or last is None or not is_cacheable(stage) or runs.get(cache_key(last)):
            return
        with self._repo.exclusive():
            store_uncached(self._repo, address, stage, self._progress)
        runs.put_lock_entry(last)
