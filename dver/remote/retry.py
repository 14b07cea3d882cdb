"""Retries: how often, and how long to wait before each."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, TypeVar

from dver.core.traffic import TRAFFIC
from dver.remote.concurrency import report_slow
from dver.remote.failures import TransientError, UnreachableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The number of tries and the pauses between them, in seconds.

    The n-th pause is a random value between half of and all of `min(cap, base * 2**n)`. `first_attempts` applies until
    the remote has answered once: a wrong address is likelier than a network failure, and is reported soon. A pause
    that the server asks for (Retry-After) is kept, up to `patience`.
    """

    attempts: int = 8
    first_attempts: int = 2
    base: float = 0.5
    cap: float = 20.0
    patience: float = 60.0

    def pauses(self) -> Iterator[float]:
        """The pauses between the tries."""
        for number in range(self.attempts - 1):
            # Random, so that clients of a busy server do not all retry at the same time.
            yield random.uniform(0.5, 1.0) * min(self.cap, self.base * 2**number)

    def requested_pause(self, error: TransientError) -> float:
        """The pause that the server asked for, plus a random 10 percent."""
        return random.uniform(1.0, 1.1) * min(self.patience, error.retry_after)


class Retrier:
    """Retries functions that raise TransientError. One per remote; safe to use from many threads."""

    def __init__(self, policy: RetryPolicy, *, pause: Callable[[float], None] | None = None) -> None:
        self._policy: Final = policy
        self._pause: Final = pause or time.sleep
        self._answered = False

    def __call__(self, attempt: Callable[[], T]) -> T:
        """Call `attempt` until it succeeds, and return its result. Any other error is raised at once."""
        with ExitStack() as further_tries:
            return self._try(attempt, further_tries)

    def _try(self, attempt: Callable[[], T], further_tries: ExitStack) -> T:
        tries = 0
        pauses = self._policy.pauses()
        while True:
            tries += 1
            try:
                result = attempt()
            except TransientError as error:
                report_slow()
                if tries == 1:
                    further_tries.enter_context(TRAFFIC.retry())
                pause = next(pauses, None)
                if pause is None or self._hopeless(error, tries):
                    error.why = f"{error.why} ({tries} tries)" if tries > 1 else error.why
                    raise
                pause = max(pause, self._policy.requested_pause(error))
            else:
                self._answered = True
                return result
            self._pause(pause)

    def _hopeless(self, error: TransientError, tries: int) -> bool:
        if not isinstance(error, UnreachableError):
            self._answered = True
        return not self._answered and tries >= self._policy.first_attempts
