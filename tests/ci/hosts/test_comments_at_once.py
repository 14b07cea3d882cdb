"""Several jobs write the comment of one key at once, in every order of their requests, and some are killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Condition, Thread, get_ident
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dver.ci.hosts.comment_body import CommentMark
from dver.ci.hosts.comments import CommentOutcome, HostComment, write_comment

JOBS: Final = 3


class KilledError(BaseException):
    """The job is killed before its next request."""


@dataclass
class Shared:
    """A pull request whose requests are served one at a time; before each, others may run (`switch`)."""

    notes: list[HostComment] = field(default_factory=list)
    ids: int = 0
    switch: Callable[[], None] = lambda: None

    def author(self) -> str:
        return "bot"

    def comments(self) -> Iterator[HostComment]:
        self.switch()
        yield from list(self.notes)

    def create(self, body: str) -> HostComment:
        self.switch()
        self.ids += 1
        self.notes.append(HostComment(self.ids, "bot", body, ""))
        return self.notes[-1]

    def update(self, comment: HostComment, body: str) -> HostComment | None:
        self.switch()
        for index, one in enumerate(self.notes):
            if one.id == comment.id:
                self.notes[index] = replace(one, body=body)
                return self.notes[index]
        return None

    def delete(self, comment: HostComment) -> None:
        self.switch()
        self.notes = [one for one in self.notes if one.id != comment.id]


def run_interleaved(host: Shared, runs: list[int], order: list[int], killed: dict[int, int]) -> dict[int, Any]:
    """Run a job for each of `runs`. `order` says which job may send its next request; `killed`: after how many
    requests a job dies. Returns the outcomes."""
    turn = Condition()
    waiting: dict[int, int] = {}
    done: set[int] = set()
    outcomes: dict[int, Any] = {}
    current: list[int | None] = [None]
    numbers: dict[int, int] = {}

    def switch() -> None:
        job = numbers[get_ident()]
        with turn:
            if current[0] == job:
                current[0] = None
            waiting[job] = waiting.get(job, 0) + 1
            turn.notify_all()
            assert turn.wait_for(lambda: current[0] == job, timeout=20)
            if waiting[job] > killed.get(job, 1_000):
                raise KilledError

    def work(job: int) -> None:
        numbers[get_ident()] = job
        try:
            outcomes[job] = write_comment(host, CommentMark("k", runs[job]), f"of {runs[job]}")[0]
        except KilledError:
            outcomes[job] = None
        finally:
            with turn:
                done.add(job)
                if current[0] == job:
                    current[0] = None
                turn.notify_all()

    host.switch = switch
    threads = [Thread(target=work, args=(job,)) for job in range(len(runs))]
    for one in threads:
        one.start()

    def ready(job: int) -> bool:
        return waiting.get(job, 0) > 0 or job in done

    steps = iter(order)
    while True:
        with turn:
            alive = [job for job in range(len(runs)) if job not in done]
            if not alive:
                break
            chosen = alive[next(steps, 0) % len(alive)]
            assert turn.wait_for(partial(ready, chosen), timeout=20)
            if chosen in done:
                continue
            current[0] = chosen
            turn.notify_all()
            assert turn.wait_for(lambda: current[0] is None, timeout=20)
    for one in threads:
        one.join()
    host.switch = lambda: None
    return outcomes


@settings(deadline=None, max_examples=150)
@given(
    runs=st.lists(st.integers(1, 4), min_size=2, max_size=JOBS),
    order=st.lists(st.integers(0, JOBS - 1), max_size=40),
    exists=st.booleans(),
)
@pytest.mark.long
def test_jobs_in_any_order_leave_one_comment(runs: list[int], order: list[int], exists: bool) -> None:
    host = Shared()
    if exists:
        write_comment(host, CommentMark("k", 1), "before")
    outcomes = run_interleaved(host, runs, order, {})
    assert None not in outcomes.values()
    assert len(host.notes) == 1
    assert host.notes[0].body.splitlines()[1] in {f"of {run}" for run in runs}


@settings(deadline=None, max_examples=150)
@given(
    runs=st.lists(st.integers(1, 4), min_size=2, max_size=JOBS),
    order=st.lists(st.integers(0, JOBS - 1), max_size=40),
    killed=st.dictionaries(st.integers(0, JOBS - 1), st.integers(0, 6), max_size=2),
)
@pytest.mark.long
def test_the_next_run_repairs_what_killed_jobs_left(runs: list[int], order: list[int], killed: dict[int, int]) -> None:
    host = Shared()
    run_interleaved(host, runs, order, killed)
    outcome, comment = write_comment(host, CommentMark("k", 5), "next")
    assert outcome in (CommentOutcome.CREATED, CommentOutcome.UPDATED)
    assert host.notes == [comment]
    assert comment.body.endswith("\nnext")
