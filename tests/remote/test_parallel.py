"""Parallel transfers and their adaptive number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise

import pytest

from dver.core.errors import RemoteError
from dver.remote import concurrency
from dver.remote.concurrency import MOST, START, AdaptiveLimit, LimitSearch
from dver.remote.failures import TransientError
from dver.remote.parallel import in_parallel
from dver.remote.retry import Retrier, RetryPolicy
from dver.remote.storage import Meter

MIB = 2**20


def play(controller: LimitSearch, rate: Callable[[int], float], looks: int) -> list[int]:
    """The limits after each of `looks`, at a remote that gives `rate(limit)`."""
    limits = []
    for _ in range(looks):
        for _ in range(controller.limit):
            controller.finished()
        controller.measured(rate(controller.limit))
        limits.append(controller.limit)
    return limits


# -- the controller --------------------------------------------------------------------------------------------------


def test_the_limit_starts_small_and_doubles_while_the_rate_grows() -> None:
    controller = LimitSearch(most=64)
    assert controller.limit == START
    assert play(controller, lambda limit: limit * MIB, 6)[:4] == [8, 16, 32, 64]
    assert controller.limit == 64


def test_a_doubling_without_gain_is_undone() -> None:
    limits = play(LimitSearch(), lambda limit: 100 * MIB, 4)
    assert limits[:2] == [8, 8]


def test_the_limit_settles_at_the_capacity_of_the_remote() -> None:
    controller = LimitSearch()
    limits = play(controller, lambda limit: min(limit, 12) * MIB, 200)
    assert all(8 <= limit <= 18 for limit in limits[20:])
    assert sum(limits[20:]) / len(limits[20:]) >= 11


def test_the_limit_shrinks_if_fewer_transfers_are_as_fast() -> None:
    controller = LimitSearch()
    play(controller, lambda limit: 100 * MIB, 100)
    assert controller.limit <= 3


def test_it_shrinks_where_fewer_do_better() -> None:
    controller = LimitSearch()
    limits = play(controller, lambda limit: 100 * MIB / limit, 100)
    assert limits[-1] <= 2


def test_it_grows_again_when_the_network_gets_better() -> None:
    controller = LimitSearch()
    play(controller, lambda limit: min(limit, 4) * MIB, 60)
    before = controller.limit
    play(controller, lambda limit: min(limit, 20) * MIB, 200)
    assert before <= 6
    assert controller.limit >= 16


def test_a_busy_remote_halves_it_once_between_two_looks() -> None:
    controller = LimitSearch(start=16)
    for _ in range(10):
        controller.slow_down()
    assert controller.limit == 8
    controller.measured(MIB)
    controller.slow_down()
    assert controller.limit == 4


def test_it_recovers_from_a_busy_remote_by_steps() -> None:
    controller = LimitSearch(start=16)
    controller.slow_down()
    limits = play(controller, lambda limit: limit * MIB, 60)
    assert limits[0] == 8
    assert max(limits) == MOST
    assert all(after - before <= before // 4 + 1 for before, after in pairwise(limits[: limits.index(MOST)]))


def test_it_never_leaves_its_bounds() -> None:
    controller = LimitSearch(most=5)
    for _ in range(50):
        controller.slow_down()
        controller.measured(1.0)
    assert controller.limit == 1
    assert max(play(controller, lambda limit: limit * MIB, 200)) == 5
    assert LimitSearch(most=2).limit == 2


# -- the adaptive limit ----------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Recorder(LimitSearch):
    """Notes the rates that it is told."""

    __slots__ = ("rates",)

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def measured(self, rate: float) -> None:
        self.rates.append(rate)


def test_a_pace_looks_after_enough_time_and_transfers() -> None:
    clock, controller = Clock(), Recorder()
    watched = AdaptiveLimit(controller, clock=clock)
    for number in range(40):
        with watched.transfer():
            clock.now += 0.1
            Meter(None).at(MIB)
        clock.now += 5  # nothing was asked of the remote meanwhile
        assert bool(controller.rates) is (number >= 7)
    assert controller.rates[0] == pytest.approx((MIB + concurrency.REQUEST_COST) / 0.1)


def test_slow_transfers_are_looked_at_after_two_seconds() -> None:
    clock, controller = Clock(), Recorder()
    watched = AdaptiveLimit(controller, clock=clock)
    with watched.transfer():
        clock.now += 3
        Meter(None).at(3 * MIB)
    assert len(controller.rates) == 1


def test_a_retry_tells_the_pace_of_its_thread_and_no_other() -> None:
    watched = AdaptiveLimit(LimitSearch(start=16))
    failures = [TransientError("busy"), TransientError("busy")]

    def attempt() -> None:
        if failures:
            raise failures.pop()

    retry = Retrier(RetryPolicy(), pause=lambda seconds: None)
    retry(attempt)
    assert (concurrency.current_limit(), watched.limit) == (None, 16)
    failures.append(TransientError("busy"))
    with watched.transfer():
        retry(attempt)
    assert watched.limit == 8
    assert concurrency.current_limit() is None


# -- the pool --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [0, 1, 2, 8, 50])
@pytest.mark.parametrize("ahead", [None, 100])
def test_results_come_in_order(jobs: int, ahead: int | None) -> None:
    assert list(in_parallel(lambda n: n * n, range(100), jobs=jobs, ahead=ahead)) == [n * n for n in range(100)]


@pytest.mark.parametrize("ahead", [None, 100])
def test_never_more_run_at_once_than_allowed(ahead: int | None) -> None:
    lock = threading.Lock()
    running = most = 0

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        Meter(None).at(number)
        with lock:
            running -= 1
        return number

    assert list(in_parallel(work, range(100), most=6, ahead=ahead)) == list(range(100))
    assert most <= 6


def test_no_more_results_wait_than_run_at_once() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    with closing(in_parallel(work, range(1000), most=6)) as results:
        for number in results:
            assert len(begun) <= number + 1 + 6
            if number == 500:
                break
    assert len(begun) < 510


@pytest.mark.parametrize("jobs", [0, 4])
def test_the_first_error_ends_it(jobs: int) -> None:
    done: list[int] = []

    def work(number: int) -> int:
        if number == 10:
            raise RemoteError("no")
        done.append(number)
        return number

    with pytest.raises(RemoteError, match="no"):
        list(in_parallel(work, range(10_000), jobs=jobs))
    assert len(done) < 100
