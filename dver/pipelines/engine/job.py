"""The interface of runners: the jobs they run and the events they return.

A runner only runs jobs; the scheduler decides which, when and why. Every runner passes the tests in
`tests/pipelines/engine/test_runners.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from dver.pipelines.definition.stage import NO_RESOURCES, Resources


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at a stage, with everything that a runner needs. Paths are absolute."""

    name: str
    """The address of the stage, as text. Two jobs with one name never run at once."""
    commands: tuple[str, ...]
    """Shell commands, run in order until one fails. A command of several lines ends at the first line that fails."""
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables in addition to the runner's own environment."""
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    resources: Resources = NO_RESOURCES
    timeout: float | None = None
    """Seconds."""


class JobOutcome(Enum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    """Because `stop` was called."""


@dataclass(frozen=True, slots=True)
class JobOutput:
    """A piece of a job's standard output and error: any bytes, not whole lines."""

    job: str
    content: bytes


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A job ended: none of its processes run any more, and it has no further events."""

    job: str
    outcome: JobOutcome
    exit_code: int
    """The exit code of the last command: negative for the signal that killed it, 127 if it could not be started."""
    started: float
    """Seconds since the epoch, as is `ended`."""
    ended: float
    peak_memory: int = 0
    """The peak memory of its largest process in bytes; 0 if it is unknown or below that of dver itself."""


Event = JobOutput | JobEnd


class Runner(Protocol):
    """Runs jobs on this machine or others. A runner is used by one thread."""

    def claim(self, name: str) -> None:
        """Reserve the job name `name` for this runner. Raises StageError if a job with that name still runs in any
        process, or another runner has claimed it."""

    def release(self, name: str) -> None:
        """Give up a claim without running a job. The end of a job and `close` give it up, too."""

    def submit(self, job: Job) -> None:
        """Start `job`, and claim its name first if needed. Raises what `claim` does."""

    def poll(self, seconds: float) -> Sequence[Event]:
        """Return the events since the last call, in order; waits up to `seconds` for the first one.

        `JobEnd` is the last event of a job.
        """

    def busy(self) -> bool:
        """Return whether the `JobEnd` of a job is outstanding."""

    def stop(self, *, force: bool = False) -> None:
        """Ask all jobs to end, as Ctrl-C does; with `force`, kill them. `poll` still returns their `JobEnd`."""

    def close(self) -> None:
        """Kill all jobs that still run, and wait for them."""
