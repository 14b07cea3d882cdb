from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import damaged

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import run_batch
from dver.formats.run_batch import MAGIC, MAX_SIZE, Run, batches, decode, encode

RUNS = st.lists(
    st.builds(Run, st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.binary(max_size=60), st.binary(max_size=60)),
    max_size=4,
    unique_by=lambda run: run.key,
)
FROZEN = Run("ab" * 32, b"stages: {}\n", b'{"ended": 2, "stage": "train", "started": 1, "version": 1}\n')


@given(RUNS)
def test_what_is_written_is_read(runs: list[Run]) -> None:
    assert decode(encode(runs)) == sorted(runs, key=lambda run: run.key)
    assert encode(runs) == encode(reversed(runs))


@given(damaged(RUNS.map(encode)) | st.binary(max_size=200) | st.binary(max_size=200).map(MAGIC.__add__))
def test_what_is_damaged_is_refused_or_read(content: bytes) -> None:
    try:
        runs = decode(content)
    except CorruptError:
        return
    assert decode(encode(runs)) == sorted(runs, key=lambda run: run.key)


def test_what_was_written_once_stays_readable() -> None:
    packed = (
        b'[["' + FROZEN.key.encode() + b'","stages: {}\\n","{\\"ended\\": 2, \\"stage\\": \\"train\\", '
        b'\\"started\\": 1, \\"version\\": 1}\\n"]]'
    )
    assert decode(b"dver runs 1\n" + zlib.compress(packed)) == [FROZEN]
    assert FROZEN.ended == 2


@pytest.mark.parametrize(
    "said",
    [b"", b"{}", b"[1]", b'[["ab","",""]]', b'[["' + b"ab" * 32 + b'",1,""]]', b"[" * 100_000, b'["\\ud800"]', b"\xff"],
)
def test_what_says_something_else_is_refused(said: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(MAGIC + zlib.compress(said))


def test_what_goes_on_or_ends_early_is_refused() -> None:
    content = encode([FROZEN])
    for other in (content + b"x", content[:-1], b"", b"dver runs 0\n"):
        with pytest.raises(CorruptError):
            decode(other)


def test_a_later_version_says_what_to_do() -> None:
    with pytest.raises(CorruptError) as caught:
        decode(b"dver runs 2\nanything")
    assert caught.value.fix == "upgrade dver"


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(CorruptError):
        decode(MAGIC + zlib.compress(b" " * (MAX_SIZE + 1)))


def test_batches_are_of_some_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_batch, "_FULL", 100)
    runs = [Run(f"{number:064x}", b"x" * 40, b"y" * 20) for number in range(5)]
    assert [len(group) for group in batches(runs)] == [1, 1, 1, 1, 1]
    assert list(batches([])) == []
    assert list(batches(runs[:1])) == [runs[:1]]
    assert Oid.of(encode(runs)) == Oid.of(encode(runs[::-1]))
