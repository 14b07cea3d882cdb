"""Which data has to follow its pointer: decided without a disk."""

from __future__ import annotations

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.gitflow.follow_plan import FollowPlan, plan_following
from dver.workspace.state.followed import mark_of


def _entry(text: bytes, kind: Kind = Kind.DIRECTORY) -> Entry:
    return Entry(b"data", kind, Oid.of(text), len(text))


ONE, TWO = _entry(b"one"), _entry(b"two")


def _plan(
    now: Entry | None, *, followed: Entry | None = None, placed: tuple[Entry, ...] = (), undecided: bool = False
) -> FollowPlan:
    return plan_following(
        {b"data": now} if now else {},
        {b"data"} if undecided else set(),
        {b"data": mark_of(followed)} if followed else {},
        {b"data": placed} if placed else {},
    )


def test_a_pointer_that_says_something_new_is_followed() -> None:
    plan = _plan(TWO, followed=ONE, placed=(ONE,))
    assert plan.bring == {b"data": TWO}
    assert plan.marks == {b"data": mark_of(TWO)}
    assert plan.gone == ()


def test_a_pointer_that_says_what_is_there_is_not_looked_at() -> None:
    assert not _plan(ONE, followed=ONE, placed=(ONE,)).bring
    assert not _plan(ONE, followed=TWO, placed=(ONE,)).bring
    assert not _plan(ONE, placed=(ONE,)).bring


def test_what_could_not_be_had_is_not_tried_again_until_the_pointer_changes() -> None:
    assert not _plan(TWO, followed=TWO, placed=(ONE, TWO)).bring
    assert not _plan(TWO, followed=TWO).bring
    assert _plan(ONE, followed=TWO, placed=(ONE, TWO)).bring == {b"data": ONE}


def test_what_is_there_counts_more_than_what_was_noted() -> None:
    assert _plan(ONE, followed=ONE, placed=(TWO,)).bring == {b"data": ONE}


def test_a_file_that_becomes_executable_is_followed() -> None:
    file, program = _entry(b"one", Kind.FILE), _entry(b"one", Kind.EXECUTABLE)
    assert _plan(program, followed=file, placed=(file,)).bring == {b"data": program}


def test_data_whose_pointer_is_gone_goes_if_dver_put_it_there() -> None:
    assert _plan(None, followed=ONE, placed=(ONE,)).gone == (b"data",)
    assert _plan(None, followed=ONE).gone == ()
    assert _plan(None, followed=ONE, placed=(ONE,)).marks == {}


def test_data_of_a_pointer_in_conflict_stays_and_so_does_what_was_noted() -> None:
    plan = _plan(None, followed=ONE, placed=(ONE,), undecided=True)
    assert (plan.bring, plan.gone, plan.marks) == ({}, (), {b"data": mark_of(ONE)})
