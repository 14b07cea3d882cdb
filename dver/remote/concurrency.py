"""How many transfers to make at once: found out on the way, by what the remote gives.

`Controller` decides, and knows neither threads nor clocks: it is fed observations. `Pace` observes: the pool tells it
when a transfer begins and ends, the storage of bytes (`storage.Meter`) and of failures that pass (`retry`). Which
pace a thread works for is kept in the thread, so that storages need not be told.

The rule. It starts small and doubles at each look as long as that brings a sixth more; where it does not, it takes the
doubling back. From then on it climbs by small steps: up while that pays, down while that costs nothing. A remote that
is busy (503, time-outs, broken connections) halves it at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

START: Final = 4
MOST: Final = 32
"""Transfers at once, at most: this times the 4 MiB of a request is what is held in memory."""

LOOK_SECONDS: Final = 0.25
"""A look at the throughput takes at least this long, and as many finished transfers as there are at once…"""
LONGEST_LOOK_SECONDS: Final = 2.0
"""…or this long, where transfers are slow."""
REQUEST_COST: Final = 64 << 10
"""Bytes that a transfer counts for beside its own, so that many tiny ones are progress, too."""

_WORTH_DOUBLING: Final = 1.15
_WORTH_A_STEP: Final = 1.04
_AS_GOOD: Final = 0.98
_FORGET: Final = 0.99
"""What is left of the best rate after each look: networks change."""
_REST: Final = 4
"""Looks between two experiments that did not pay."""


class Controller:
    """Decides on `limit`, how many transfers may run at once."""

    __slots__ = ("_base", "_best", "_doubling", "_halved", "_most", "_rest", "_step", "_up", "limit")

    def __init__(self, *, start: int = START, most: int = MOST) -> None:
        self.limit = min(start, most)
        self._most = most
        self._doubling = True
        self._base = self.limit
        """The limit that the current experiment began from."""
        self._best = 0.0
        self._step = 0
        """What the current experiment has added to the base; 0 where there is none."""
        self._up = True
        """Goes the next experiment up or down?"""
        self._rest = 0
        self._halved = False

    def finished(self) -> None:
        """A transfer ended well. As long as the limit is doubling, each one lets another begin."""
        if self._doubling:
            self.limit = min(self.limit + 1, self._base * 2, self._most)

    def look(self, rate: float) -> None:
        """What came of the limit since the last look: `rate`, in bytes a second."""
        best, self._best = self._best, max(self._best * _FORGET, rate)
        if self._halved:  # it was measured under another limit
            self._halved, self._best = False, rate
            return
        if self._doubling:
            self._go_on_doubling(paid=rate >= best * _WORTH_DOUBLING)
        elif self._step:
            self._conclude(rate, best)
        else:
            self._experiment()

    def slow_down(self) -> None:
        """A failure that passes: halve the limit, once between two looks, since all transfers meet the same trouble."""
        if self._halved:
            return
        self.limit = self._base = max(1, self.limit // 2)
        self._halved, self._doubling, self._step, self._up, self._rest = True, False, 0, True, 1

    def _go_on_doubling(self, *, paid: bool) -> None:
        if paid:
            self._base = self.limit
        else:
            self.limit = self._base
        self._doubling = paid and self.limit < self._most
        self._rest = _REST

    def _experiment(self) -> None:
        if self._rest:
            self._rest -= 1
            return
        change = max(1, self._base // 4)
        wanted = self._base + change if self._up else self._base - change
        self.limit = min(max(1, wanted), self._most)
        self._step = self.limit - self._base
        if not self._step:
            self._up = not self._up

    def _conclude(self, rate: float, best: float) -> None:
        """Keep what the experiment changed if it paid, and go on so; else undo it, and try the other way later."""
        if rate >= best * (_WORTH_A_STEP if self._step > 0 else _AS_GOOD):
            self._base, self._rest = self.limit, 0
        else:
            self.limit, self._rest, self._up = self._base, _REST, not self._up
        self._step = 0


class Pace:
    """The controller of one run of transfers, fed with what these report. Safe to use from many threads."""

    def __init__(self, controller: Controller | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._controller: Final = controller or Controller()
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._since = self._idle_since = clock()
        self._running = self._moved = self._finished = 0

    @property
    def limit(self) -> int:
        """How many transfers may run at once by now."""
        return self._controller.limit

    @contextmanager
    def transfer(self) -> Iterator[None]:
        """Around one transfer, in the thread that makes it."""
        with self._lock:
            if not self._running:  # time in which nothing was asked of the remote is no measure of it
                self._since += self._clock() - self._idle_since
            self._running += 1
        before, _thread.pace = current(), self
        ended = False
        try:
            yield
            ended = True
        finally:
            _thread.pace = before
            with self._lock:
                self._running -= 1
                if ended:
                    self._ended()
                self._idle_since = self._clock()

    def moved(self, size: int) -> None:
        """Told of bytes as they move; of a negative number where a try failed and begins again."""
        with self._lock:
            self._moved += size

    def slow_down(self) -> None:
        """Told of a failure that may pass."""
        with self._lock:
            self._controller.slow_down()

    def _ended(self) -> None:
        self._finished += 1
        self._controller.finished()
        now = self._clock()
        seconds = now - self._since
        enough = self._finished >= self._controller.limit or seconds >= LONGEST_LOOK_SECONDS
        if seconds >= LOOK_SECONDS and enough:
            self._controller.look(max(0, self._moved + self._finished * REQUEST_COST) / seconds)
            self._since, self._moved, self._finished = now, 0, 0


class _Thread(threading.local):
    pace: Pace | None = None


_thread: Final = _Thread()


def current() -> Pace | None:
    """The pace that this thread works for; None outside of an adaptive run."""
    return _thread.pace


def report_slow() -> None:
    """A request of this thread failed in a way that may pass."""
    if (pace := current()) is not None:
        pace.slow_down()
