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
class Policy:
    """How patient to be. Times in seconds; the n-th pause is half to all of `min(cap, base * 2**n)`.

    `first_attempts` holds while a remote has never answered: then a wrong address is likelier than a network that
    will be back in a minute, and the user should learn of it soon. A server that asks for patience gets it, up to
    `patience` a time.
    """

    attempts: int = 8
    first_attempts: int = 2
    base: float = 0.5
    cap: float = 20.0
    patience: float = 60.0

    def pauses(self) -> Iterator[float]:
        """The pauses between the tries: one fewer than there are tries."""
        for number in range(self.attempts - 1):
            # Jitter, so that clients that a busy server turned away together do not come back together.
            yield random.uniform(0.5, 1.0) * min(self.cap, self.base * 2**number)

    def asked_for(self, error: TransientError) -> float:
        """The pause that the server asked for, and a little more, lest all whom it turned away come back together."""
        return random.uniform(1.0, 1.1) * min(self.patience, error.retry_after)


class Retrier:
    """Calls functions again while they raise TransientError. One per remote; safe to use from many threads."""

    def __init__(self, policy: Policy, *, pause: Callable[[float], None] | None = None) -> None:
        self._policy: Final = policy
        self._pause: Final = pause or time.sleep
        self._answered = False

    def __call__(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns in the end. Any other error than TransientError is raised at once."""
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
                pause = max(pause, self._policy.asked_for(error))
            else:
                self._answered = True
                return result
            self._pause(pause)

    def _hopeless(self, error: TransientError, tries: int) -> bool:
        if not isinstance(error, UnreachableError):
            self._answered = True
        return not self._answered and tries >= self._policy.first_attempts
