"""What requests to remotes do at this moment: the progress shows that they wait, as nothing else moves meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final


class Traffic:
    """Counts requests that are under way, and those that are made again. Safe to use from many threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._retries = 0
        self._requests = 0
        self._last = 0.0

    @property
    def retries(self) -> int:
        """Requests that have failed and have not yet succeeded or been given up."""
        return self._retries

    @property
    def silence(self) -> float:
        """Seconds for which no request moved a byte; 0 while there is none."""
        with self._lock:
            return self._clock() - self._last if self._requests else 0.0

    def moved(self) -> None:
        """A request has sent or received something."""
        self._last = self._clock()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Around one try of a request."""
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
        """Around all further tries of one request."""
        with self._lock:
            self._retries += 1
        try:
            yield
        finally:
            with self._lock:
                self._retries -= 1


TRAFFIC: Final = Traffic()
"""That of this process."""
