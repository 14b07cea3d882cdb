from __future__ import annotations

import pytest

from dver.pipelines.definition.stage import NO_RESOURCES, Resources
from dver.pipelines.engine.resources import Capacity, ResourcePool

MACHINE = Capacity(jobs=4, cpus=4, gpus=2, memory=8 * 10**9, devices=("0", "1"))


def gpus(number: float) -> Resources:
    return Resources(gpus=number)


@pytest.mark.parametrize(
    ("wanted", "shortage"),
    [
        (NO_RESOURCES, None),
        (Resources(4, 2, 8 * 10**9), None),
        (Resources(cpus=4.5), "4.5 CPUs, and this machine has 4"),
        (gpus(3), "3 GPUs, and this machine has 2"),
        (Resources(memory=9 * 10**9), "9.0 GB of memory, and this machine has 8.0 GB"),
    ],
)
def test_the_resource_that_the_machine_has_too_little_of_is_named(wanted: Resources, shortage: str | None) -> None:
    assert MACHINE.shortage(wanted) == shortage
    assert Capacity().shortage(wanted) is None


def test_a_pool_runs_no_more_than_its_number_of_jobs() -> None:
    pool = ResourcePool(Capacity(jobs=2))
    pool.acquire("a", NO_RESOURCES)
    assert pool.fits(NO_RESOURCES)
    pool.acquire("b", NO_RESOURCES)
    assert not pool.fits(NO_RESOURCES)
    pool.release("a")
    assert pool.fits(NO_RESOURCES)


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        (Resources(cpus=3), Resources(cpus=1), True),
        (Resources(cpus=3), Resources(cpus=1.5), False),
        (Resources(cpus=4), gpus(1), True),
        (Resources(memory=7 * 10**9), Resources(memory=2 * 10**9), False),
        (gpus(1), gpus(1), True),
        (gpus(1), gpus(1.5), False),
        (Resources(cpus=99), NO_RESOURCES, True),
    ],
)
def test_a_job_starts_if_enough_of_every_resource_is_left(first: Resources, second: Resources, fits: bool) -> None:
    pool = ResourcePool(MACHINE)
    pool.acquire("first", first)
    assert pool.fits(second) is fits


def test_fractions_that_add_up_to_the_whole_fit() -> None:
    pool = ResourcePool(Capacity(jobs=10, cpus=1, gpus=1, devices=("0",)))
    for name in "abcdefghi":
        assert pool.fits(Resources(cpus=0.1, gpus=0.1))
        pool.acquire(name, Resources(cpus=0.1, gpus=0.1))
    assert pool.fits(Resources(cpus=0.1, gpus=0.1))
    assert not pool.fits(Resources(cpus=0.2))


def test_a_job_that_wants_more_than_the_machine_has_runs_alone() -> None:
    pool = ResourcePool(MACHINE)
    assert pool.fits(gpus(3))
    assert pool.acquire("huge", gpus(3)) == ()
    assert not pool.fits(gpus(0.5))
    pool.release("huge")
    pool.acquire("small", gpus(0.5))
    assert not pool.fits(gpus(3))


def test_jobs_get_gpus_of_their_own_and_share_fractions() -> None:
    pool = ResourcePool(MACHINE)
    assert pool.acquire("a", gpus(0.5)) == ("0",)
    assert pool.acquire("b", gpus(1)) == ("1",)
    assert pool.acquire("c", gpus(0.5)) == ("0",)
    assert not pool.fits(gpus(0.25))
    pool.release("b")
    assert pool.acquire("d", gpus(0.25)) == ("1",)


def test_gpus_that_are_free_only_in_parts_do_not_fit_a_whole_one() -> None:
    pool = ResourcePool(MACHINE)
    pool.acquire("a", gpus(0.75))
    pool.acquire("b", gpus(0.75))
    assert not pool.fits(gpus(0.5))
    assert pool.fits(gpus(0.25))


def test_a_job_with_several_gpus_gets_equal_shares_of_each() -> None:
    pool = ResourcePool(MACHINE)
    assert pool.acquire("a", gpus(1.5)) == ("0", "1")
    assert pool.fits(gpus(0.25))
    assert not pool.fits(gpus(0.5))


def test_releasing_an_unknown_job_changes_nothing() -> None:
    pool = ResourcePool(Capacity())
    pool.acquire("a", NO_RESOURCES)
    pool.release("b")
    assert not pool.fits(NO_RESOURCES)
