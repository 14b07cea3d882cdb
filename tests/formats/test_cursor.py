from __future__ import annotations

from struct import Struct

import pytest

from dver.core.errors import CorruptError, NewerVersionError
from dver.formats.cursor import Cursor


def test_fields_are_read_from_the_front() -> None:
    cursor = Cursor(b"DVX\x01\x02\x00\x03rest", "file")
    cursor.expect(b"DVX", 1)
    assert cursor.unpack(Struct("<HB")) == (2, 3)
    assert bytes(cursor.take(0)) == b""
    assert bytes(cursor.take(4)) == b"rest"
    cursor.finish()


@pytest.mark.parametrize("length", [4, 2**40])
def test_missing_bytes_are_an_error_and_allocate_nothing(length: int) -> None:
    with pytest.raises(CorruptError) as caught:
        Cursor(b"abc", "file").take(length)
    assert (caught.value.what, caught.value.why) == ("a truncated file", f"{length} bytes expected, 3 found")


def test_extra_bytes_are_an_error() -> None:
    cursor = Cursor(b"abc", "file")
    cursor.take(1)
    with pytest.raises(CorruptError, match="2 extra bytes after a file"):
        cursor.finish()


@pytest.mark.parametrize("content", [b"", b"DV", b"DVY\x01", b"DVX"])
def test_another_magic_is_an_error(content: bytes) -> None:
    with pytest.raises(CorruptError, match=r"not a file|a truncated file"):
        Cursor(content, "file").expect(b"DVX", 1)


def test_a_newer_version_differs_from_an_invalid_one() -> None:
    with pytest.raises(NewerVersionError):
        Cursor(b"DVX\x03", "file").expect(b"DVX", 2)
    with pytest.raises(CorruptError, match="unknown format version 1") as caught:
        Cursor(b"DVX\x01", "file").expect(b"DVX", 2)
    assert not isinstance(caught.value, NewerVersionError)
