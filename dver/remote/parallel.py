"""Several transfers at once, without ever holding more of their results than asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dver.remote.concurrency import MOST, Controller, Pace

if TYPE_CHECKING:
    from concurrent.futures import Future

A = TypeVar("A")
R = TypeVar("R")

ADAPTIVE: Final = 0
"""As the number of jobs: as many as the remote rewards; see `dver.remote.concurrency`."""
JOBS: Final = ADAPTIVE
"""Transfers at once, unless the remote's settings say otherwise."""

UPLOADS: Final = 4
"""Packs of 32 MiB uploaded at once, at most: each is in memory while it is sent, and a push has to do with 300 MB."""


def in_parallel(
    work: Callable[[A], R],
    items: Sequence[A],
    *,
    jobs: int = JOBS,
    ahead: int | None = None,
    most: int = MOST,
) -> Generator[R, None, None]:
    """What `work` makes of each of `items`, in their order, `jobs` at a time; at most `most`, if that is ADAPTIVE.

    At most `ahead` (default: as many as run at once) are under way or wait to be taken. The first error ends it:
    nothing new is begun, and it is raised once what is under way has ended; KeyboardInterrupt at once. Close the
    iterator (`contextlib.closing`) where it may be left early: that waits for nothing, either.
    """
    if len(items) <= 1 or jobs == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    window = _Adaptive(work, Pace(Controller(most=most))) if jobs == ADAPTIVE else _Fixed(work, jobs)
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
    """As many at once as somebody chose: the pool has no more threads."""

    def __init__(self, work: Callable[[Any], Any], jobs: int) -> None:
        self._work: Final = work
        self.limit: Final = jobs

    def wait_for_room(self, running: Collection[Any]) -> None:
        """The pool keeps waiting what has no thread yet."""

    def submit(self, pool: Any, item: Any) -> Any:
        return pool.submit(self._work, item)


class _Adaptive:
    """As many at once as the pace allows."""

    def __init__(self, work: Callable[[Any], Any], pace: Pace) -> None:
        self._work: Final = work
        self._pace: Final = pace

    @property
    def limit(self) -> int:
        return self._pace.limit

    def wait_for_room(self, running: Collection[Any]) -> None:
        """Wait until fewer run than may. Some of `running` have ended, and wait to be taken."""
        from concurrent.futures import FIRST_COMPLETED, wait

        while len(running) >= self.limit:
            unfinished = [future for future in running if not future.done()]
            if len(unfinished) < self.limit:
                return
            wait(unfinished, return_when=FIRST_COMPLETED)

    def submit(self, pool: Any, item: Any) -> Any:
        return pool.submit(self._transfer, item)

    def _transfer(self, item: Any) -> Any:
        with self._pace.transfer():
            return self._work(item)
