"""Entries of the register of clones."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import damaged

from dver.core.errors import CorruptError
from dver.formats.registered_clone import SEEN_MAX, SIZE_MAX, CloneEntry, decode, encode

MARK = "0123456789abcdef" * 2
ENTRY = CloneEntry("/home/ann/work/.git", "build-1", "ann", MARK, 1_700_000_000)


def entries() -> st.SearchStrategy[CloneEntry]:
    paths = st.binary(max_size=60).map(lambda path: "/" + os.fsdecode(path.replace(b"\0", b"")))
    marks = st.binary(min_size=16, max_size=16).map(bytes.hex)
    return st.builds(CloneEntry, paths, st.text(max_size=20), st.text(max_size=20), marks, st.integers(0, SEEN_MAX))


@given(entries())
def test_an_entry_survives_encoding(entry: CloneEntry) -> None:
    assert decode(encode(entry)) == entry


@given(entries())
def test_an_entry_is_json_that_a_person_can_read(entry: CloneEntry) -> None:
    assert json.loads(encode(entry)) == {
        "version": 1,
        "git_dir": entry.git_dir,
        "host": entry.host,
        "user": entry.user,
        "mark": entry.mark,
        "seen": entry.seen,
    }


@given(damaged(entries().map(encode)))
def test_a_damaged_entry_is_refused_or_is_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        assert encode(decode(content)) == content


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_is_no_entry_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(content)


LINE = encode(ENTRY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n", b""),
        (b"\n", b"\n\n"),
        (b":", b": "),
        (b'"host"', b'"guest"'),
        (b"build-1", b'"'),
        (b"build-1", b"\\x62uild-1"),
        (b"build-1", b"\\u0062uild-1"),
        (b"build-1", b"\xc3\xa9"),
        (b"build-1", b"a\tb"),
        (b"/home/ann", b"home/ann"),
        (b"17000", b"017000"),
        (b"1700000000", b"999999999999"),
        (b"1700000000", b"-1"),
        (MARK.encode(), MARK.upper().encode()),
        (b"/home", b"/" + b"h" * SIZE_MAX),
        (b"/home", b"/\\u0000home"),
        (b"/home", b"/\\ud800home"),
        (b'"version":1', b'"version":0'),
        (b'"version":1', b'"version":' + b"9" * 5000),
    ],
)
def test_there_is_one_way_to_write_an_entry(old: bytes, new: bytes) -> None:
    with pytest.raises(CorruptError):
        decode(LINE.replace(old, new, 1))


def test_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(CorruptError) as caught:
        decode(b'{"version":2,"what":"ever"}\n')
    assert caught.value.fix == "upgrade dver"


@pytest.mark.parametrize(
    "entry",
    [
        CloneEntry("relative", "h", "u", MARK, 0),
        CloneEntry("/a\0b", "h", "u", MARK, 0),
        CloneEntry("/\ud800", "h", "u", MARK, 0),
        CloneEntry("/x", "h", "u", "0" * 31, 0),
        CloneEntry("/x", "h", "u", MARK, -1),
        CloneEntry("/x", "h", "u", MARK, SEEN_MAX + 1),
        CloneEntry("/" + "x" * SIZE_MAX, "h", "u", MARK, 0),
    ],
)
def test_what_could_not_be_read_again_is_not_written(entry: CloneEntry) -> None:
    with pytest.raises(ValueError, match="no entry of a clone"):
        encode(entry)
