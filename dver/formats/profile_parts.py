"""The parts of a collection in a profile: bytes, which are decoded when they are asked for.

The bytes are the length of a JSON text (u32, little-endian), the text, and doubles (little-endian). The text has `rows`
(of each part), `names` (of columns), and `columns`: for each part, the place of the name, the count, the number of
quantiles among the doubles, and pairs of values and counts.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError
from dver.formats.counted_values import Value, are_values
from dver.formats.encoded_sequence import EncodedSequence

_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True, repr=False)
class PartColumn(Displayed):
    """One column of a part."""

    count: int
    """Values that are not null, NaN or infinite."""
    quantiles: tuple[float, ...] = ()
    """Of numbers and times: the quantiles 0, 1/16, 2/16 … 1."""
    counts: tuple[tuple[Value, int], ...] = ()
    """Of other columns, and of numbers with few values: the 16 most frequent values."""


@dataclass(frozen=True, slots=True, repr=False)
class PartSummary(Displayed):
    """How the columns were distributed in one consecutive part of a collection."""

    rows: int
    columns: Mapping[str, PartColumn] = field(default_factory=dict)


class EncodedParts(EncodedSequence[PartSummary]):
    """Parts of a decoded profile."""

    __slots__ = ()

    def _decoded(self) -> tuple[PartSummary, ...]:
        return _decode(self.encoded)


def encode_parts(parts: Sequence[PartSummary]) -> bytes:
    """The bytes of `parts`."""
    if isinstance(parts, EncodedParts):
        return parts.encoded
    names: dict[str, int] = {}
    doubles: list[float] = []
    columns = []
    for part in parts:
        found = []
        for name, one in part.columns.items():
            found.append(
                [names.setdefault(name, len(names)), one.count, len(one.quantiles), [list(pair) for pair in one.counts]]
            )
            doubles += one.quantiles
        columns.append(found)
    said = {"columns": columns, "names": list(names), "rows": [part.rows for part in parts]}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return _LENGTH.pack(len(text)) + text + struct.pack(f"<{len(doubles)}d", *doubles)


def estimated_bytes_of_parts(parts: Sequence[PartSummary]) -> int:
    """About what `parts` need, once they are compressed: texts shrink to a quarter, doubles hardly."""
    encoded = encode_parts(parts)
    (length,) = _LENGTH.unpack_from(encoded)
    return len(encoded) - int(length) * 3 // 4


def is_whole(number: Any) -> bool:
    """Is this a count?"""
    return type(number) is int and number >= 0


def _decode(encoded: bytes) -> tuple[PartSummary, ...]:
    try:
        (length,) = _LENGTH.unpack_from(encoded)
        said = json.loads(encoded[4 : 4 + length])
        doubles = iter(struct.unpack(f"<{(len(encoded) - 4 - length) // 8}d", encoded[4 + length :]))
        names = said["names"]
        parts = tuple(
            PartSummary(_checked(rows), {names[at]: _column(one, doubles) for at, *one in columns})
            for rows, columns in zip(said["rows"], said["columns"], strict=True)
        )
        if all(type(name) is str for name in names) and next(doubles, None) is None:
            return parts
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, struct.error) as error:
        raise _corrupt() from error
    raise _corrupt()


def _column(said: Any, doubles: Iterator[float]) -> PartColumn:
    count, size, pairs = said
    quantiles = tuple(next(doubles, math.nan) for _ in range(size))
    if not all(map(math.isfinite, quantiles)):
        raise _corrupt()
    if not are_values([value for value, _ in pairs]):
        raise _corrupt()
    return PartColumn(_checked(count), quantiles, tuple((value, _checked(times)) for value, times in pairs))


def _checked(number: Any) -> int:
    if not is_whole(number):
        raise _corrupt()
    return int(number)


def _corrupt() -> CorruptError:
    return CorruptError("a damaged profile", why="its parts cannot be read")
