"""Jobs for tests, and a runner without processes. Importable from every test."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dver.core.errors import StageError
from dver.pipelines.engine.job import Event, Job, JobEnd, JobOutcome, JobOutput, Runner


class MemoryRunner:
    """Runs `echo WORDS`, `sleep SECONDS`, `exit CODE`, `write FILE WORDS`, `show VARIABLE` and `pwd` in threads."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        """All that were submitted, in order."""
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stops: dict[str, threading.Event] = {}
        self._claimed: set[str] = set()

    def claim(self, name: str) -> None:
        if name in self._stops:
            raise StageError(f"stage {name!r} is already running")
        self._claimed.add(name)

    def release(self, name: str) -> None:
        self._claimed.discard(name)

    def submit(self, job: Job) -> None:
        self.claim(job.name)
        self._claimed.remove(job.name)
        self.jobs.append(job)
        self._stops[job.name] = threading.Event()
        threading.Thread(target=self._run, args=(job, self._stops[job.name]), daemon=True).start()

    def poll(self, seconds: float) -> Sequence[Event]:
        found: list[Event] = []
        with suppress(queue.Empty):
            found.append(self._events.get(timeout=max(0.0, seconds)))
            while True:
                found.append(self._events.get_nowait())
        for event in found:
            if isinstance(event, JobEnd):
                del self._stops[event.job]
        return found

    def busy(self) -> bool:
        return bool(self._stops)

    def stop(self, *, force: bool = False) -> None:
        for stop in self._stops.values():
            stop.set()

    def close(self) -> None:
        self.stop(force=True)
        while self.busy():
            self.poll(1.0)

    def _run(self, job: Job, stop: threading.Event) -> None:
        started, code, ending = time.time(), 0, JobOutcome.DONE
        deadline = time.monotonic() + job.timeout if job.timeout is not None else None
        for command in job.commands:
            code = self._one(job, command, stop, deadline)
            if stop.is_set() or (deadline is not None and time.monotonic() >= deadline):
                ending, code = (JobOutcome.STOPPED if stop.is_set() else JobOutcome.TIMED_OUT), -2
                break
            if code:
                ending = JobOutcome.FAILED
                break
        self._events.put(JobEnd(job.name, ending, code, started, time.time(), 0))

    def _one(self, job: Job, command: str, stop: threading.Event, deadline: float | None) -> int:
        verb, _, rest = command.partition(" ")
        match verb:
            case "sleep":
                left = deadline - time.monotonic() if deadline is not None else 3600.0
                stop.wait(min(float(rest), left))
            case "exit":
                return int(rest)
            case "write":
                name, _, words = rest.partition(" ")
                Path(job.cwd, name).write_text(f"{words}\n")
            case _:
                said = {"echo": rest, "pwd": job.cwd, "show": {**os.environ, **job.env}.get(rest, "")}
                if verb not in said:
                    return 127
                self._events.put(JobOutput(job.name, f"{said[verb]}\n".encode()))
        return 0


def job(folder: Path, *commands: str, name: str = "stage", **more: Any) -> Job:
    """A job that runs in `folder`."""
    return Job(name, commands, str(folder), **more)


def ended(runner: Runner, names: int = 1) -> tuple[dict[str, JobEnd], dict[str, bytes]]:
    """How all jobs ended, and what each said."""
    ends: dict[str, JobEnd] = {}
    said: dict[str, bytes] = {}
    deadline = time.monotonic() + 60
    while len(ends) < names:
        assert time.monotonic() < deadline
        for event in runner.poll(5.0):
            if isinstance(event, JobOutput):
                assert event.job not in ends
                said[event.job] = said.get(event.job, b"") + event.content
            else:
                ends[event.job] = event
    assert list(runner.poll(0)) == []
    return ends, said
