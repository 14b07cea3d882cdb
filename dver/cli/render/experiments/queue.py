"""The queue as text, and the progress of its workers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.experiments.text import finished_lines, status_text
from dver.cli.render.terminal import Style, printable
from dver.core.phrasing import count, join_limited
from dver.experiments.queue.supervisor import QueueResult, QueueWatcher
from dver.experiments.queue.tasks import QueueStatus
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.pipelines.definition.stage import PARAMS_FILE

_INTERVAL: Final = 0.1
"""Redraw the line at most once in this many seconds."""
_DEFAULT_FILE: Final = f"{PARAMS_FILE}:"
"""What overrides of the usual file begin with."""
_COUNTED: Final = (ExperimentStatus.DONE, ExperimentStatus.FAILED, ExperimentStatus.STOPPED)


@contextmanager
def watch_queue(ctx: Context) -> Iterator[QueueWatcher]:
    """The watcher for the terminal or the log."""
    if ctx.quiet or not terminal.is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        yield QueueLines(ctx)
        return
    line = QueueLine(ctx)
    try:
        yield line
    finally:
        line.close()


class QueueLines:
    """Prints a line for each experiment that ended."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._style = Style(enabled=terminal.wants_color(sys.stderr))

    def task_started(self, worker: int, name: str, attempt: int) -> None:
        """See `QueueWatcher`."""

    def stage_started(self, worker: int, stage: str) -> None:
        """See `QueueWatcher`."""

    def task_ended(self, worker: int, experiment: Experiment) -> None:
        """See `QueueWatcher`."""
        for line in finished_lines(experiment, self._style):
            self._ctx.note(line)

    def worker_died(self, worker: int, name: str | None) -> None:
        """See `QueueWatcher`."""
        self._ctx.note(f"a worker was killed{f'; {printable(name)} is queued again' if name else ''}")

    def stopping(self, *, kill: bool) -> None:
        """See `QueueWatcher`."""
        self._ctx.note(
            "stopping the experiments" if kill else "ending after the current experiments (again: stop them)"
        )

    def tick(self, left: int) -> None:
        """See `QueueWatcher`."""


@dataclass(slots=True)
class _Running:
    """The experiment of a worker."""

    name: str
    stage: str = ""

    def __str__(self) -> str:
        return f"{printable(self.name)} ({printable(self.stage)})" if self.stage else printable(self.name)


class QueueLine(QueueLines):
    """A line that is redrawn in place: counts, and what runs. Failed experiments scroll away above it."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._running: dict[int, _Running] = {}
        self._ended = dict.fromkeys(_COUNTED, 0)
        self._left = 0
        self._drawn = -_INTERVAL
        self._shown = False

    def task_started(self, worker: int, name: str, attempt: int) -> None:
        """See `QueueWatcher`."""
        self._running[worker] = _Running(name)

    def stage_started(self, worker: int, stage: str) -> None:
        """See `QueueWatcher`."""
        if worker in self._running:
            self._running[worker].stage = stage

    def task_ended(self, worker: int, experiment: Experiment) -> None:
        """See `QueueWatcher`."""
        self._running.pop(worker, None)
        self._ended[experiment.status] = self._ended.get(experiment.status, 0) + 1
        if experiment.status is not ExperimentStatus.DONE:
            self._erase()
            super().task_ended(worker, experiment)

    def worker_died(self, worker: int, name: str | None) -> None:
        """See `QueueWatcher`."""
        self._running.pop(worker, None)
        self._erase()
        super().worker_died(worker, name)

    def stopping(self, *, kill: bool) -> None:
        """See `QueueWatcher`."""
        self._erase()
        super().stopping(kill=kill)

    def tick(self, left: int) -> None:
        """See `QueueWatcher`."""
        self._left = left
        if time.monotonic() - self._drawn >= _INTERVAL:
            self._draw()

    def close(self) -> None:
        """Erase the line."""
        self._erase()

    def _draw(self) -> None:
        counts = [(self._ended[status], status.value) for status in _COUNTED] + [(self._left, "left")]
        shown = ", ".join(f"{number:,} {what}" for number, what in counts if number or what in ("done", "left"))
        running = ", ".join(map(str, self._running.values()))
        line = terminal.shorten(f"{shown}" + (f"; running {running}" if running else ""), terminal.width() - 1)
        self._ctx.forward_to_stderr(f"\r\x1b[K{line}".encode(errors="backslashreplace"))
        self._drawn, self._shown = time.monotonic(), True

    def _erase(self) -> None:
        if self._shown:
            self._ctx.forward_to_stderr(b"\r\x1b[K")
            self._shown = False


def queue_summary(result: QueueResult, style: Style) -> Iterator[str]:
    """The result of `dver queue start`."""
    numbers = [(result.count(status), status) for status in _COUNTED]
    parts = [f"{number:,} {status_text(status, style)}" for number, status in numbers if number]
    if parts:
        yield f"{count(len(result.ended), 'experiment')} ended: {', '.join(parts)}"
    if result.left:
        yield f"{count(result.left, 'experiment')} left in the queue: dver queue start"
    elif not parts:
        yield "the queue is empty"


def counts_line(status: QueueStatus, style: Style) -> str:
    """The number of workers, and of experiments by status."""
    groups = (
        (status.running, ExperimentStatus.RUNNING),
        (status.queued, ExperimentStatus.QUEUED),
        (status.done, ExperimentStatus.DONE),
        (status.failed, ExperimentStatus.FAILED),
        (status.stopped, ExperimentStatus.STOPPED),
    )
    parts = [f"{len(tasks):,} {status_text(one, style)}" for tasks, one in groups if tasks]
    return f"{count(len(status.workers), 'worker')}; {', '.join(parts) if parts else 'the queue is empty'}"


def running_rows(status: QueueStatus, style: Style) -> Iterator[list[str]]:
    """The experiments that run: name, since when, and the process."""
    for one in status.running:
        took = terminal.duration(max(0.0, time.time() - one.holder.since))
        again = f"attempt {one.holder.attempt}" if one.holder.attempt > 1 else ""
        running = status_text(ExperimentStatus.RUNNING, style)
        yield [printable(one.experiment.name), running, took, f"process {one.holder.pid}", again]


def task_rows(tasks: Sequence[Experiment], style: Style) -> Iterator[list[str]]:
    """Experiments that do not run: name, status, and why they ended."""
    for one in tasks:
        texts = (text.removeprefix(_DEFAULT_FILE) for text in one.set)
        changed = " ".join(texts) if one.status is ExperimentStatus.QUEUED else one.error
        yield [printable(one.name), status_text(one.status, style), *([printable(changed)] if changed else [])]


def names_line(verb: str, experiments: Sequence[Experiment]) -> str:
    """What was done with experiments."""
    names = join_limited([printable(one.name) for one in experiments])
    return f"{verb} {count(len(experiments), 'experiment')}" + (f": {names}" if names else "")
