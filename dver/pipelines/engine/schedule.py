"""Running stages in the order of the graph: several at once, as many as there is room for.

The scheduler decides, a runner runs, and whoever knows the workspace (`Work`) says what is to be done for a stage and
records what came of it. All of it happens in one thread.
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
from dver.pipelines.engine.job import Ended, Ending, Job, Runner, Said
from dver.pipelines.engine.resources import DEVICES, Capacity, Room

_TICK: Final = 0.5
"""Seconds after which whoever watches hears that time passes."""


class State(Enum):
    """Where a stage is."""

    WAITING = "waiting"
    RUNNING = "running"
    UP_TO_DATE = "up to date"
    FROZEN = "frozen"
    """It is out of date, and stays so, since it is frozen."""
    RESTORED = "restored"
    """Its outputs were put back from an earlier run of the same work."""
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    """The user did not want it to be run."""
    BLOCKED = "blocked"
    """A stage that it depends on failed, or was skipped."""


OVER: Final = frozenset((State.UP_TO_DATE, State.FROZEN, State.RESTORED, State.DONE))
"""What lets those go on that come after."""


class Work(Protocol):
    """What the scheduler asks of whoever knows the workspace. All of it may raise DverError, which fails the stage."""

    def look(self, address: Address) -> State | None:
        """Where a stage is without anything being done, now that all before it are over; None if it has to be begun."""

    def begin(self, address: Address) -> Job | State:
        """What is to be run for a stage that was looked at and whose name is claimed; or where it is without a run.

        With a job, outputs of the last run are out of the way.
        """

    def record(self, address: Address, ended: Ended) -> None:
        """Take in what a job that went well has made."""

    def again(self, address: Address) -> Job:
        """The job for another attempt."""


class Watcher(Protocol):
    """Who hears what happens."""

    def changed(self, address: Address, state: State, error: DverError | None = None) -> None:
        """A stage is in another state; `error` says why it failed."""

    def said(self, address: Address, content: bytes) -> None:
        """A running stage wrote this."""

    def tick(self) -> None:
        """Time passes."""


@dataclass(frozen=True, slots=True)
class Task:
    """A stage as the scheduler sees it."""

    address: Address
    upstream: tuple[Address, ...] = ()
    resources: Resources = NO_RESOURCES
    retry: int = 0


def run_stages(
    tasks: Sequence[Task], work: Work, runner: Runner, watcher: Watcher, *, capacity: Capacity, keep_going: bool = False
) -> Mapping[Address, State]:
    """Bring `tasks`, each of which comes after those that it depends on, to an end; upstream stages that are not among
    them count as over. Returns where each is then.

    After a failure nothing new is started, unless `keep_going`: then only what depends on it is left out. Ctrl-C asks
    what runs to end, and a second one ends it; what went well until then is recorded, and KeyboardInterrupt raised.
    """
    schedule = _Schedule(tasks, work, runner, watcher, capacity, keep_going)
    try:
        schedule.run()
    except KeyboardInterrupt:
        schedule.wind_up()
        raise
    finally:
        runner.close()
    return schedule.states


@dataclass(slots=True)
class _Schedule:
    tasks: Sequence[Task]
    work: Work
    runner: Runner
    watcher: Watcher
    capacity: Capacity
    keep_going: bool
    states: dict[Address, State] = field(init=False)
    running: dict[str, Task] = field(default_factory=dict)
    attempts: dict[Address, int] = field(default_factory=dict)
    closed: bool = False
    """Is nothing new to be started, because of a failure or Ctrl-C?"""
    waiting: dict[Address, int] = field(init=False)
    """Stages that are not begun, with how many they wait for."""
    followers: dict[Address, list[Task]] = field(init=False)
    room: Room = field(init=False)
    ready: list[Task] = field(init=False)
    """Stages that wait for room only, in order."""

    def __post_init__(self) -> None:
        self.room = Room(self.capacity)
        self.states = {one.address: State.WAITING for one in self.tasks}
        self.waiting = {one.address: sum(other in self.states for other in one.upstream) for one in self.tasks}
        self.followers = {one.address: [] for one in self.tasks}
        for one in self.tasks:
            for other in one.upstream:
                if other in self.states:
                    self.followers[other].append(one)
        self.ready = [one for one in self.tasks if self.waiting[one.address] == 0]

    def run(self) -> None:
        while self.running or (self.ready and not self.closed):
            self.start_what_fits()
            if self.running:
                self.listen()

    def start_what_fits(self) -> None:
        while (task := self.next_that_fits()) is not None:
            self.ready.remove(task)
            self.look(task)
            if self.running:
                self.listen(0.0)

    def next_that_fits(self) -> Task | None:
        """What may begin now."""
        if self.closed or len(self.running) >= self.capacity.jobs:
            return None
        return next((one for one in self.ready if self.room.fits(one.resources)), None)

    def look(self, task: Task) -> None:
        try:
            state = self.work.look(task.address)
        except DverError as error:
            self.finish(task, State.FAILED, error)
            return
        if state is None:
            self.attempt(task, self.work.begin)
        else:
            self.finish(task, state)

    def attempt(self, task: Task, begin: Callable[[Address], Job | State]) -> None:
        name = task.address.key
        try:
            # Before outputs are touched: another process may be at work on them.
            self.runner.claim(name)
            found = begin(task.address)
            if isinstance(found, State):
                self.runner.release(name)
                self.finish(task, found)
                return
            # Noted before it begins: Ctrl-C may come at any moment, and what runs has to be known then.
            assert found.name == name
            self.running[found.name] = task
            self.runner.submit(self.placed(task, found))
        except DverError as error:
            self.over(name)
            self.runner.release(name)
            self.finish(task, State.FAILED, error)
            return
        self.enter(task, State.RUNNING)

    def placed(self, task: Task, job: Job) -> Job:
        """`job` with graphics cards of its own, unless the stage says itself which it is to see."""
        devices = self.room.take(job.name, task.resources)
        return replace(job, env={DEVICES: ",".join(devices), **job.env}) if devices else job

    def over(self, name: str) -> None:
        """A job takes no room any more."""
        self.room.leave(name)
        self.running.pop(name, None)

    def listen(self, seconds: float = _TICK) -> None:
        """Hear what the jobs have to say."""
        for event in self.runner.poll(seconds):
            if isinstance(event, Said):
                self.watcher.said(self.running[event.job].address, event.content)
            else:
                task = self.running[event.job]
                self.over(event.job)
                self.ended(task, event)
        self.watcher.tick()

    def ended(self, task: Task, event: Ended) -> None:
        tried = self.attempts[task.address] = self.attempts.get(task.address, 0) + 1
        if event.ending is Ending.DONE:
            try:
                self.work.record(task.address, event)
            except DverError as error:
                self.finish(task, State.FAILED, error)
            else:
                self.finish(task, State.DONE)
        elif event.ending is Ending.STOPPED:
            self.finish(task, State.STOPPED)
        elif tried <= task.retry and not self.closed:
            self.attempt(task, self.work.again)
        else:
            self.finish(task, State.FAILED, _failure(task, event, tried))

    def finish(self, task: Task, state: State, error: DverError | None = None) -> None:
        self.enter(task, state, error)
        if state in OVER:
            self.let_follow(task)
            return
        self.closed = self.closed or not (self.keep_going or state is State.SKIPPED)
        blocked = [*self.followers[task.address]]
        while blocked:
            one = blocked.pop()
            if self.states[one.address] is State.WAITING:
                self.enter(one, State.BLOCKED)
                blocked += self.followers[one.address]

    def let_follow(self, task: Task) -> None:
        for one in self.followers[task.address]:
            self.waiting[one.address] -= 1
            if self.waiting[one.address] == 0 and self.states[one.address] is State.WAITING:
                self.ready.append(one)

    def enter(self, task: Task, state: State, error: DverError | None = None) -> None:
        self.states[task.address] = state
        self.watcher.changed(task.address, state, error)

    def wind_up(self) -> None:
        """After Ctrl-C: ask what runs to end, and wait for it. Another Ctrl-C ends it."""
        self.closed = True
        self.runner.stop()
        while self.runner.busy():
            try:
                self.listen()
            except KeyboardInterrupt:
                self.runner.stop(force=True)
        for task in self.running.values():
            self.finish(task, State.STOPPED)


def _failure(task: Task, event: Ended, tried: int) -> StageError:
    """What became of a job that failed."""
    name, times = str(task.address), f", {tried} times" if tried > 1 else ""
    log = f"dver logs {quoted(name)}"
    if event.ending is Ending.TIMED_OUT:
        return StageError(
            f"stage {name!r} ran out of time{times}",
            why=f"it was ended after {event.ended - event.started:,.0f} s",
            fix=f"give it a larger `timeout`, or less to do; what it wrote: {log}",
        )
    how = f"with exit code {event.exit_code}" if event.exit_code > 0 else f"by signal {-event.exit_code}"
    return StageError(f"stage {name!r} failed{times}", why=f"its command ended {how}", fix=f"see what it wrote: {log}")
