"""Several transfers at once, without ever holding more of their results than asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

A = TypeVar("A")
R = TypeVar("R")

JOBS: Final = 8
"""Transfers at once, unless the remote's settings say otherwise."""


def in_parallel(
    work: Callable[[A], R], items: Sequence[A], *, jobs: int, ahead: int | None = None
) -> Generator[R, None, None]:
    """What `work` makes of each of `items`, in their order, `jobs` at a time.

    At most `ahead` (default: `jobs`) are under way or wait to be taken. The first error ends it: nothing new is begun,
    and it is raised once what is under way has ended; KeyboardInterrupt at once. Close the iterator
    (`contextlib.closing`) where it may be left early: that waits for nothing, either.
    """
    if len(items) <= 1 or jobs == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(min(jobs, len(items)), thread_name_prefix="dver-transfer")
    running: deque[Future[R]] = deque()
    patient = True
    try:
        for item in items:
            if len(running) >= (ahead or jobs):
                yield running.popleft().result()
            running.append(pool.submit(work, item))
        while running:
            yield running.popleft().result()
    except (GeneratorExit, KeyboardInterrupt):
        patient = False
        raise
    finally:
        pool.shutdown(wait=patient, cancel_futures=True)
