"""What a runner gets, and what it answers. A runner only runs: what is run, when and why is decided by the scheduler.

The contract is the suite in `tests/pipelines/engine/test_runners.py`, which every runner has to pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from dver.pipelines.definition.stage import NO_RESOURCES, Resources


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at a stage, with all that is needed to run it somewhere. Paths are absolute."""

    name: str
    """The address of the stage, as text; no two jobs of one name run at once."""
    commands: tuple[str, ...]
    """For the shell, one after the other until one fails. One of several lines ends at the first line that fails."""
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    """What is set besides the runner's own environment."""
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    resources: Resources = NO_RESOURCES
    timeout: float | None = None
    """Seconds."""


class Ending(Enum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    """Because `stop` was called."""


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of what a job wrote to its standard output and error, as it came: any bytes, not whole lines."""

    job: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """A job is over; nothing of it runs any more, and nothing follows."""

    job: str
    ending: Ending
    exit_code: int
    """Of the last command: negative for the signal that killed it, 127 if it could not be started."""
    started: float
    """Seconds since the epoch, as is `ended`."""
    ended: float
    peak_memory: int = 0
    """Bytes that the largest of its processes held at once; 0 if it is not known, or less than dver's own."""


Event = Said | Ended


class Runner(Protocol):
    """Runs jobs, here or elsewhere. Used by one thread."""

    def claim(self, name: str) -> None:
        """Keep jobs called `name` to this runner, before anything is done for one. Raises StageError if one still runs,
        of this process or of another, or another runner has claimed it."""

    def release(self, name: str) -> None:
        """Nothing was to be run under that name after all. Ends of jobs, and `close`, release it, too."""

    def submit(self, job: Job) -> None:
        """Start `job`. Raises what `claim` does, where its name is not claimed yet."""

    def poll(self, seconds: float) -> Sequence[Event]:
        """What has happened since the last call, in order; waits for at most so many seconds if nothing has.

        `Ended` is the last that is heard of a job.
        """

    def busy(self) -> bool:
        """Is there a job whose `Ended` is still to come?"""

    def stop(self, *, force: bool = False) -> None:
        """Ask all jobs to end, as Ctrl-C does; with `force` at once. Their `Ended` still comes by `poll`."""

    def close(self) -> None:
        """End whatever still runs, and wait for it."""
