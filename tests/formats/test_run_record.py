from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import CorruptError
from dver.formats.run_record import MAX_SIZE, RunRecord, decode, encode

_texts = st.text(max_size=12)
_known = _texts.filter(bool)
records = st.builds(
    RunRecord,
    stage=_texts,
    started=st.floats(0, 1e11),
    ended=st.floats(0, 1e11),
    commit=st.none() | _known,
    dirty=st.booleans(),
    user=st.none() | _known,
    cpus=st.none() | st.integers(1, 1000),
    gpus=st.lists(_texts, max_size=2).map(tuple),
    packages=st.dictionaries(_texts, _texts, max_size=3),
    seeds=st.dictionaries(_texts, st.integers() | st.none(), max_size=2),
    peak_memory=st.none() | st.integers(1, 1 << 60),
)


@given(records)
def test_what_is_written_is_read(record: RunRecord) -> None:
    assert decode(encode(record)) == record


def said(**more: Any) -> bytes:
    return json.dumps({"stage": "train", "started": 1, "ended": 2.5, "version": 1, **more}).encode()


def test_the_form_is_this() -> None:
    assert encode(RunRecord("train", 1, 2.5, python="3.11")) == (
        b'{\n "ended": 2.5,\n "python": "3.11",\n "stage": "train",\n "started": 1,\n "version": 1\n}\n'
    )


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert decode(said(weather="fine")) == RunRecord("train", 1, 2.5)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b"[" * 100_000,
        said(version="1"),
        said(version=2),
        said(stage=5),
        said(started="now"),
        said(dirty="yes"),
        said(packages=[]),
        said(gpus={}),
        said(commit=None),
        b'{"version": 1, "stage": "x"}',
        b" " * (MAX_SIZE + 1),
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(content)
