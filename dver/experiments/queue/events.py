"""What workers report to their supervisor: lines of JSON in a pipe."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from dver.core.errors import DverError, LocalIOError
from dver.formats.experiment import Experiment, decode_record, encode_record


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A worker took a task from the queue."""

    name: str
    attempt: int


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of the task of a worker started."""

    stage: str


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task ended and was recorded."""

    experiment: Experiment


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """A worker cannot go on. Its task, if any, is in the queue again."""

    error: DverError


WorkerEvent = TaskStarted | StageStarted | TaskEnded | WorkerFailed


def encode_event(event: WorkerEvent) -> bytes:
    """An event as a line."""
    return json.dumps(_fields(event)).encode("ascii") + b"\n"


def _fields(event: WorkerEvent) -> dict[str, object]:
    match event:
        case TaskStarted():
            return {"task": event.name, "attempt": event.attempt}
        case StageStarted():
            return {"stage": event.stage}
        case TaskEnded():
            return {"ended": encode_record(event.experiment).decode("ascii")}
    error = event.error
    return {"error": error.what, "why": error.why, "fix": error.fix, "disk": isinstance(error, LocalIOError)}


def decode_event(line: bytes) -> WorkerEvent:
    """The event in a line of this version of dver."""
    found = json.loads(line)
    if "task" in found:
        return TaskStarted(found["task"], found["attempt"])
    if "stage" in found:
        return StageStarted(found["stage"])
    if "ended" in found:
        return TaskEnded(decode_record(found["ended"].encode("ascii")))
    kind = LocalIOError if found["disk"] else DverError
    return WorkerFailed(kind(found["error"], why=found["why"], fix=found["fix"]))


def write_event(fd: int, event: WorkerEvent) -> None:
    """Write an event to the pipe `fd`. Raises BrokenPipeError if the supervisor is gone."""
    rest = memoryview(encode_event(event))
    while rest:
        rest = rest[os.write(fd, rest) :]
