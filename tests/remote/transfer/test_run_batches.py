"""Batches of runs: one request for many runs, none for what is known, and no harm from what is damaged or gone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from datasets import Clone, Spy

from dver.core.oid import Oid
from dver.formats import run_batch, run_record
from dver.formats.run_batch import Run
from dver.formats.run_record import RunRecord
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.index.keys import runs_key
from dver.remote.storage import BytesBody
from dver.remote.transfer.run_batches import ReceivedRuns, merge_batches, newer_than_remote, receive, send


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


@pytest.fixture
def ours(tmp_path: Path) -> Clone:
    """The clone that sends."""
    return Clone(tmp_path / "a")


@pytest.fixture
def theirs(tmp_path: Path) -> Clone:
    """The clone that receives."""
    return Clone(tmp_path / "b")


def made(number: int, ended: float = 1.0) -> Run:
    return Run(f"{number:064x}", b"stages: {}\n", run_record.encode(RunRecord("train", 0.0, ended)))


def tell(clone: Clone, storage: Spy, runs: Iterable[Run]) -> None:
    send(list(runs), clone.catalog(storage))


def learn(clone: Clone, storage: Spy, taken: dict[str, Run] | None = None) -> ReceivedRuns:
    """Take what is new to `clone`; it goes to `taken`, the last one of a key counting."""
    catalog = clone.catalog(storage)
    catalog.refresh()
    into = {} if taken is None else taken

    def take(run: Run) -> bool:
        if run.key not in into or into[run.key].ended < run.ended:
            into[run.key] = run
        return True

    return receive(catalog, take)


@pytest.mark.long
def test_thousands_of_runs_are_one_upload_and_one_download(spy: Spy, ours: Clone, theirs: Clone) -> None:
    tell(ours, spy, map(made, range(5_000)))
    assert len(spy.calls) == 1
    spy.calls.clear()
    assert learn(theirs, spy) == ReceivedRuns(5_000, ())
    assert len(spy.made("get")) == 1
    assert len(spy.calls) == 2  # the list that every transfer asks for, and the batch


def test_what_is_known_is_not_asked_for_again(spy: Spy, ours: Clone, theirs: Clone) -> None:
    tell(ours, spy, [made(1)])
    learn(theirs, spy)
    spy.calls.clear()
    assert learn(theirs, spy) == ReceivedRuns(0, ())
    assert spy.made("get") == []
    assert newer_than_remote([made(1)], theirs.mirror) == []
    assert newer_than_remote([made(1)], ours.mirror) == []


def test_a_later_run_of_the_same_work_is_lacking(spy: Spy, ours: Clone) -> None:
    tell(ours, spy, [made(1, ended=2.0)])
    assert newer_than_remote([made(1, ended=1.0), made(1, ended=3.0), made(2)], ours.mirror) == [
        made(1, ended=3.0),
        made(2),
    ]


def test_what_a_remote_has_lost_is_lacking_once_that_is_seen(spy: Spy, ours: Clone) -> None:
    tell(ours, spy, [made(1)])
    (key,) = spy.made("put")
    spy.inner.delete(key)
    ours.catalog(spy).refresh()
    assert newer_than_remote([made(1)], ours.mirror) == [made(1)]


@pytest.mark.parametrize("content", [b"", b"dver runs 1\n", b"dver runs 2\n", b"no batch"])
def test_a_batch_that_is_not_what_its_name_says_is_told_and_left_out(
    spy: Spy, ours: Clone, theirs: Clone, content: bytes
) -> None:
    tell(ours, spy, [made(1)])
    (key,) = spy.made("put")
    spy.inner.delete(key)
    spy.inner.put(key, BytesBody(content))
    tell(ours, spy, [made(2)])
    taken: dict[str, Run] = {}
    assert learn(theirs, spy, taken) == ReceivedRuns(1, (key,))
    assert list(taken.values()) == [made(2)]


@pytest.mark.parametrize("ended", [float("nan"), float("inf"), -1.0])
def test_a_run_that_ended_at_no_time_is_left_out(spy: Spy, theirs: Clone, ended: float) -> None:
    content = run_batch.encode([made(1, ended), made(2)])
    spy.put(runs_key(Oid.of(content)), BytesBody(content))
    taken: dict[str, Run] = {}
    assert learn(theirs, spy, taken) == ReceivedRuns(1, ())
    assert list(taken.values()) == [made(2)]


def test_a_batch_that_vanishes_after_it_was_listed_stops_nobody(spy: Spy, ours: Clone, theirs: Clone) -> None:
    tell(ours, spy, [made(1)])
    catalog = theirs.catalog(spy)
    catalog.refresh()
    (key,) = spy.made("put")
    spy.inner.delete(key)
    assert receive(catalog, lambda _: True) == ReceivedRuns(0, ())


def test_batches_that_were_put_together_say_the_same(spy: Spy, ours: Clone, theirs: Clone) -> None:
    for number in range(40):
        tell(ours, spy, [made(number % 30, ended=float(number))])
    damaged = spy.made("put")[35]
    spy.inner.delete(damaged)
    spy.inner.put(damaged, BytesBody(b"damaged"))
    assert merge_batches(ours.catalog(spy)) == 39
    assert damaged not in spy.made("delete")  # for somebody to look at
    taken: dict[str, Run] = {}
    assert learn(theirs, spy, taken) == ReceivedRuns(30, (damaged,))
    latest = {made(number % 30).key: float(number) for number in range(40) if number != 35}
    assert {key: run.ended for key, run in taken.items()} == latest


def test_few_batches_are_left_as_they_are(spy: Spy, ours: Clone) -> None:
    for number in range(5):
        tell(ours, spy, [made(number)])
    assert merge_batches(ours.catalog(spy)) == 0
    assert spy.made("delete") == []


def test_putting_together_that_is_broken_off_loses_nothing(spy: Spy, ours: Clone, theirs: Clone) -> None:
    for number in range(40):
        tell(ours, spy, [made(number)])
    spy.fail_put_after = len(spy.made("put"))
    with pytest.raises(ConnectionError):
        merge_batches(ours.catalog(spy))
    assert spy.made("delete") == []
    assert learn(theirs, spy) == ReceivedRuns(40, ())
