"""Object ids."""

from __future__ import annotations

import pytest

from dver.core.errors import CorruptError
from dver.core.oid import Oid

HELLO = Oid.of(b"hello")


def test_an_oid_is_the_hash_of_the_content_and_reads_back_from_its_text() -> None:
    assert Oid.parse(str(HELLO)) == HELLO == Oid.of(memoryview(b"hello"))
    assert str(HELLO).startswith("blake3:ea8f163db386")
    assert HELLO.short == "ea8f163db386"
    assert Oid.from_hex(HELLO.hex()) == HELLO


@pytest.mark.parametrize(
    "text",
    ["", "blake3:", "blake3:" + "a" * 63, "blake3:" + "a" * 65, "blake3:" + "A" * 64, "a" * 64, "blake3:" + "g" * 64],
)
def test_what_is_no_oid_is_refused(text: str) -> None:
    with pytest.raises(CorruptError, match="not an object id"):
        Oid.parse(text)


def test_another_hash_asks_for_an_upgrade() -> None:
    with pytest.raises(CorruptError) as caught:
        Oid.parse("blake4:" + "a" * 64)
    assert caught.value.fix == "upgrade dver"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_an_oid_has_32_bytes(length: int) -> None:
    assert Oid.from_hex(bytes(length).hex()) is None


@pytest.mark.parametrize("digits", ["A" * 64, "g" * 64, "a" * 62 + "  ", "a" * 64 + "\n", "\u0660" * 64])
def test_an_oid_has_only_lowercase_hexadecimal_digits(digits: str) -> None:
    assert Oid.from_hex(digits) is None
