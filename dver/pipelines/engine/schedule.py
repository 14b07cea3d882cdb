"""Runs stages in the order of the graph, as many at once as the machine has resources for.

The scheduler decides when a stage runs. A `Runner` runs its job, and a `StageExecutor` checks, prepares and records
it in the workspace. The scheduler uses a single thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Protocol

from dver.core.errors import DverError, StageError
from dver.core.phrasing import quoted
from dver.pipelines.definition.stage import NO_RESOURCES, Resources
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.job import Job, JobEnd, JobOutcome, JobOutput, Runner
from dver.pipelines.engine.resources import DEVICES, Capacity, ResourcePool

_TICK: Final = 0.5
"""Seconds between two calls of `Watcher.tick`."""


class StageState(Enum):
    """The state of a stage during a run."""

    WAITING = "waiting"
    RUNNING = "running"
    UP_TO_DATE = "up to date"
    FROZEN = "frozen"
    """Out of date, and left so because it is frozen."""
    RESTORED = "restored"
    """Its outputs were restored from the run cache."""
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    """The user declined to run it."""
    BLOCKED = "blocked"
    """A stage that it depends on failed or was skipped."""


SUCCESSFUL: Final = frozenset((StageState.UP_TO_DATE, StageState.FROZEN, StageState.RESTORED, StageState.DONE))
"""States after which downstream stages may start."""


class StageExecutor(Protocol):
    """Checks, prepares and records stages for the scheduler. Each method may raise DverError, which fails the stage."""

    def check(self, address: Address) -> StageState | None:
        """Return the final state of a stage that needs no work, and None for one that `begin` has to handle.

        Its upstream stages have finished.
        """

    def begin(self, address: Address) -> Job | StageState:
        """Return the job of a checked stage whose name is claimed, or its final state if it needs no run.

        Before it returns a job, it removes the old outputs. It returns `StageState.WAITING` while another process
        executes the same run, and is called again later.
        """

    def record(self, address: Address, end: JobEnd) -> None:
        """Record the outputs of a job that succeeded."""

    def retry(self, address: Address) -> Job:
        """Return the job for another attempt."""

    def finish(self, address: Address) -> None:
        """The stage reached its final state, so no other method is called for it any more."""


class CommandError(StageError):
    """The command of a stage failed."""

    def __init__(self, what: str, *, why: str, fix: str, command_exit_code: int) -> None:
        super().__init__(what, why=why, fix=fix)
        self.command_exit_code = command_exit_code
        """Negative for the signal that killed it."""


class Watcher(Protocol):
    """Receives the events of a run."""

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        """A stage entered `state`; `error` is why it failed. It enters `WAITING` only for another process that executes
        the same run."""

    def output(self, address: Address, content: bytes) -> None:
        """A running stage wrote `content`."""

    def tick(self) -> None:
        """Called regularly during the run."""


@dataclass(frozen=True, slots=True)
class ScheduledStage:
    """A stage, its upstream stages and its needs."""

    address: Address
    upstream: tuple[Address, ...] = ()
    resources: Resources = NO_RESOURCES
    retry: int = 0


def run_stages(
    tasks: Sequence[ScheduledStage],
    executor: StageExecutor,
    runner: Runner,
    watcher: Watcher,
    *,
    capacity: Capacity,
    keep_going: bool = False,
) -> Mapping[Address, StageState]:
    """Run `tasks`, each of which follows those it depends on, and return their final states. Upstream stages that are
    not among them count as finished.

    After a failure no stage starts, unless `keep_going` is set: then only those that depend on it do not. Ctrl-C asks
    the jobs to end, and a second Ctrl-C kills them. Jobs that succeeded are recorded before KeyboardInterrupt is
    raised.
    """
    schedule = _Schedule(tasks, executor, runner, watcher, capacity, keep_going)
    try:
        schedule.run()
    except KeyboardInterrupt:
        schedule.shut_down()
        raise
    finally:
        runner.close()
    return schedule.states


@dataclass(slots=True)
class _Schedule:
    tasks: Sequence[ScheduledStage]
    executor: StageExecutor
    runner: Runner
    watcher: Watcher
    capacity: Capacity
    keep_going: bool
    states: dict[Address, StageState] = field(init=False)
    running: dict[str, ScheduledStage] = field(default_factory=dict)
    attempts: dict[Address, int] = field(default_factory=dict)
    closed: bool = False
    """Set by a failure or Ctrl-C: no further stage starts."""
    waiting: dict[Address, int] = field(init=False)
    """The number of unfinished upstream stages of each stage that has not started."""
    downstream: dict[Address, list[ScheduledStage]] = field(init=False)
    resources: ResourcePool = field(init=False)
    ready: list[ScheduledStage] = field(init=False)
    """Stages that wait for resources only, in order."""
    deferred: list[ScheduledStage] = field(default_factory=list)
    """Stages that wait for another process that executes the same run."""
    reported: set[Address] = field(default_factory=set)
    """Stages whose wait was reported."""

    def __post_init__(self) -> None:
        self.resources = ResourcePool(self.capacity)
        self.states = {one.address: StageState.WAITING for one in self.tasks}
        self.waiting = {one.address: sum(other in self.states for other in one.upstream) for one in self.tasks}
        self.downstream = {one.address: [] for one in self.tasks}
        for one in self.tasks:
            for other in one.upstream:
                if other in self.states:
                    self.downstream[other].append(one)
        self.ready = [one for one in self.tasks if self.waiting[one.address] == 0]

    def run(self) -> None:
        while self.running or ((self.ready or self.deferred) and not self.closed):
            self.start_deferred()
            self.start_ready()
            if self.running or self.deferred:
                self.process_events()

    def start_deferred(self) -> None:
        """Begin deferred stages again."""
        waiting, self.deferred = self.deferred, []
        for task in waiting:
            if self.can_start(task):
                self.attempt(task, self.executor.begin)
            else:
                self.deferred.append(task)

    def can_start(self, task: ScheduledStage) -> bool:
        """Whether the stage may start and the free resources suffice for it."""
        return not self.closed and len(self.running) < self.capacity.jobs and self.resources.fits(task.resources)

    def start_ready(self) -> None:
        while (task := self.next_ready()) is not None:
            self.ready.remove(task)
            self.check(task)
            if self.running:
                self.process_events(0.0)

    def next_ready(self) -> ScheduledStage | None:
        """The first ready stage that the free resources suffice for."""
        return next((one for one in self.ready if self.can_start(one)), None)

    def check(self, task: ScheduledStage) -> None:
        try:
            state = self.executor.check(task.address)
        except DverError as error:
            self.finish(task, StageState.FAILED, error)
            return
        if state is None:
            self.attempt(task, self.executor.begin)
        else:
            self.finish(task, state)

    def attempt(self, task: ScheduledStage, begin: Callable[[Address], Job | StageState]) -> None:
        name = task.address.key
        try:
            # Before outputs are changed, since another process may be writing them.
            self.runner.claim(name)
            found = begin(task.address)
            if isinstance(found, StageState):
                self.runner.release(name)
                if found is StageState.WAITING:
                    self.defer(task)
                else:
                    self.finish(task, found)
                return
            # Before the job starts, since Ctrl-C may come at any moment and must find it.
            assert found.name == name
            self.running[found.name] = task
            self.runner.submit(self.with_devices(task, found))
        except DverError as error:
            self.release(name)
            self.runner.release(name)
            self.finish(task, StageState.FAILED, error)
            return
        self.set_state(task, StageState.RUNNING)

    def defer(self, task: ScheduledStage) -> None:
        """Begin the stage again later. The wait is reported once."""
        self.deferred.append(task)
        if task.address not in self.reported:
            self.reported.add(task.address)
            self.set_state(task, StageState.WAITING)

    def with_devices(self, task: ScheduledStage, job: Job) -> Job:
        """`job` with GPUs assigned, unless the stage sets `CUDA_VISIBLE_DEVICES` itself."""
        devices = self.resources.acquire(job.name, task.resources)
        return replace(job, env={DEVICES: ",".join(devices), **job.env}) if devices else job

    def release(self, name: str) -> None:
        self.resources.release(name)
        self.running.pop(name, None)

    def process_events(self, seconds: float = _TICK) -> None:
        for event in self.runner.poll(seconds):
            if isinstance(event, JobOutput):
                self.watcher.output(self.running[event.job].address, event.content)
            else:
                task = self.running[event.job]
                self.release(event.job)
                self.job_ended(task, event)
        self.watcher.tick()

    def job_ended(self, task: ScheduledStage, event: JobEnd) -> None:
        tried = self.attempts[task.address] = self.attempts.get(task.address, 0) + 1
        if event.outcome is JobOutcome.DONE:
            try:
                self.executor.record(task.address, event)
            except DverError as error:
                self.finish(task, StageState.FAILED, error)
            else:
                self.finish(task, StageState.DONE)
        elif event.outcome is JobOutcome.STOPPED:
            self.finish(task, StageState.STOPPED)
        elif tried <= task.retry and not self.closed:
            self.attempt(task, self.executor.retry)
        else:
            self.finish(task, StageState.FAILED, _failure(task, event, tried))

    def finish(self, task: ScheduledStage, state: StageState, error: DverError | None = None) -> None:
        self.executor.finish(task.address)
        self.set_state(task, state, error)
        if state in SUCCESSFUL:
            self.unblock_downstream(task)
            return
        self.closed = self.closed or not (self.keep_going or state is StageState.SKIPPED)
        blocked = [*self.downstream[task.address]]
        while blocked:
            one = blocked.pop()
            if self.states[one.address] is StageState.WAITING:
                self.set_state(one, StageState.BLOCKED)
                blocked += self.downstream[one.address]

    def unblock_downstream(self, task: ScheduledStage) -> None:
        for one in self.downstream[task.address]:
            self.waiting[one.address] -= 1
            if self.waiting[one.address] == 0 and self.states[one.address] is StageState.WAITING:
                self.ready.append(one)

    def set_state(self, task: ScheduledStage, state: StageState, error: DverError | None = None) -> None:
        self.states[task.address] = state
        self.watcher.state_changed(task.address, state, error)

    def shut_down(self) -> None:
        """After Ctrl-C: ask the running jobs to end and wait for them. Another Ctrl-C kills them."""
        self.closed = True
        self.runner.stop()
        while self.runner.busy():
            try:
                self.process_events()
            except KeyboardInterrupt:
                self.runner.stop(force=True)
        for task in self.running.values():
            self.finish(task, StageState.STOPPED)


def _failure(task: ScheduledStage, event: JobEnd, tried: int) -> StageError:
    name, times = str(task.address), f", {tried} times" if tried > 1 else ""
    log = f"dver logs {quoted(name)}"
    if event.outcome is JobOutcome.TIMED_OUT:
        return StageError(
            f"stage {name!r} timed out{times}",
            why=f"its command was stopped after {event.ended - event.started:,.0f} s",
            fix=f"increase its `timeout`, or see its output: {log}",
        )
    code = event.exit_code
    how = f"exited with code {code}" if code > 0 else f"was killed by signal {-code}"
    return CommandError(
        f"stage {name!r} failed{times}", why=f"its command {how}", fix=f"see its output: {log}", command_exit_code=code
    )
