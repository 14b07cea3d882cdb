"""Progress on stderr: bars on a terminal, a line every few seconds elsewhere.

Short tasks show nothing and do not import tqdm. One thread draws all tasks: `advance` only adds a number, and a
stalled transfer shows that it waits.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from dver.cli.render.terminal import is_terminal, width
from dver.core.phrasing import human_size
from dver.core.platform.machine import IDLE_AT_FORKS
from dver.core.progress import Unit
from dver.core.traffic import TRAFFIC

_BAR_DELAY: Final = 0.3  # seconds: shorter tasks show no bar
_BAR_INTERVAL: Final = 0.1
_LINE_INTERVAL: Final = 10.0
_SILENCE: Final = 5.0
"""After this many seconds without a byte, the label says that the transfer waits."""
_DRAWING: Final = threading.RLock()
"""Held by the thread that draws. A process with a running task forks between two drawings."""
os.register_at_fork(before=_DRAWING.acquire, after_in_parent=_DRAWING.release, after_in_child=_DRAWING.release)


class _Task:
    """The numbers of one task. Any thread may call `advance` and `grow`."""

    def __init__(self, label: str, total: int | None, unit: Unit) -> None:
        self.label = label
        self.total = total
        self.unit = unit
        self.done = 0
        self.started = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, amount: int) -> None:
        with self._lock:
            self.done += amount

    def grow(self, amount: int) -> None:
        with self._lock:
            self.total = (self.total or 0) + amount

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class _Bars:
    """Tasks as bars that disappear at the end."""

    def __init__(self, stream: TextIO, delay: float) -> None:
        self._stream = stream
        self._delay = delay
        self._bars: dict[_Task, Any] = {}

    def draw(self, tasks: list[_Task]) -> None:
        for task in tasks:
            if task.seconds >= self._delay:
                bar = self._bars.get(task)
                if bar is None:  # a bar without a total has no truth value
                    bar = self._open(task)
                bar.total, bar.n, bar.ncols = task.total, task.done, _columns()
                bar.set_description_str(_label(task), refresh=False)
                bar.refresh()

    def _open(self, task: _Task) -> Any:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no second thread: this module has its own
        tqdm.set_lock(threading.RLock())  # tqdm's own lock works across processes and is slow to create
        bar = tqdm(
            desc=task.label,
            total=task.total,
            file=self._stream,
            leave=False,
            ncols=_columns(),
            nrows=20,
            unit="B" if task.unit == "B" else f" {task.unit}",
            unit_scale=task.unit == "B",
            bar_format=None if task.unit else "{desc} [{elapsed}]",
        )
        bar.start_t -= task.seconds  # rate and time count from the task's start
        self._bars[task] = bar
        return bar

    def hide(self) -> None:
        for bar in self._bars.values():
            bar.clear()

    def finish(self, task: _Task) -> None:
        bar = self._bars.pop(task, None)
        if bar is not None:
            bar.close()


class _Lines:
    """Tasks as a line every few seconds, for logs."""

    def __init__(self, stream: TextIO, interval: float) -> None:
        self._stream = stream
        self._interval = interval
        self._last_line: dict[_Task, float] = {}

    def draw(self, tasks: list[_Task]) -> None:
        for task in tasks:
            if task.seconds - self._last_line.get(task, 0.0) >= self._interval:
                self._last_line[task] = task.seconds
                self._print(_line(task))

    def hide(self) -> None:
        """A log needs no clearing."""

    def finish(self, task: _Task) -> None:
        if self._last_line.pop(task, None) is not None:
            self._print(f"{_line(task)}, done in {task.seconds:.0f} s")

    def _print(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


def _columns() -> int:
    """The width of a bar. With the `^C` that terminals print, it still fits into one line and can be cleared."""
    return max(1, width() - len("^C") - 1)


def _label(task: _Task) -> str:
    """`upload (no data for 12 s, waiting)`"""
    notes = ["retrying"] if TRAFFIC.retries else []
    if (silence := TRAFFIC.silence) >= _SILENCE:
        notes.append(f"no data for {silence:.0f} s, waiting")
    return f"{task.label} ({'; '.join(notes)})" if notes else task.label


def _line(task: _Task) -> str:
    """`upload: 1.2 GB of 4.0 GB (30 %), 25 MB/s`."""
    if not task.unit:
        return _label(task)
    text = f"{_label(task)}: {_amount(task.done, task.unit)}"
    if task.total:
        text += f" of {_amount(task.total, task.unit)} ({min(100, 100 * task.done // task.total)} %)"
    return f"{text}, {_amount(round(task.done / max(task.seconds, 0.001)), task.unit)}/s"


def _amount(number: int, unit: Unit) -> str:
    return human_size(number) if unit == "B" else f"{number:,} {unit}"


class TerminalProgress:
    """A `dver.core.progress.Progress` that writes to `stream`. `delay` and `interval` are in seconds."""

    def __init__(self, stream: TextIO, *, delay: float = _BAR_DELAY, interval: float = _LINE_INTERVAL) -> None:
        bars = is_terminal(stream)
        self._view: _Bars | _Lines = _Bars(stream, delay) if bars else _Lines(stream, interval)
        self._pause = (delay, _BAR_INTERVAL) if bars else (interval, interval)
        self._tasks: list[_Task] = []
        self._idle = threading.Event()

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> Iterator[_Task]:
        """A task called `label`, shown until the block ends, however it ends."""
        task = _Task(label, total, unit)
        with _DRAWING:
            self._tasks.append(task)
            if len(self._tasks) == 1:
                # Each thread has its own event: an old thread that is still waking up must not see the new one.
                self._idle = threading.Event()
                thread = threading.Thread(target=self._run, args=(self._idle,), name="dver-progress", daemon=True)
                setattr(thread, IDLE_AT_FORKS, True)
                thread.start()
        try:
            yield task
        finally:
            with _DRAWING:
                self._tasks.remove(task)
                self._view.finish(task)
                if not self._tasks:
                    self._idle.set()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Clear the bars while the block prints; they come back by themselves."""
        with _DRAWING:
            self._view.hide()
            yield

    def _run(self, idle: threading.Event) -> None:
        pause, then = self._pause
        while not idle.wait(pause):
            pause = then
            with _DRAWING:
                if not idle.is_set():
                    self._view.draw(self._tasks)
