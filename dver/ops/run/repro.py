"""`dver repro`: run the stages that are stale, in order, and record what they made."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dver.core.errors import DverError
from dver.core.progress import SILENT, Progress
from dver.formats.lock import LockedItem
from dver.pipelines.engine.env_variables import SecretVariable, secret_variables
from dver.pipelines.engine.graph import Address, Graph, closure
from dver.pipelines.engine.job import Runner
from dver.pipelines.engine.local_runner import LocalRunner
from dver.pipelines.engine.plan import StagePlan, plan_stages, prerequisites, stages_in_scope
from dver.pipelines.engine.resources import Capacity
from dver.pipelines.engine.schedule import ScheduledStage, StageState, Watcher, run_stages
from dver.pipelines.engine.watchers import RunReport, SilentWatcher
from dver.pipelines.execution.cached_runs import CachedRuns, FetchItems
from dver.pipelines.execution.downloads import RemoteDownloads
from dver.pipelines.execution.executor import WorkspaceExecutor
from dver.pipelines.execution.machine_capacity import machine_capacity
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.pipelines.execution.run_logs import LoggingWatcher, RunLogs
from dver.pipelines.execution.uncached_outputs import outputs_not_in_git
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.evaluation import Evaluator, StageEvaluation
from dver.pipelines.workspace.pipelines import Pipelines, load_pipelines, refuse_tracked, select_stages
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class ReproOptions:
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

    states: Mapping[Address, StageState]
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
    def succeeded(self) -> bool:
        """Is everything up to date now?"""
        return not self.errors and StageState.WAITING not in self.states.values()


@dataclass(frozen=True, slots=True)
class ReproPlan:
    """What a run would do. `missed` counts as in `ReproResult`."""

    steps: tuple[StagePlan, ...]
    missed: int = 0
    secrets: tuple[SecretVariable, ...] = ()
    problems: tuple[DverError, ...] = ()
    """Why stages are left out, with all that depends on them."""


@dataclass(frozen=True, slots=True)
class _Selection:
    """The stages that a run is about."""

    pipelines: Pipelines
    stages: tuple[Address, ...]
    """Those that can be run, in order."""
    errors: Mapping[Address, DverError]
    """Why the others cannot, by what `dver.yaml` says of them."""
    blocked: frozenset[Address]
    """Those others, and what depends on them."""

    @property
    def not_frozen(self) -> frozenset[Address]:
        """The stages that may be run, even with `force`."""
        return frozenset(one for one in self.stages if not self.pipelines.graph.stages[one].frozen)

    @property
    def blocked_states(self) -> dict[Address, StageState]:
        """Where those that cannot be run are after a run."""
        return {one: StageState.FAILED if one in self.errors else StageState.BLOCKED for one in self.blocked}


class _Session:
    """What a run and its preview share: the stages, their evaluator and the sources of cached runs."""

    def __init__(self, repo: Repository, choice: ReproOptions, cwd: Path, progress: Progress) -> None:
        self.repo = repo
        self.choice = choice
        self.selection = _select(repo, choice, cwd)
        self.graph, self.stages = self.selection.pipelines.graph, self.selection.stages
        self.forced = self.selection.not_frozen if choice.force else frozenset()
        self.downloads = RemoteDownloads(repo, progress) if choice.pull else None
        self.damaged_runs = self.downloads.fetch_run_cache() if self.downloads else ()
        self.evaluator = Evaluator(repo, self.graph, progress)
        self.missed = _MissedRuns()

    def cached_runs(self, fetch: FetchItems | None) -> CachedRuns:
        """The cached runs; `fetch` asks remotes for content, None where there are none to ask."""
        if not self.choice.use_cache:
            return CachedRuns(self.repo)
        return CachedRuns(self.repo, RunCache(self.repo), fetch or self.missed.add)

    def evaluations(
        self, fetch: FetchItems | None, expected: Mapping[str, LockedItem] | None = None
    ) -> Mapping[Address, StageEvaluation]:
        """The stages, as if all that can be restored were in place."""
        find = self.cached_runs(fetch).find
        return self.evaluator.evaluate_all(self.stages, find, forced=self.forced, expected=expected)

    def download(self) -> None:
        """Download what the stages read, and all at once what can be restored: stage by stage, each would wait for the
        network."""
        if self.downloads is not None:
            self.downloads.download_inputs(self.graph, self.selection.not_frozen)
        self.evaluator.prefetch(self.stages)
        if self.downloads is not None and self.choice.use_cache:
            runs = [
                one.cached_run
                for one in self.evaluations(self.downloads.can_download).values()
                if one.cached_run is not None
            ]
            self.downloads.download([run.outs[out.path] for run in runs for out in run.missing])


def plan_repro(repo: Repository, choice: ReproOptions, *, cwd: Path, progress: Progress = SILENT) -> ReproPlan:
    """What `repro` would do, and why; nothing is changed. Raises PipelineError, UsageError."""
    session = _Session(repo, choice, cwd, progress)
    graph, selection, downloads = session.graph, session.selection, session.downloads
    session.evaluator.prefetch(selection.stages)
    expected = downloads.missing_inputs(graph, selection.not_frozen) if downloads else None
    found = session.evaluations(downloads.can_download if downloads else None, expected)
    stale = {address: one.reasons for address, one in found.items()}
    restorable = {address for address, one in found.items() if one.cached_run is not None}
    steps = plan_stages(graph, selection.stages, stale, forced=session.forced, restorable=restorable)
    problems = (*_left_over(selection), *selection.errors.values())
    return ReproPlan(steps, session.missed.count, secret_variables(graph.stages, selection.stages), problems)


def repro(
    repo: Repository,
    choice: ReproOptions,
    *,
    cwd: Path,
    watcher: Watcher | None = None,
    confirm: Callable[[Address], bool] | None = None,
    on_backup: Callable[[BackedUpOutput], None] = lambda _: None,
    runner: Runner | None = None,
    progress: Progress = SILENT,
) -> ReproResult:
    """Bring the stages that are meant up to date. Raises PipelineError, UsageError; the failure of a stage is told in
    the result. `confirm` is asked before a stage is run; `on_backup` hears of outputs that no run has made, when they are
    moved out of the way."""
    begun = time.monotonic()
    session = _Session(repo, choice, cwd, progress)
    graph, stages, selection = session.graph, session.stages, session.selection
    session.download()
    limit = Capacity(choice.jobs)
    if runner is None:  # another runner knows by itself what it has
        limit = machine_capacity(choice.jobs, (graph.stages[one].resources for one in stages))
    work = WorkspaceExecutor(
        repo,
        selection.pipelines,
        session.evaluator,
        forced=session.forced,
        cached_runs=session.cached_runs(session.downloads.download if session.downloads else None),
        progress=progress,
        confirm=confirm,
        capacity=limit,
        on_backup=on_backup,
    )
    work.refuse_oversized(stages, graph)
    report = RunReport(watcher or SilentWatcher())
    states = _run(session, work, runner or LocalRunner(repo.layout.worktree_dir / "stages"), report, limit)
    return ReproResult(
        {**selection.blocked_states, **states},
        {**selection.errors, **report.errors},
        session.damaged_runs,
        session.missed.count,
        secret_variables(graph.stages, stages),
        _left_over(selection),
        report.seconds,
        time.monotonic() - begun,
        _frozen(graph, states),
        outputs_not_in_git(
            repo, graph, (one for one, state in states.items() if state in (StageState.DONE, StageState.RESTORED))
        ),
    )


def _frozen(graph: Graph, states: Mapping[Address, StageState]) -> tuple[Address, ...]:
    left = [one for one, state in states.items() if state is StageState.FROZEN]
    # A foreach or matrix is frozen as a whole, and let go as a whole.
    return tuple(dict.fromkeys(Address(one.folder, graph.stages[one].group or one.name, one.here) for one in left))


def _run(
    session: _Session, work: WorkspaceExecutor, runner: Runner, report: RunReport, limit: Capacity
) -> Mapping[Address, StageState]:
    """Run the stages, with a log of each. Returns where each is then."""
    graph, choice, logs = session.graph, session.choice, RunLogs(session.repo)
    before = prerequisites(graph)
    tasks = [
        ScheduledStage(one, before[one], graph.stages[one].resources, graph.stages[one].retry) for one in session.stages
    ]
    try:
        return run_stages(
            tasks, work, runner, LoggingWatcher(report, logs), capacity=limit, keep_going=choice.keep_going
        )
    finally:
        logs.close()
        work.write()


def _select(repo: Repository, choice: ReproOptions, cwd: Path) -> _Selection:
    """All pipelines, the stages that can be run, in order, and those that cannot."""
    pipelines = load_pipelines(repo)
    targets: Sequence[Address] = select_stages(repo, pipelines, choice.targets, cwd)
    chosen = stages_in_scope(pipelines.graph, targets, single=choice.single, downstream=choice.downstream)
    refuse_tracked(repo, pipelines.graph, chosen)
    stages = pipelines.graph.stages
    unusable = [one for one in chosen if stages[one].refused is not None]
    errors = {one: error for one in unusable if not stages[one].frozen and (error := stages[one].refused) is not None}
    blocked = closure(errors, pipelines.graph.downstream()).intersection(chosen) if errors else frozenset()
    left = tuple(one for one in chosen if one not in blocked and one not in unusable)
    return _Selection(pipelines, left, errors, frozenset(blocked))


def _left_over(selection: _Selection) -> tuple[DverError, ...]:
    return (selection.pipelines.left_over,) if selection.pipelines.left_over else ()


class _MissedRuns:
    """Notes what is known of earlier runs, and is not here."""

    def __init__(self) -> None:
        self._outputs: set[tuple[str, ...]] = set()

    def add(self, items: Sequence[LockedItem]) -> bool:
        """It is not at hand."""
        self._outputs.add(tuple(sorted(item.path for item in items)))
        return False

    @property
    def count(self) -> int:
        """Of so many stages."""
        return len(self._outputs)
