"""`dver repro`: run the stages that are out of date, in order, and record them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.display import Displayed
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
from dver.pipelines.engine.watchers import RunReport
from dver.pipelines.execution.cached_runs import CachedRuns, FetchItems
from dver.pipelines.execution.downloads import RemoteDownloads
from dver.pipelines.execution.executor import WorkspaceExecutor
from dver.pipelines.execution.machine_capacity import machine_capacity
from dver.pipelines.execution.output_backup import BackedUpOutput
from dver.pipelines.execution.outputs import outputs_not_in_git
from dver.pipelines.execution.run_logs import LoggingWatcher, RunLogs
from dver.pipelines.run_cache.entries import RunCache
from dver.pipelines.workspace.evaluation import Evaluator, StageEvaluation
from dver.pipelines.workspace.external_deps import ExternalFingerprints
from dver.pipelines.workspace.pipelines import Pipelines, load_pipelines, refuse_tracked, select_stages
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.checks.result import CheckedData

_WRITTEN: Final = (StageState.DONE, StageState.RESTORED)


@dataclass(frozen=True, slots=True)
class ReproOptions:
    """The target stages and how to run them."""

    targets: tuple[str, ...] = ()
    single: bool = False
    downstream: bool = False
    force: bool = False
    keep_going: bool = False
    use_cache: bool = True
    pull: bool = False
    """Whether to download missing data and runs."""
    jobs: int = 1
    checks: bool = True
    """Whether failed critical checks of outputs fail their stages."""


@dataclass(frozen=True, slots=True, repr=False)
class ReproResult(Displayed):
    """The state of each stage after the run."""

    states: Mapping[Address, StageState]
    errors: Mapping[Address, DverError]
    damaged_runs: tuple[str, ...] = ()
    """Keys of damaged run cache entries on the remote."""
    missed: int = 0
    """The number of stages that ran although they have cached runs, whose outputs are not in the store."""
    secrets: tuple[SecretVariable, ...] = ()
    problems: tuple[DverError, ...] = ()
    """Problems other than failed stages."""
    seconds: Mapping[Address, float] = field(default_factory=dict)
    """The run time of each stage that ran."""
    elapsed: float = 0.0
    """The total time in seconds."""
    frozen: tuple[Address, ...] = ()
    """Frozen stages that are out of date, as `unfreeze` takes them: a foreach or matrix as a whole."""
    not_in_git: tuple[bytes, ...] = ()
    """Uncached outputs that a Git commit would omit."""
    checked: tuple[CheckedData, ...] = ()
    """The results of checks of outputs, also of stages that failed for them."""

    @property
    def succeeded(self) -> bool:
        """Whether all stages are up to date or frozen."""
        return not self.errors and StageState.WAITING not in self.states.values()


@dataclass(frozen=True, slots=True, repr=False)
class ReproPlan(Displayed):
    """The plan of a run. `missed` counts as in `ReproResult`."""

    steps: tuple[StagePlan, ...]
    missed: int = 0
    secrets: tuple[SecretVariable, ...] = ()
    problems: tuple[DverError, ...] = ()
    """Why stages are left out, with all stages downstream."""


@dataclass(frozen=True, slots=True)
class _Selection:
    """The stages of a run."""

    pipelines: Pipelines
    stages: tuple[Address, ...]
    """The stages that can run, in order."""
    errors: Mapping[Address, DverError]
    """The errors of stages that cannot run because of their definition."""
    blocked: frozenset[Address]
    """The stages that cannot run, and all stages downstream."""

    @property
    def not_frozen(self) -> frozenset[Address]:
        """The stages that `--force` runs."""
        return frozenset(one for one in self.stages if not self.pipelines.graph.stages[one].frozen)

    @property
    def blocked_states(self) -> dict[Address, StageState]:
        """The states of the blocked stages after a run."""
        return {one: StageState.FAILED if one in self.errors else StageState.BLOCKED for one in self.blocked}


class _Session:
    """What a run and its preview share: the selected stages, their evaluator, and sources of cached runs."""

    def __init__(self, repo: Repository, choice: ReproOptions, cwd: Path, progress: Progress) -> None:
        self.repo = repo
        self.choice = choice
        self.selection = _select(repo, choice, cwd)
        self.graph, self.stages = self.selection.pipelines.graph, self.selection.stages
        self.forced = self.selection.not_frozen if choice.force else frozenset()
        self.downloads = RemoteDownloads(repo, progress) if choice.pull else None
        self.damaged_runs = self.downloads.fetch_run_cache() if self.downloads else ()
        self.evaluator = Evaluator(repo, self.graph, progress, external=ExternalFingerprints(repo))
        self.missed: set[tuple[str, ...]] = set()
        """The outputs of each cached run whose content is not in the store."""

    def cached_runs(self, fetch: FetchItems | None) -> CachedRuns:
        """The cached runs; `fetch` downloads their content, and is None without `--pull`."""
        if not self.choice.use_cache:
            return CachedRuns(self.repo)
        return CachedRuns(self.repo, RunCache(self.repo), fetch or self._miss)

    def _miss(self, items: Sequence[LockedItem]) -> bool:
        """Note a cached run with missing content. Returns False: it cannot be restored."""
        self.missed.add(tuple(sorted(item.path for item in items)))
        return False

    def evaluations(
        self, fetch: FetchItems | None, expected: Mapping[str, LockedItem] | None = None
    ) -> Mapping[Address, StageEvaluation]:
        """Evaluate the stages as if all cached runs were restored."""
        find = self.cached_runs(fetch).find
        return self.evaluator.evaluate_all(self.stages, find, forced=self.forced, expected=expected)

    def download(self) -> None:
        """Download inputs, and the outputs of all cached runs at once rather than stage by stage."""
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
    """Plan what `repro` would do, without changing anything. Raises PipelineError, UsageError."""
    session = _Session(repo, choice, cwd, progress)
    graph, selection, downloads = session.graph, session.selection, session.downloads
    session.evaluator.prefetch(selection.stages)
    expected = downloads.missing_inputs(graph, selection.not_frozen) if downloads else None
    found = session.evaluations(downloads.can_download if downloads else None, expected)
    stale = {address: one.reasons for address, one in found.items()}
    restorable = {address for address, one in found.items() if one.cached_run is not None}
    steps = plan_stages(graph, selection.stages, stale, forced=session.forced, restorable=restorable)
    problems = (*_left_over(selection), *selection.errors.values())
    return ReproPlan(steps, len(session.missed), secret_variables(graph.stages, selection.stages), problems)


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
    """Bring the target stages up to date. Errors of stages are in the result.

    `confirm` is called before a stage runs, `on_backup` for each output that is moved to a backup. Raises
    PipelineError, UsageError.
    """
    begun = time.monotonic()
    session = _Session(repo, choice, cwd, progress)
    graph, stages, selection = session.graph, session.stages, session.selection
    session.download()
    limit = Capacity(choice.jobs)
    if runner is None:  # other runners know their own resources
        limit = machine_capacity(choice.jobs, (graph.stages[one].resources for one in stages))
    executor = WorkspaceExecutor(
        repo,
        selection.pipelines,
        session.evaluator,
        forced=session.forced,
        cached_runs=session.cached_runs(session.downloads.download if session.downloads else None),
        progress=progress,
        confirm=confirm,
        capacity=limit,
        on_backup=on_backup,
        checks=choice.checks,
    )
    executor.refuse_oversized(stages)
    report = RunReport(watcher)
    states = _run(session, executor, runner or LocalRunner(repo.layout.worktree_dir / "stages"), report, limit)
    return ReproResult(
        {**selection.blocked_states, **states},
        {**selection.errors, **report.errors},
        session.damaged_runs,
        len(session.missed),
        secret_variables(graph.stages, stages),
        _left_over(selection),
        report.seconds,
        time.monotonic() - begun,
        _frozen(graph, states),
        outputs_not_in_git(repo, graph, (one for one, state in states.items() if state in _WRITTEN)),
        tuple(executor.output_checks.checked),
    )


def _frozen(graph: Graph, states: Mapping[Address, StageState]) -> tuple[Address, ...]:
    left = [one for one, state in states.items() if state is StageState.FROZEN]
    # A foreach or matrix is frozen and unfrozen as a whole.
    return tuple(dict.fromkeys(Address(one.folder, graph.stages[one].group or one.name, one.cwd) for one in left))


def _run(
    session: _Session, executor: WorkspaceExecutor, runner: Runner, report: RunReport, limit: Capacity
) -> Mapping[Address, StageState]:
    """Run the stages with a log of each. Returns their states."""
    graph, choice, logs = session.graph, session.choice, RunLogs(session.repo)
    before = prerequisites(graph)
    tasks = [
        ScheduledStage(one, before[one], graph.stages[one].resources, graph.stages[one].retry) for one in session.stages
    ]
    try:
        return run_stages(
            tasks, executor, runner, LoggingWatcher(report, logs), capacity=limit, keep_going=choice.keep_going
        )
    finally:
        logs.close()
        executor.write()


def _select(repo: Repository, choice: ReproOptions, cwd: Path) -> _Selection:
    """Load all pipelines and select the stages that can run."""
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
