"""Values with their counts: bytes and back, in few bytes, and what is refused."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import CorruptError
from dver.formats.counted_values import EncodedValues, Value, ValueKind, columns_of, encode_values

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
CENTS = st.integers(-(10**9), 10**9).map(lambda number: number / 100)
COLUMNS = st.one_of(
    *(st.lists(one, max_size=6) for one in (TEXTS, FINITE, CENTS, st.integers(), st.booleans())),
    st.lists(TEXTS | FINITE | st.integers() | st.booleans(), max_size=6),
)


@given(COLUMNS, st.integers(1, 2**60))
def test_values_are_decoded_as_they_were(values: Sequence[Value], count: int) -> None:
    counted = tuple((value, count) for value in values)
    decoded = tuple(EncodedValues(encode_values(counted)))
    assert decoded == counted
    assert [type(value) for value, _ in decoded] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("values", "kind", "size"),
    [
        ([True, False], ValueKind.BOOLEANS, 1),
        ([1, -128], ValueKind.INTEGERS, 1),
        ([1, 128], ValueKind.INTEGERS, 2),
        ([0, 2**40], ValueKind.INTEGERS, 8),
        ([0, 2**63], ValueKind.MIXED, None),
        ([0.5, 12.75], ValueKind.DECIMALS, 2),
        ([19.99, 1e6], ValueKind.DECIMALS, 4),
        ([0.1, 1 / 3], ValueKind.DOUBLES, 8),
        ([0.1, 1e300], ValueKind.DOUBLES, 8),
        (["a", "b"], ValueKind.TEXTS, 1),
        (["a", "x" * 2**16], ValueKind.MIXED, None),
        (["a", 1], ValueKind.MIXED, None),
    ],
)
def test_each_value_has_the_bytes_that_its_column_needs(
    values: Sequence[Value], kind: ValueKind, size: int | None
) -> None:
    columns = columns_of(encode_values([(value, 1) for value in values]))
    assert columns.kind is kind
    assert columns.counts == b"\1" * len(values)
    if size is not None:
        assert len(columns.values) == size * len(values)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"x" + struct.pack("<IB", 0, 1),
        b"i" + struct.pack("<IB", 1, 3) + b"\1\1\1\1\1",
        b"i" + struct.pack("<IB", 2, 1) + b"\1\1\1\5",
        b"i" + struct.pack("<IB", 1, 1) + b"\0\1\5",
        b"f" + struct.pack("<IB", 1, 1) + b"\1\7\1\5",
        b"d" + struct.pack("<IBBd", 1, 1, 1, float("nan")),
        b"b" + struct.pack("<IBBB", 1, 1, 1, 2),
        b"t" + struct.pack("<IBBH", 1, 1, 1, 2) + b"a",
        b"t" + struct.pack("<IBBH", 1, 1, 1, 1) + b"\xff",
        b"j" + struct.pack("<IBB", 1, 1, 1) + b"[1,2]",
        b"j" + struct.pack("<IBB", 1, 1, 1) + b"[null]",
        b"j" + struct.pack("<IBB", 1, 1, 1) + b"[" * 100_000,
        b"i" + struct.pack("<IB", 2**32 - 1, 8),
    ],
)
def test_damaged_bytes_are_refused(damaged: bytes) -> None:
    with pytest.raises(CorruptError, match="damaged profile"):
        len(EncodedValues(damaged))


@given(COLUMNS, st.data())
def test_changed_bytes_are_refused_or_are_values(values: Sequence[Value], data: st.DataObject) -> None:
    content = bytearray(encode_values([(value, 3) for value in values]))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = tuple(EncodedValues(bytes(content)))
    except CorruptError:
        return
    assert {type(count) for _, count in found} <= {int}
    assert {type(value) for value, _ in found} <= {str, int, float, bool}
