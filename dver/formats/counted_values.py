"""Values with their counts in a profile, as columns: a thousand profiles are merged without a Python object per value.

The bytes are the kind of the values (u8, a letter), the number of values (u32), the bytes of a count (u8), the counts,
and the values. All integers are little-endian.

Kind                   | Values
-----------------------|-----------------------------------------------------------------------
`b` true and false     | u8, 0 or 1
`i` integers           | u8 bytes of an integer, the integers, signed
`f` decimal numbers    | u8 decimal places, then as integers: each number times 10^places
`d` numbers            | doubles
`t` texts              | u16 length of each in bytes, the texts as UTF-8
`j` values of any kind | a JSON list
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from dver.core.errors import CorruptError
from dver.formats.encoded_sequence import EncodedSequence

Value: TypeAlias = str | int | float | bool
"""A value of a column. Times are ISO 8601 texts."""
CountedValue: TypeAlias = tuple[Value, int]

_HEAD: Final = struct.Struct("<BIB")
_LETTERS: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
"""What `struct` calls a signed integer, by its bytes; in upper case without a sign."""
_DECIMAL_PLACES: Final = 6
_EXACT: Final = 2**53
"""Doubles count up to here."""
_LONGEST: Final = 2**16 - 1


class ValueKind(Enum):
    """How values are stored."""

    BOOLEANS = "b"
    INTEGERS = "i"
    DECIMALS = "f"
    DOUBLES = "d"
    TEXTS = "t"
    MIXED = "j"


_KINDS: Final = {ord(kind.value): kind for kind in ValueKind}
_WIDTHS: Final = {ValueKind.BOOLEANS: 1, ValueKind.DOUBLES: 8}


class ValueColumns(NamedTuple):
    """The parts of the bytes, each ready to be read as an array."""

    kind: ValueKind
    number: int
    counts: bytes
    """Unsigned integers of `len(counts) / number` bytes."""
    values: bytes
    """Integers or doubles one after the other, texts without separators, or JSON."""
    places: int = 0
    """The decimal places of decimal numbers."""
    lengths: bytes = b""
    """Of texts: u16 each, in bytes."""


class EncodedValues(EncodedSequence[CountedValue]):
    """Values with their counts, of a decoded profile."""

    __slots__ = ()

    def _decoded(self) -> tuple[CountedValue, ...]:
        columns = columns_of(self.encoded)
        try:
            found = _values(columns)
        except (ValueError, RecursionError) as error:
            raise damaged_counts() from error
        counts = _unpacked(columns.counts, columns.number, signed=False)
        if len(found) != len(counts) or 0 in counts:
            raise damaged_counts()
        return tuple(zip(found, counts, strict=True))


def encode_values(values: Sequence[CountedValue]) -> bytes:
    """The bytes of `values`."""
    if isinstance(values, EncodedValues):
        return values.encoded
    kind, found = _encoded([value for value, _ in values])
    width, counts = _packed([count for _, count in values], signed=False)
    return _HEAD.pack(ord(kind.value), len(values), width) + counts + found


def estimated_bytes_of_values(values: Sequence[CountedValue]) -> int:
    """About what `values` need, once they are compressed: texts shrink to half, numbers hardly."""
    columns = columns_of(encode_values(values))
    shrinking = columns.kind in (ValueKind.TEXTS, ValueKind.MIXED)
    return columns.number + (len(columns.values) // 2 + columns.number if shrinking else len(columns.values))


def columns_of(encoded: bytes) -> ValueColumns:
    """The parts of `encoded`. Raises CorruptError if they do not fit together."""
    if len(encoded) < _HEAD.size:
        raise damaged_counts()
    letter, number, width = _HEAD.unpack_from(encoded)
    kind = _KINDS.get(letter)
    start = _HEAD.size + number * width
    if kind is None or width not in _LETTERS or len(encoded) < start:
        raise damaged_counts()
    counts, rest = encoded[_HEAD.size : start], encoded[start:]
    if kind is ValueKind.INTEGERS:
        columns, width = ValueColumns(kind, number, counts, rest[1:]), rest[0] if rest else 0
    elif kind is ValueKind.DECIMALS and len(rest) > 1 and rest[0] <= _DECIMAL_PLACES:
        columns, width = ValueColumns(kind, number, counts, rest[2:], rest[0]), rest[1]
    elif kind is ValueKind.TEXTS and len(rest) >= 2 * number:
        return ValueColumns(kind, number, counts, rest[2 * number :], lengths=rest[: 2 * number])
    elif kind is ValueKind.MIXED:
        return ValueColumns(kind, number, counts, rest)
    else:
        columns, width = ValueColumns(kind, number, counts, rest), _WIDTHS.get(kind, 0)
    if width not in _LETTERS or len(columns.values) != width * number:
        raise damaged_counts()
    return columns


def are_values(values: Sequence[Any]) -> bool:
    """Are these values that a profile may have? The types are looked at together, since there may be thousands."""
    kinds = set(map(type, values))
    finite = float not in kinds or all(math.isfinite(value) for value in values if isinstance(value, float))
    return kinds <= {str, int, float, bool} and finite


def _encoded(values: Sequence[Any]) -> tuple[ValueKind, bytes]:
    kinds = set(map(type, values))
    if kinds == {bool}:
        return ValueKind.BOOLEANS, bytes(values)
    if kinds == {int} and min(values) >= -(2**63) and max(values) < 2**63:
        width, packed = _packed(values, signed=True)
        return ValueKind.INTEGERS, bytes([width]) + packed
    if kinds == {float}:
        return _encoded_numbers(values)
    if kinds == {str}:
        texts = [value.encode() for value in values]
        if max(map(len, texts)) <= _LONGEST:
            return ValueKind.TEXTS, struct.pack(f"<{len(texts)}H", *map(len, texts)) + b"".join(texts)
    text = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return ValueKind.MIXED, text.encode()


def _encoded_numbers(values: Sequence[float]) -> tuple[ValueKind, bytes]:
    """Numbers with a few decimal places are integers, which need fewer bytes."""
    for places in range(_DECIMAL_PLACES + 1):
        scale = 10**places
        if max(map(abs, values)) * scale >= _EXACT:
            break
        if all(round(value * scale) / scale == value for value in values):
            width, packed = _packed([round(value * scale) for value in values], signed=True)
            return ValueKind.DECIMALS, bytes([places, width]) + packed
    return ValueKind.DOUBLES, struct.pack(f"<{len(values)}d", *values)


def _values(columns: ValueColumns) -> Sequence[Value]:
    kind, number = columns.kind, columns.number
    if kind is ValueKind.BOOLEANS:
        _require(set(columns.values) <= {0, 1})
        return [one == 1 for one in columns.values]
    if kind is ValueKind.INTEGERS:
        return _unpacked(columns.values, number, signed=True)
    if kind is ValueKind.DECIMALS:
        return [one / 10**columns.places for one in _unpacked(columns.values, number, signed=True)]
    if kind is ValueKind.DOUBLES:
        doubles = struct.unpack(f"<{number}d", columns.values)
        _require(all(map(math.isfinite, doubles)))
        return doubles
    if kind is ValueKind.TEXTS:
        return _texts(columns)
    found = json.loads(columns.values)
    _require(isinstance(found, list) and are_values(found))
    return list(found)


def _texts(columns: ValueColumns) -> list[Value]:
    found: list[Value] = []
    at = 0
    for length in struct.unpack(f"<{columns.number}H", columns.lengths):
        found.append(columns.values[at : at + length].decode())
        at += length
    _require(at == len(columns.values))
    return found


def _packed(numbers: Sequence[int], *, signed: bool) -> tuple[int, bytes]:
    """Integers in as few bytes as the largest one needs."""
    low, high = min(numbers, default=0), max(numbers, default=0)
    bits = max((~low if low < 0 else low).bit_length(), high.bit_length()) + signed  # -128 fits into one byte
    width = next(width for width in _LETTERS if bits <= 8 * width)
    return width, struct.pack(_layout(len(numbers), width, signed=signed), *numbers)


def _unpacked(packed: bytes, number: int, *, signed: bool) -> tuple[int, ...]:
    return struct.unpack(_layout(number, len(packed) // number if number else 1, signed=signed), packed)


def _layout(number: int, width: int, *, signed: bool) -> str:
    return f"<{number}{_LETTERS[width] if signed else _LETTERS[width].upper()}"


def _require(good: bool) -> None:
    if not good:
        raise damaged_counts()


def damaged_counts() -> CorruptError:
    """The error for counts that cannot be read."""
    return CorruptError("a damaged profile", why="its counts of values cannot be read")
