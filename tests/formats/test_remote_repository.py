"""Entries of the repositories that use a remote."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from strategies import damaged, repository_entries

from dver.core.errors import CorruptError
from dver.formats.remote_repository import ROOTS_MAX, SIZE_MAX, RepositoryEntry, decode, encode

ROOT = "0123456789abcdef0123456789abcdef01234567"
ENTRY = RepositoryEntry("model", "https://github.com/org/model.git", (ROOT, "f" * 40))
LINE = encode(ENTRY)


@given(repository_entries())
def test_an_entry_survives_encoding(entry: RepositoryEntry) -> None:
    assert decode(encode(entry)) == entry


@given(repository_entries())
def test_an_entry_is_json_that_a_person_can_read(entry: RepositoryEntry) -> None:
    assert json.loads(encode(entry)) == {
        "version": 1,
        "name": entry.name,
        "url": entry.url,
        "roots": list(entry.roots),
    }


@given(damaged(repository_entries().map(encode)))
def test_a_damaged_entry_is_refused_or_is_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        assert encode(decode(content)) == content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n", b""),
        (b"\n", b"\n\n"),
        (b":", b": "),
        (b'"url"', b'"uri"'),
        (b"model", b"\\u006dodel"),
        (b"model", b"\xc3\xa9"),
        (b"github", b"g" * SIZE_MAX),
        (b"0123", b"ABCD"),
        (ROOT.encode(), b"f" * 40),
        (b"[", b"[,"),
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
        RepositoryEntry("x", "", ("f" * 39,)),
        RepositoryEntry("x", "", ("f" * 40, "0" * 40)),
        RepositoryEntry("x", "", ("f" * 40, "f" * 40)),
        RepositoryEntry("x", "", tuple(f"{number:040}" for number in range(ROOTS_MAX + 1))),
        RepositoryEntry("x" * SIZE_MAX),
    ],
)
def test_what_could_not_be_read_again_is_not_written(entry: RepositoryEntry) -> None:
    with pytest.raises(ValueError, match="no entry of a repository"):
        encode(entry)
