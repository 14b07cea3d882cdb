"""The adaptive number of parallel transfers.

`LimitSearch` decides from measured rates; it knows neither threads nor clocks. `AdaptiveLimit` measures: it counts the
transfers of the pool, their bytes (`storage.Meter`) and transient failures (`retry`). Each thread remembers the limit
that it works for, so that storages need no parameter for it.

The limit starts small and doubles with each measurement while the rate grows by 15 percent; a doubling that gains less
is undone. Then it changes in small steps: up while the rate grows, down while it stays the same. A busy remote (503,
time-outs, broken connections) halves it at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

START: Final = 4
MOST: Final = 32
"""The largest limit. Memory use is this times the 4 MiB of a request."""

SAMPLE_SECONDS: Final = 0.25
"""A measurement takes at least this long, and as many finished transfers as run in parallel…"""
LONGEST_SAMPLE_SECONDS: Final = 2.0
"""…or this long, where transfers are slow."""
REQUEST_COST: Final = 64 << 10
"""Bytes that each transfer counts in addition to its own, so that many tiny transfers have a rate, too."""

_WORTH_DOUBLING: Final = 1.15
_WORTH_A_STEP: Final = 1.04
_AS_GOOD: Final = 0.98
_FORGET: Final = 0.99
"""Factor by which the best rate shrinks with each measurement: networks change."""
_REST: Final = 4
"""Measurements between two experiments that gained nothing."""


class LimitSearch:
    """Finds the best `limit`, the number of parallel transfers."""

    __slots__ = ("_base", "_best", "_doubling", "_halved", "_most", "_rest", "_step", "_up", "limit")

    def __init__(self, *, start: int = START, most: int = MOST) -> None:
        self.limit = min(start, most)
        self._most = most
        self._doubling = True
        self._base = self.limit
        """The limit before the current experiment."""
        self._best = 0.0
        self._step = 0
        """The change by the current experiment; 0 if there is none."""
        self._up = True
        """Does the next experiment raise the limit?"""
        self._rest = 0
        self._halved = False

    def finished(self) -> None:
        """Record a successful transfer. While the limit doubles, each one raises it by one."""
        if self._doubling:
            self.limit = min(self.limit + 1, self._base * 2, self._most)

    def measured(self, rate: float) -> None:
        """Record the `rate` since the last call, in bytes a second, and adjust the limit."""
        best, self._best = self._best, max(self._best * _FORGET, rate)
        if self._halved:  # the rate was measured with another limit
            self._halved, self._best = False, rate
            return
        if self._doubling:
            self._go_on_doubling(paid=rate >= best * _WORTH_DOUBLING)
        elif self._step:
            self._conclude(rate, best)
        else:
            self._experiment()

    def slow_down(self) -> None:
        """Halve the limit after a transient failure; once per measurement, since all transfers meet it."""
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
        """Keep the experiment's limit if the rate grew, and continue; else undo it and try the other direction."""
        if rate >= best * (_WORTH_A_STEP if self._step > 0 else _AS_GOOD):
            self._base, self._rest = self.limit, 0
        else:
            self.limit, self._rest, self._up = self._base, _REST, not self._up
        self._step = 0


class AdaptiveLimit:
    """The limit for one run of transfers, adjusted by their reports. Safe to use from many threads."""

    def __init__(self, search: LimitSearch | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._search: Final = search or LimitSearch()
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._since = self._idle_since = clock()
        self._running = self._moved = self._finished = 0

    @property
    def limit(self) -> int:
        """The number of transfers that may run in parallel now."""
        return self._search.limit

    @contextmanager
    def transfer(self) -> Iterator[None]:
        """Wrap one transfer, in the thread that makes it."""
        with self._lock:
            if not self._running:  # idle time does not count
                self._since += self._clock() - self._idle_since
            self._running += 1
        before, _thread.limit = current_limit(), self
        ended = False
        try:
            yield
            ended = True
        finally:
            _thread.limit = before
            with self._lock:
                self._running -= 1
                if ended:
                    self._ended()
                self._idle_since = self._clock()

    def add_bytes(self, size: int) -> None:
        """Count transferred bytes; a negative number when a failed try starts over."""
        with self._lock:
            self._moved += size

    def slow_down(self) -> None:
        """Record a transient failure."""
        with self._lock:
            self._search.slow_down()

    def _ended(self) -> None:
        self._finished += 1
        self._search.finished()
        now = self._clock()
        seconds = now - self._since
        enough = self._finished >= self._search.limit or seconds >= LONGEST_SAMPLE_SECONDS
        if seconds >= SAMPLE_SECONDS and enough:
            self._search.measured(max(0, self._moved + self._finished * REQUEST_COST) / seconds)
            self._since, self._moved, self._finished = now, 0, 0


class _Thread(threading.local):
    limit: AdaptiveLimit | None = None


_thread: Final = _Thread()


def current_limit() -> AdaptiveLimit | None:
    """The limit that this thread works for; None if the number of transfers is fixed."""
    return _thread.limit


def report_slow() -> None:
    """Record a transient failure of a request in this thread."""
    if (limit := current_limit()) is not None:
        limit.slow_down()
