"""Counters of the running requests to remotes, so that the progress can show that they wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final


class Traffic:
    """Counts running and retried requests. Threads may share it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._retries = 0
        self._requests = 0
        self._last = 0.0

    @property
    def retries(self) -> int:
        """The number of failed requests that are being retried."""
        return self._retries

    @property
    def silence(self) -> float:
        """Seconds since a request last moved a byte; 0 without requests."""
        with self._lock:
            return self._clock() - self._last if self._requests else 0.0

    def touch(self) -> None:
        """Record that a request sent or received bytes."""
        self._last = self._clock()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Wraps one attempt of a request."""
        with self._lock:
            if not self._requests:
                self._last = self._clock()
            self._requests += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests -= 1

    @contextmanager
    def retry(self) -> Iterator[None]:
        """Wraps all further attempts of a request."""
        with self._lock:
            self._retries += 1
        try:
            yield
        finally:
            with self._lock:
                self._retries -= 1


TRAFFIC: Final = Traffic()
"""The counters of this process."""
