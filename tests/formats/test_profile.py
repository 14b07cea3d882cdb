"""Profiles: bytes and back, and what is refused."""

from __future__ import annotations

import pytest
from profile_samples import column_of, profile_of

from dver.core.errors import CorruptError, NewerVersionError
from dver.formats.profile import CollectionKind, CollectionProfile, ColumnType, Profile, decode, encode

SAMPLE = profile_of([("age", ColumnType.INTEGER, b"one"), ("näme", ColumnType.TEXT, b"three")])


def test_a_profile_is_decoded_as_it_was() -> None:
    assert decode(encode(SAMPLE)) == SAMPLE


def test_its_first_line_names_format_and_version() -> None:
    assert encode(SAMPLE).startswith(b"dver profile 3\n")


def test_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(NewerVersionError):
        decode(encode(SAMPLE).replace(b"profile 3", b"profile 4", 1))


@pytest.mark.parametrize("size", [0, 10, 16, 22, 40, -1])
def test_a_cut_profile_is_refused(size: int) -> None:
    with pytest.raises(CorruptError):
        decode(encode(SAMPLE)[:size])


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(CorruptError, match="follows"):
        decode(encode(SAMPLE) + b"x")


def test_collections_have_an_order() -> None:
    tables = [CollectionProfile(name, CollectionKind.TABLE, 0, 0, 0, ()) for name in ("b", "a")]
    with pytest.raises(CorruptError):
        decode(encode(Profile(tuple(tables))))


def test_two_columns_may_share_a_name_and_the_first_is_found() -> None:
    table = CollectionProfile(
        "", CollectionKind.TABLE, 10, 1, 1, (column_of("a", ColumnType.TEXT), column_of("a", ColumnType.NUMBER))
    )
    again = decode(encode(Profile((table,))))
    assert again.table is not None
    found = again.table.column("a")
    assert found is not None
    assert found.type is ColumnType.TEXT


def test_variance_and_shares_come_from_what_is_stored() -> None:
    column = column_of("a")
    assert column.null_share == 0.2
    assert column.numbers is not None
    assert column.numbers.variance == pytest.approx(9.5 / 7)
