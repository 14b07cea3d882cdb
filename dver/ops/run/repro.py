"""`dver repro`: run the stages that are stale, in order, and record what they made."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dver.core.errors import DverError
from dver.core.progress import SILENT, Progress
from dver.formats.lock import LockedItem
from dver.pipelines.engine.env_variables import SecretVariable, secret_variables
from dver.pipelines.engine.graph import Address, Graph, reached
from dver.pipelines.engine.job import Runner
from dver.pipelines.engine.local_runner import LocalRunner
from dver.pipelines.engine.plan import Step, needed_before, plan, scope
from dver.pipelines.engine.resources import Capacity
from dver.pipelines.engine.schedule import State, Task, Watcher, run_stages
from dver.pipelines.engine.watchers import Errors, Silent, Timed
from dver.pipelines.execution.cached_runs import Known
from dver.pipelines.execution.downloads import Supply
from dver.pipelines.execution.dry_run import foresee
from dver.pipelines.execution.executor import StageWork
from dver.pipelines.execution.machine_capacity import capacity
from dver.pipelines.execution.output_backup import Spared
from dver.pipelines.execution.run_logs import RunLogs
from dver.pipelines.execution.uncached_outputs import not_in_git
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.current import places_of
from dver.pipelines.workspace.locks import Locks
from dver.pipelines.workspace.observer import Observer
from dver.pipelines.workspace.pipelines import Pipelines, load_pipelines, refuse_tracked, select_stages
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class Choice:
    """Which stages are meant, and how they are run."""

    targets: tuple[str, ...] = ()
    single: bool = False
    downstream: bool = False
    force: bool = False
    keep_going: bool = False
    use_cache: bool = True
    pull: bool = False
    """May remotes be asked for what is not here?"""
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class ReproResult:
    """Where each stage is after the run."""

    states: Mapping[Address, State]
    errors: Mapping[Address, DverError]
    damaged_runs: tuple[str, ...] = ()
    """Keys of what the remote knows of runs, and could not be read."""
    missed: int = 0
    """Stages that were run although earlier runs are known: what those made was not here, and no remote was asked."""
    secrets: tuple[SecretVariable, ...] = ()
    problems: tuple[DverError, ...] = ()
    """What is no failure of a stage."""
    seconds: Mapping[Address, float] = field(default_factory=dict)
    """How long the stages took that were run."""
    elapsed: float = 0.0
    """Seconds that all of it took."""
    frozen: tuple[Address, ...] = ()
    """Stages that stay out of date since they are frozen, as `unfreeze` takes them: a foreach or matrix as a whole."""
    not_in_git: tuple[bytes, ...] = ()
    """Outputs that are left to Git, and that a commit would leave out."""

    @property
    def went_well(self) -> bool:
        """Is everything up to date now?"""
        return not self.errors and State.WAITING not in self.states.values()


@dataclass(frozen=True, slots=True)
class ReproPlan:
    """What a run would do. `missed` counts as in `ReproResult`."""

    steps: tuple[Step, ...]
    missed: int = 0
    secrets: tuple[SecretVariable, ...] = ()
    problems: tuple[DverError, ...] = ()
    """Why stages are left out, with all that depends on them."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stages that cannot be run by what `dver.yaml` says of them."""

    errors: Mapping[Address, DverError]
    blocked: frozenset[Address]
    """They, and what depends on them."""

    @property
    def states(self) -> dict[Address, State]:
        """Where they are after a run."""
        return {one: State.FAILED if one in self.errors else State.BLOCKED for one in self.blocked}


def plan_repro(repo: Repository, choice: Choice, *, cwd: Path, progress: Progress = SILENT) -> ReproPlan:
    """What `repro` would do, and why; nothing is changed. Raises PipelineError, UsageError."""
    pipelines, stages, refused = _chosen(repo, choice, cwd)
    graph, forced = pipelines.graph, _not_frozen(pipelines.graph, stages if choice.force else ())
    supply = Supply(repo, progress) if choice.pull else None
    if supply is not None:
        supply.learn()
    observer, locks = Observer(repo, progress, outputs=graph.producers), Locks(repo)
    observer.prefetch(places_of(graph, stages))
    missed = _Missed()
    known = Known(RunCache(repo), locks, supply.has if supply else missed.note) if choice.use_cache else None
    coming = supply.inputs(graph, _not_frozen(graph, stages)) if supply else {}
    forecast = foresee(repo, graph, stages, observer, locks, known, forced=forced, coming=coming)
    steps = plan(graph, stages, forecast.stale, forced=forced, restorable=forecast.hits)
    return ReproPlan(steps, missed.count, secret_variables(graph.stages, stages), _problems(pipelines, refused))


def repro(
    repo: Repository,
    choice: Choice,
    *,
    cwd: Path,
    watcher: Watcher | None = None,
    confirm: Callable[[Address], bool] | None = None,
    spared: Callable[[Spared], None] = lambda _: None,
    runner: Runner | None = None,
    progress: Progress = SILENT,
) -> ReproResult:
    """Bring the stages that are meant up to date. Raises PipelineError, UsageError; the failure of a stage is told in
    the result. `confirm` is asked before a stage is run; `spared` hears of outputs that no run has made, when they are
    moved out of the way."""
    begun = time.monotonic()
    pipelines, stages, refused = _chosen(repo, choice, cwd)
    graph = pipelines.graph
    forced = _not_frozen(graph, stages if choice.force else ())
    supply = Supply(repo, progress) if choice.pull else None
    damaged = supply.learn() if supply else ()
    if supply is not None:
        supply.bring_inputs(graph, _not_frozen(graph, stages))
    observer, locks = Observer(repo, progress, outputs=graph.producers), Locks(repo)
    observer.prefetch(places_of(graph, stages))
    missed = _Missed()
    known = Known(RunCache(repo), locks, supply.bring if supply else missed.note) if choice.use_cache else None
    if supply is not None and known is not None:
        _bring_outputs(repo, graph, stages, observer, supply, known, forced)
    here = runner is None  # another runner knows by itself what it has
    room = capacity(choice.jobs, (graph.stages[one].resources for one in stages)) if here else Capacity(choice.jobs)
    work = StageWork(
        repo,
        pipelines,
        observer,
        locks,
        forced=forced,
        known=known,
        progress=progress,
        confirm=confirm,
        capacity=room,
        spared=spared,
    )
    work.refuse_too_large(stages, graph)
    logs = RunLogs(repo)
    times = Timed(_Logged(watcher or Silent(), logs))
    heard = Errors(times)
    before = needed_before(graph)
    tasks = [Task(one, before[one], graph.stages[one].resources, graph.stages[one].retry) for one in stages]
    try:
        states = run_stages(
            tasks,
            work,
            runner or LocalRunner(repo.layout.worktree_dir / "stages"),
            heard,
            capacity=room,
            keep_going=choice.keep_going,
        )
    finally:
        logs.close()
        work.write()
    return ReproResult(
        {**refused.states, **states},
        {**refused.errors, **heard.errors},
        damaged,
        missed.count,
        secret_variables(graph.stages, stages),
        _problems(pipelines),
        times.seconds,
        time.monotonic() - begun,
        _frozen(graph, states),
        not_in_git(repo, graph, (one for one, state in states.items() if state in (State.DONE, State.RESTORED))),
    )


def _frozen(graph: Graph, states: Mapping[Address, State]) -> tuple[Address, ...]:
    left = [one for one, state in states.items() if state is State.FROZEN]
    # A foreach or matrix is frozen as a whole, and let go as a whole.
    return tuple(dict.fromkeys(Address(one.folder, graph.stages[one].group or one.name, one.here) for one in left))


def _not_frozen(graph: Graph, stages: Iterable[Address]) -> frozenset[Address]:
    """The stages that may be run, even with `force`."""
    return frozenset(one for one in stages if not graph.stages[one].frozen)


def _bring_outputs(
    repo: Repository,
    graph: Graph,
    stages: Sequence[Address],
    observer: Observer,
    supply: Supply,
    known: Known,
    forced: Collection[Address],
) -> None:
    """Get what can be put back all at once: stage by stage, each would wait for the network."""
    ahead = foresee(repo, graph, stages, observer, known.locks, replace(known, elsewhere=supply.has), forced=forced)
    supply.bring([hit.outs[out.path] for hit in ahead.hits.values() for out in hit.lacking])


def _chosen(repo: Repository, choice: Choice, cwd: Path) -> tuple[Pipelines, tuple[Address, ...], _Refused]:
    """All pipelines, the stages that can be run, in order, and those that cannot."""
    pipelines = load_pipelines(repo)
    targets: Sequence[Address] = select_stages(repo, pipelines, choice.targets, cwd)
    chosen = scope(pipelines.graph, targets, single=choice.single, downstream=choice.downstream)
    refuse_tracked(repo, pipelines.graph, chosen)
    stages = pipelines.graph.stages
    unusable = [one for one in chosen if stages[one].refused is not None]
    errors = {one: error for one in unusable if not stages[one].frozen and (error := stages[one].refused) is not None}
    blocked = reached(errors, pipelines.graph.downstream()).intersection(chosen) if errors else frozenset()
    left = tuple(one for one in chosen if one not in blocked and one not in unusable)
    return pipelines, left, _Refused(errors, frozenset(blocked))


def _problems(pipelines: Pipelines, refused: _Refused | None = None) -> tuple[DverError, ...]:
    found = refused.errors.values() if refused is not None else ()
    return (*([pipelines.left_over] if pipelines.left_over else []), *found)


class _Missed:
    """Notes what is known of earlier runs, and is not here."""

    def __init__(self) -> None:
        self._outputs: set[tuple[str, ...]] = set()

    def note(self, items: Sequence[LockedItem]) -> bool:
        """It is not at hand."""
        self._outputs.add(tuple(sorted(item.path for item in items)))
        return False

    @property
    def count(self) -> int:
        """Of so many stages."""
        return len(self._outputs)


class _Logged:
    """Passes everything on, and keeps what stages write."""

    def __init__(self, watcher: Watcher, logs: RunLogs) -> None:
        self._watcher = watcher
        self._logs = logs

    def changed(self, address: Address, state: State, error: DverError | None = None) -> None:
        if state is State.RUNNING:
            self._logs.begin(address)
        else:
            self._logs.end(address)
        self._watcher.changed(address, state, error)

    def said(self, address: Address, content: bytes) -> None:
        self._logs.write(address, content)
        self._watcher.said(address, content)

    def tick(self) -> None:
        self._watcher.tick()
