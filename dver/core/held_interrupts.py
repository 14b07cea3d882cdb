"""A Ctrl-C that waits until a step is done which must not be half done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold back Ctrl-C in the block; then it is a KeyboardInterrupt as ever.

    A process that was started, but whose number is not known yet, could not be ended. Threads other than the main one
    are never interrupted. A process that is started in the block has the usual handling of the signal.
    """
    import threading

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)
