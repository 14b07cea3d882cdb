"""Undo records: the format, and which record a step brings back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import entries, names

from dver.core.errors import CorruptError, NewerVersionError, UsageError
from dver.experiments.apply.record import (
    SavedFile,
    StepKind,
    UndoRecord,
    continued,
    decode_undo,
    encode_undo,
    expendable,
    next_redo,
    next_undo,
)

paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)
numbers = st.integers(0, 1 << 62)
saved = st.builds(SavedFile, numbers, st.integers(-(1 << 62), 1 << 62), numbers, numbers, st.booleans())
records = st.builds(
    UndoRecord,
    number=st.just(7),
    kind=st.sampled_from(StepKind),
    name=st.text(),
    created=st.floats(0, 1e12),
    head=st.one_of(st.none(), st.just("ab" * 20)),
    tree=st.just("cd" * 20),
    target=st.just("ef" * 20),
    files=st.dictionaries(paths, saved, max_size=3),
    directories=st.dictionaries(paths, st.integers(0, 0o7777), max_size=3),
    new_directories=st.lists(paths, max_size=3).map(tuple),
    untracked=st.lists(paths, max_size=3).map(tuple),
    data=st.lists(paths, unique=True, max_size=3).flatmap(
        lambda found: st.fixed_dictionaries(
            {path: entries(max_size=1).map(lambda some: some[0] if some else None) for path in found}
        )
    ),
    index_mtime=numbers,
    is_unsaved=st.booleans(),
    restores=st.one_of(st.none(), numbers),
    continues=st.one_of(st.none(), numbers),
    is_finished=st.booleans(),
)


@given(records)
def test_a_record_is_read_as_it_was_written(record: UndoRecord) -> None:
    assert decode_undo(encode_undo(record), 7, is_finished=record.is_finished) == record


def test_a_record_of_an_earlier_dver_has_no_new_directories() -> None:
    document = json.loads(encode_undo(step(7, "apply", new_directories=(b"a",))))
    del document["new_directories"]
    assert decode_undo(json.dumps(document).encode(), 7, is_finished=True).new_directories == ()


@given(st.binary())
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        decode_undo(content, 7, is_finished=True)


@given(records, st.data())
def test_a_cut_record_is_refused(record: UndoRecord, data: st.DataObject) -> None:
    content = encode_undo(record)
    with pytest.raises(CorruptError):
        decode_undo(content[: data.draw(st.integers(0, len(content) - 2))], 7, is_finished=True)


def test_a_newer_version_is_named() -> None:
    with pytest.raises(NewerVersionError, match="undo record 7 of format version 2"):
        decode_undo(b'{"version":2}', 7, is_finished=True)


def step(number: int, kind: str, **fields: object) -> UndoRecord:
    values: dict[str, object] = {"is_finished": True, **fields}
    return UndoRecord(  # type: ignore[arg-type]
        number=number, kind=StepKind(kind), name="x", created=0.0, head=None, tree="", target="", **values
    )


def test_undo_walks_back_one_apply_after_the_other() -> None:
    first, second = step(1, "apply"), step(2, "apply")
    assert next_undo([first, second]) == second
    back = step(3, "undo", restores=2)
    assert next_undo([first, second, back]) == first
    assert next_redo([first, second, back]) == back
    further = step(4, "undo", restores=1)
    with pytest.raises(UsageError):
        next_undo([first, second, back, further])
    assert next_redo([first, second, back, further]) == further
    again = step(5, "apply", restores=4)
    assert next_redo([first, second, back, further, again]) == back
    assert next_undo([first, second, back, further, again]) == again


def test_a_new_apply_ends_the_way_forward() -> None:
    with pytest.raises(UsageError):
        next_redo([step(1, "apply"), step(2, "undo", restores=1), step(3, "apply")])


def test_undo_of_a_completed_apply_goes_back_to_before_the_interrupted_one() -> None:
    broken = step(1, "apply", is_finished=False)
    assert continued([broken], StepKind.APPLY, None) == 1
    assert continued([broken], StepKind.UNDO, None) is None
    assert continued([broken], StepKind.APPLY, "moved") is None
    completed = step(2, "apply", continues=1)
    assert next_undo([broken, completed]) == broken
    with pytest.raises(UsageError):
        next_undo([broken, completed, step(3, "undo", restores=1)])


def test_an_interrupted_undo_is_repeated() -> None:
    first, broken = step(1, "apply"), step(2, "undo", restores=1, is_finished=False)
    assert next_undo([first, broken]) == first
    completed = step(3, "undo", restores=1, continues=2)
    with pytest.raises(UsageError):
        next_undo([first, broken, completed])
    assert next_redo([first, broken, completed]) == broken


def test_records_with_unsaved_work_and_unfinished_ones_do_not_expire() -> None:
    found = [step(1, "apply", is_unsaved=True), step(2, "apply", is_finished=False), step(3, "apply"), step(4, "apply")]
    assert expendable(found, 1) == [3]
    assert expendable(found, 4) == []
