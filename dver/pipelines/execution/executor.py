"""What the scheduler asks of the workspace: is a stage to be run, on what, and what did it make?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from dver.pipelines.engine.graph import Address, Graph, place_of
from dver.pipelines.engine.job import Ended, Job
from dver.pipelines.engine.reasons import Always, Inputs, recorded, run_key, staleness
from dver.pipelines.engine.resources import Capacity
from dver.pipelines.engine.schedule import State
from dver.pipelines.execution.cached_runs import Hit, Known, find_hit, find_recorded, is_repeatable, put_back
from dver.pipelines.execution.changed_inputs import refuse_changed, refuse_deleted, refuse_touched
from dver.pipelines.execution.output_backup import Aside, Spared
from dver.pipelines.execution.outputs import keep_uncached, make_room, refuse_parts, take_outputs
from dver.pipelines.execution.recorder import Recorder
from dver.pipelines.execution.run_environment import Surroundings, look_around
from dver.pipelines.run_cache.entries import key_of
from dver.pipelines.workspace.current import (
    dep_places,
    inputs_of,
    job_of,
    out_places,
    outs_of,
    param_places,
    reasons_of,
    refuse_missing_params,
    states_of,
)
from dver.pipelines.workspace.dvclive import DvcFolder, may_use_dvclive
from dver.pipelines.workspace.locks import Locks
from dver.pipelines.workspace.observer import Observer
from dver.pipelines.workspace.out_of_date_data import MovedData
from dver.pipelines.workspace.pipelines import Pipelines
from dver.repo import Repository

_MOST_FILES: Final = 100_000
"""Of a directory whose list of files is kept, though it is nobody's data."""


class StageWork:
    """The scheduler's `Work`, in the workspace of `repo`."""

    def __init__(
        self,
        repo: Repository,
        pipelines: Pipelines,
        observer: Observer,
        locks: Locks,
        *,
        forced: Collection[Address],
        known: Known | None,
        progress: Progress,
        confirm: Callable[[Address], bool] | None = None,
        capacity: Capacity | None = None,
        spared: Callable[[Spared], None] = lambda _: None,
    ) -> None:
        self._repo = repo
        self._stages = pipelines.graph.stages
        self._observer = observer
        self._locks = locks
        self._forced = forced
        self._known = known
        """Where to look for earlier runs, and to keep this one's; None if they do not count."""
        self._recorder = Recorder(repo, pipelines, locks)
        self._progress = progress
        self._confirm = confirm
        """Asked before a stage is run."""
        self._capacity = capacity or Capacity()
        self._dvc_folder = DvcFolder(repo)
        self._moved = MovedData(repo, progress)
        self._aside = Aside(repo, observer, locks, spared)
        self._inputs: dict[Address, Inputs] = {}
        """What stages are begun with, or running ones were started with."""
        self._states: dict[Address, Mapping[str, bytes]] = {}
        """The states of the files of their dependencies then, by path."""

    def look(self, address: Address) -> State | None:
        """See `Work`."""
        stage, forced = self._stages[address], address in self._forced
        if stage.frozen:
            return self._left(address, stage) if self._recorded(address, stage) is None else None
        self._moved.refuse_to_run(address, stage)
        inputs = _ready_inputs(self._observer, address, stage)
        if not forced and not staleness(stage, self._locks.of(address), inputs, self._outs(address)):
            return State.UP_TO_DATE
        self._inputs[address] = inputs
        self._states[address] = states_of(self._observer, address, stage)
        return None

    def begin(self, address: Address) -> Job | State:
        """See `Work`."""
        stage = self._stages[address]
        if stage.frozen:
            return self._restore_frozen(address, stage)
        self._remember(address, stage)
        if address not in self._forced and self._restore(address, stage):
            return State.RESTORED
        self._refuse_too_large(address)
        if self._confirm is not None and not self._confirm(address):
            return State.SKIPPED
        persisting = [one for one in stage.outs if one.persist]
        refuse_parts(self._repo, address, [*dep_places(address, stage), *out_places(address, persisting)])
        _ = self._surroundings  # as they are before the first command runs
        self._aside.spare(address, [one for one in stage.outs if not one.persist])
        self._aside.begin(address)
        return self.again(address)

    def refuse_too_large(self, stages: Sequence[Address], graph: Graph) -> None:
        """Raise StageError if one of `stages`, which are in order, is certain to be run, and wants more than this
        machine has. Those that come after something restored are not: they may have been run elsewhere, too."""
        if all(self._capacity.lacking(self._stages[one].resources) is None for one in stages):
            return
        fates: dict[Address, State] = {}
        for address in stages:
            before = [fates.get(one) for one in graph.upstream[address]]
            if State.RUNNING in before or State.RESTORED not in before:
                fates[address] = State.RUNNING if State.RUNNING in before else self._fate(address)
            else:
                fates[address] = State.RESTORED
            if fates[address] is State.RUNNING:
                self._refuse_too_large(address)

    def _fate(self, address: Address) -> State:
        """What is to become of a stage before which all is up to date."""
        stage, forced = self._stages[address], address in self._forced
        if stage.frozen:
            return State.UP_TO_DATE
        inputs, outs = inputs_of(self._observer, address, stage), outs_of(self._observer, address, stage)
        if not forced and not staleness(stage, self._locks.of(address), inputs, outs):
            return State.UP_TO_DATE
        hit = None if forced else self._hit(address, stage, inputs, outs)
        return State.RUNNING if hit is None else State.RESTORED

    def again(self, address: Address) -> Job:
        """See `Work`."""
        stage = self._stages[address]
        self._make_room(address, stage.outs)
        job = job_of(self._repo, address, stage)
        if may_use_dvclive(stage, self._surroundings.packages):
            self._dvc_folder.make(job.cwd)
        return job

    def record(self, address: Address, ended: Ended) -> None:
        """See `Work`."""
        stage, before, states = self._stages[address], self._inputs.pop(address), self._states.pop(address)
        self._observer.forget(
            [*out_places(address, stage.outs), *dep_places(address, stage), *param_places(address, stage)]
        )
        inputs = inputs_of(self._observer, address, stage)
        refuse_changed(address, stage, before, inputs)
        refuse_touched(address, stage, states, states_of(self._observer, address, stage))
        refuse_deleted(address, stage, inputs)
        kept = self._known is not None and is_repeatable(stage)
        made = self._taken(address, stage, inputs, for_later=kept)
        if self._known is not None and kept:
            key = run_key(made, [one.path for one in stage.outs])
            self._known.runs.put(key, made, self._surroundings.record(address.key, ended, inputs))
        self._recorder.note(address, stage, made)
        self._aside.done(address)

    def record_as_it_is(self, address: Address) -> None:
        """Take in what there is of a stage as if it had just made it: no run stands behind it, so there is no record of
        one. Raises StageError for what is not there, and what `look` raises."""
        stage = self._stages[address]
        inputs = _ready_inputs(self._observer, address, stage)
        refuse_parts(self._repo, address, [*dep_places(address, stage), *out_places(address, stage.outs)])
        self._recorder.note(address, stage, self._taken(address, stage, inputs))
        self._aside.done(address)

    def write(self) -> None:
        """Write down all that was recorded, when nothing runs any more. Raises MissingObjectError if a gc took it
        away."""
        self._aside.over()
        self._dvc_folder.remove()
        self._recorder.write(force=True)

    @cached_property
    def _surroundings(self) -> Surroundings:
        return look_around(self._repo)

    def _taken(self, address: Address, stage: Stage, inputs: Inputs, *, for_later: bool = False) -> lock.LockedStage:
        trees = self._unknown_trees(address, stage, inputs) if for_later else ()
        with self._repo.exclusive():
            outs = take_outputs(self._repo, address, stage, self._progress, for_later=for_later, trees=trees)
            return recorded(stage, inputs, outs)

    def _unknown_trees(self, address: Address, stage: Stage, inputs: Inputs) -> Iterator[tuple[Oid, bytes]]:
        """Of the directories that the stage reads, those that are not in the store: only what is in them, so that one
        can be told later which files changed. Nothing names them, and gc takes them away."""
        for dep in stage.deps:
            item = inputs.deps[dep.path]
            if item is None or item.kind is not ObjectKind.TREE or item.files > _MOST_FILES:
                continue
            if not self._repo.store.present([item.oid]):
                yield from self._observer.trees(place_of(address.folder, dep.path, dep.mark))

    def _hit(self, address: Address, stage: Stage, inputs: Inputs, outs: Mapping[str, LockedItem | None]) -> Hit | None:
        if self._known is None:
            return None
        return find_hit(self._repo, self._known, address, stage, inputs, outs)

    def _refuse_too_large(self, address: Address) -> None:
        lacking = self._capacity.lacking(self._stages[address].resources)
        if lacking is not None:
            unseen = "; graphics cards that dver does not find can be named in CUDA_VISIBLE_DEVICES"
            raise StageError(
                f"stage {str(address)!r} cannot be run here",
                why=f"it wants {lacking}",
                fix="run it on a larger machine, or let its `resources` ask for less" + unseen * ("GPU" in lacking),
            )

    def _outs(self, address: Address) -> dict[str, LockedItem | None]:
        return outs_of(self._observer, address, self._stages[address])

    def _restore(self, address: Address, stage: Stage) -> bool:
        """Put back what the same work made before, if all of it can be had."""
        inputs = self._inputs[address]
        hit = self._hit(address, stage, inputs, self._outs(address))
        if hit is None:
            return False
        incomplete = [one for one in hit.lacking if self._is_incomplete(address, one, hit.outs[one.path])]
        self._aside.spare(address, [one for one in hit.lacking if one not in incomplete])
        items = put_back(self._repo, address, stage, hit, self._progress, incomplete=incomplete)
        self._observer.forget(out_places(address, stage.outs))
        if items is not None:
            self._recorder.note(address, stage, recorded(stage, inputs, items))
            self._aside.done(address)
        return items is not None

    def _is_incomplete(self, address: Address, out: Output, item: LockedItem) -> bool:
        return self._observer.is_part_of(place_of(address.folder, out.path, out.mark), item.entry)

    def _recorded(self, address: Address, stage: Stage) -> Hit | None:
        """What is missing of a frozen stage's outputs, and can be had."""
        elsewhere = self._known.elsewhere if self._known is not None else None
        return find_recorded(self._repo, stage, self._locks.of(address), self._outs(address), elsewhere)

    def _left(self, address: Address, stage: Stage) -> State:
        """Where a frozen stage is that is left as it is."""
        reasons = reasons_of(self._observer, address, stage, self._locks.of(address))
        stale = any(not isinstance(one, Always) for one in reasons)
        return State.FROZEN if stale else State.UP_TO_DATE

    def _restore_frozen(self, address: Address, stage: Stage) -> State:
        hit, last = self._recorded(address, stage), self._locks.of(address)
        if hit is None or last is None or put_back(self._repo, address, stage, hit, self._progress) is None:
            return self._left(address, stage)
        self._observer.forget(out_places(address, stage.outs))
        self._recorder.note(address, stage, last)
        return State.RESTORED

    def _remember(self, address: Address, stage: Stage) -> None:
        """What the lock tells of may have been made elsewhere: whoever goes back to it need not run it again."""
        last = self._locks.of(address)
        if self._known is None or last is None or not is_repeatable(stage) or self._known.runs.get(key_of(last)):
            return
        with self._repo.exclusive():
            keep_uncached(self._repo, address, stage, self._progress)
        self._known.runs.keep(last)

    def _make_room(self, address: Address, outs: Sequence[Output]) -> None:
        make_room(self._repo, address, outs)
        self._observer.forget(out_places(address, outs))


def _ready_inputs(observer: Observer, address: Address, stage: Stage) -> Inputs:
    """What the stage runs on, of which nothing is missing. Raises PipelineError, StageError, CorruptError for what no
    lock can hold."""
    inputs = inputs_of(observer, address, stage)
    refuse_missing_params(stage, inputs)
    missing = [path for path, item in inputs.deps.items() if item is None]
    if missing:
        raise StageError(
            f"stage {str(address)!r} needs {join_limited(missing)}, and it is not there",
            why="no stage makes it, and it is not in the workspace",
            fix="get it (dver pull, git checkout), or take it out of `deps`",
        )
    lock.encode_stage(address.name, recorded(stage, inputs))
    return inputs
