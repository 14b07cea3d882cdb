"""How many requests are being made again at this moment: the progress shows it, as nothing else moves meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


class Retries:
    """A number that any thread may change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    @property
    def number(self) -> int:
        """Requests that have failed and have not yet succeeded or been given up."""
        return self._number

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around all further tries of one request."""
        with self._lock:
            self._number += 1
        try:
            yield
        finally:
            with self._lock:
                self._number -= 1


RETRIES: Final = Retries()
"""Those of this process."""
