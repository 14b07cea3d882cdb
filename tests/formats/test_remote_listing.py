"""The listing of a remote: bytes and back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dver.core.errors import CorruptError
from dver.formats import remote_listing

NAMES = st.from_regex(r"\A[0-9A-Za-z_-][0-9A-Za-z._-]{0,199}\Z")
FROZEN = b"dver listing 1\n5127 %s.idx\n0 %s.condemned\n" % (b"01" * 32, b"7e" * 32)


def test_version_1_is_read_and_written_as_ever() -> None:
    found = {f"{'01' * 32}.idx": 5127, f"{'7e' * 32}.condemned": 0}
    assert remote_listing.decode(FROZEN) == found
    assert remote_listing.encode(found) == FROZEN


@given(st.dictionaries(NAMES, st.integers(0, 10**18 - 1), max_size=20))
def test_what_is_encoded_is_decoded(sizes: dict[str, int]) -> None:
    assert remote_listing.decode(remote_listing.encode(sizes)) == sizes


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"dver listing 1\n" + tail))
@example(b"dver listing 1\n1 a\n1 a\n")
@example(b"dver listing 1\n1 b\n1 a\n")
@example(b"dver listing 1\n01 a\n")
@example(b"dver listing 1\n1 a")
@example(b"dver listing 1\n1 ../a\n")
def test_anything_else_is_refused_or_the_one_encoding(content: bytes) -> None:
    try:
        found = remote_listing.decode(content)
    except CorruptError:
        return
    assert remote_listing.encode(found) == content


def test_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(CorruptError) as caught:
        remote_listing.decode(b"dver listing 2\nwhatever")
    assert caught.value.fix == "upgrade dver"


def test_a_listing_too_large_to_be_true_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_listing, "SIZE_MAX", 20)
    with pytest.raises(CorruptError):
        remote_listing.decode(FROZEN)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "a\n", "é", "x" * 201])
def test_a_name_that_dver_would_not_give_is_not_listed(name: str) -> None:
    assert not remote_listing.listable(name)
    with pytest.raises(ValueError, match="not a name"):
        remote_listing.encode({name: 1})
