"""Parallel transfers, with a bound on the results in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dver.remote.concurrency import MOST, AdaptiveLimit, LimitSearch

if TYPE_CHECKING:
    from concurrent.futures import Future

A = TypeVar("A")
R = TypeVar("R")

ADAPTIVE: Final = 0
"""A number of jobs that adapts to the remote; see `dver.remote.concurrency`."""
JOBS: Final = ADAPTIVE
"""The number of parallel transfers, unless the remote's settings have one."""

UPLOADS: Final = 4
"""The most packs uploaded in parallel: each takes 32 MiB of memory, and a push may use 300 MB."""


def in_parallel(
    work: Callable[[A], R],
    items: Sequence[A],
    *,
    jobs: int = JOBS,
    ahead: int | None = None,
    most: int = MOST,
) -> Generator[R, None, None]:
    """Yield `work(item)` for each item, in order, with `jobs` in parallel; at most `most`, if that is ADAPTIVE.

    At most `ahead` results (default: the number of jobs) are running or not yet consumed. The first error stops it: no
    new work is started, and the error is raised once the running work has ended; KeyboardInterrupt at once. Close the
    iterator (`contextlib.closing`) if the loop may end early: this does not wait for running work, either.
    """
    if len(items) <= 1 or jobs == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    window = _Adaptive(work, AdaptiveLimit(LimitSearch(most=most))) if jobs == ADAPTIVE else _Fixed(work, jobs)
    pool = ThreadPoolExecutor(min(jobs or most, len(items)), thread_name_prefix="dver-transfer")
    running: deque[Future[R]] = deque()
    patient = True
    try:
        for item in items:
            while len(running) >= (ahead or window.limit):
                yield running.popleft().result()
            window.wait_for_room(running)
            running.append(window.submit(pool, item))
        while running:
            yield running.popleft().result()
    except (GeneratorExit, KeyboardInterrupt):
        patient = False
        raise
    finally:
        pool.shutdown(wait=patient, cancel_futures=True)


class _Fixed:
    """A fixed number of parallel transfers: the pool has no more threads."""

    def __init__(self, work: Callable[[Any], Any], jobs: int) -> None:
        self._work: Final = work
        self.limit: Final = jobs

    def wait_for_room(self, running: Collection[Any]) -> None:
        """Does nothing: work without a thread waits in the pool."""

    def submit(self, pool: Any, item: Any) -> Any:
        return pool.submit(self._work, item)


class _Adaptive:
    """As many parallel transfers as the adaptive limit allows."""

    def __init__(self, work: Callable[[Any], Any], limit: AdaptiveLimit) -> None:
        self._work: Final = work
        self._adaptive: Final = limit

    @property
    def limit(self) -> int:
        return self._adaptive.limit

    def wait_for_room(self, running: Collection[Any]) -> None:
        """Wait until fewer transfers run than the limit allows. Some of `running` may have ended."""
        from concurrent.futures import FIRST_COMPLETED, wait

        while len(running) >= self.limit:
            unfinished = [future for future in running if not future.done()]
            if len(unfinished) < self.limit:
                return
            wait(unfinished, return_when=FIRST_COMPLETED)

    def submit(self, pool: Any, item: Any) -> Any:
        return pool.submit(self._transfer, item)

    def _transfer(self, item: Any) -> Any:
        with self._adaptive.transfer():
            return self._work(item)
