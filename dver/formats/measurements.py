"""Measurements of media files: width and height, duration, characters, by content (docs/format/measurements.md).

They are kept beside a profile, so that a file with the same content is measured once, in whichever clone.

The bytes are a line with format and version, the length of the header as eight bytes (little-endian), the header as
JSON, the sorted ids of the contents, and the values of each column, one after the other.
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any, Final, TypeAlias

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import SIZE as OID_SIZE
from dver.core.oid import Oid
from dver.formats.profile import CollectionKind

VERSION: Final = 1
MAX_SIZE: Final = 1 << 30
"""The largest size of measurements in bytes. Those of 100,000 images take about 5 MB."""
_MAGIC: Final = b"dver measurements "
_WIDTHS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_COUNT_MAX: Final = (1 << 63) - 1
_NULL_NUMBER: Final = math.nan

Measured: TypeAlias = int | float | str | None
"""A measurement; None if the file has none, for example because it is unreadable."""


class MeasurementType(Enum):
    """What the values of a column are."""

    COUNT = "count"
    """Integers from 0 to 2^63 - 1."""
    NUMBER = "number"
    """Finite floats."""
    TEXT = "text"
    """Texts, few of which differ."""


@dataclass(frozen=True, slots=True, repr=False)
class MeasurementColumn(Displayed):
    """One measurement of all files."""

    type: MeasurementType
    values: Sequence[Measured] = field(repr=False)
    """In the order of the files' ids."""


@dataclass(frozen=True, slots=True, repr=False)
class Measurements(Displayed):
    """Measurements of files of one kind, by content."""

    kind: CollectionKind
    profiler: int
    """The version of what is measured. Measurements of another version are not used."""
    oids: Sequence[Oid]
    """Sorted; each content once."""
    columns: Mapping[str, MeasurementColumn]

    @classmethod
    def of_rows(
        cls,
        kind: CollectionKind,
        profiler: int,
        types: Mapping[str, MeasurementType],
        rows: Mapping[Oid, Sequence[Measured]],
    ) -> Measurements:
        """Measurements of `rows`: for each content, the values of all columns in the order of `types`."""
        oids = sorted(rows)
        found = zip(*(rows[oid] for oid in oids), strict=True) if oids else ((),) * len(types)
        columns = zip(types.items(), found, strict=True)
        return cls(kind, profiler, oids, {name: MeasurementColumn(kind, values) for (name, kind), values in columns})

    def rows(self) -> dict[Oid, tuple[Measured, ...]]:
        """For each content, the values of all columns."""
        columns = [one.values for one in self.columns.values()]
        return dict(zip(self.oids, zip(*columns, strict=True), strict=True)) if columns else {}

    def joined(self, other: Measurements) -> Measurements:
        """The measurements of both. Both have the same kind, profiler and columns."""
        return self._with_rows({**self.rows(), **other.rows()})

    def selected(self, oids: Collection[Oid]) -> Measurements:
        """The measurements of these contents, as far as they are known."""
        wanted = oids if isinstance(oids, set | frozenset | dict) else frozenset(oids)
        return self._with_rows({oid: row for oid, row in self.rows().items() if oid in wanted})

    def _with_rows(self, rows: Mapping[Oid, Sequence[Measured]]) -> Measurements:
        types = {name: one.type for name, one in self.columns.items()}
        return self.of_rows(self.kind, self.profiler, types, rows)


def encode(measurements: Measurements) -> bytes:
    """The bytes of `measurements`."""
    columns = []
    bodies = []
    for name, column in measurements.columns.items():
        description, body = _encode_column(name, column)
        columns.append(description)
        bodies.append(body)
    header = _json(
        {
            "columns": columns,
            "kind": measurements.kind.value,
            "profiler": measurements.profiler,
            "rows": len(measurements.oids),
        }
    )
    head = (_MAGIC, b"%d\n" % VERSION, len(header).to_bytes(8, "little"), header)
    return b"".join((*head, *measurements.oids, *bodies))


def decode(content: bytes) -> Measurements:
    """Decode measurements. Raises CorruptError, and NewerVersionError for a format of a later dver."""
    if len(content) > MAX_SIZE:
        raise CorruptError("measurements that are too large", why=f"{len(content):,} bytes; {MAX_SIZE:,} are read")
    line, newline, rest = content[:64].partition(b"\n")
    digits = line.removeprefix(_MAGIC)
    if not newline or not line.startswith(_MAGIC) or not digits.isdigit() or digits.startswith(b"0"):
        raise CorruptError("not measurements", why="they do not begin with their version")
    if int(digits) > VERSION:
        raise NewerVersionError.of_format("measurements", int(digits), VERSION)
    start = len(line) + 1 + 8
    end = start + int.from_bytes(rest[:8], "little")
    if len(content) < end or len(content) < start:
        raise _corrupt("they are cut off")
    header = content[start:end]
    try:
        said = json.loads(header)
        if _json(said) != header or set(said) != {"columns", "kind", "profiler", "rows"}:
            raise _corrupt("their header is not written as dver writes it")
        return _decoded(said, content, end)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise _corrupt("their header cannot be read") from error


def _decoded(said: Any, content: bytes, start: int) -> Measurements:
    rows = _whole(said["rows"])
    body = memoryview(content)[start:]
    sizes = [OID_SIZE * rows, *(_item_size(type_, detail) * rows for _, type_, detail in said["columns"])]
    if sum(sizes) != len(body):
        raise _corrupt("their size is not that of their rows")
    oids = [Oid(body[at : at + OID_SIZE]) for at in range(0, sizes[0], OID_SIZE)]
    if any(left >= right for left, right in pairwise(oids)):
        raise _corrupt("their ids are not sorted and unique")
    columns: dict[str, MeasurementColumn] = {}
    at = sizes[0]
    for (name, type_, detail), size in zip(said["columns"], sizes[1:], strict=True):
        if not isinstance(name, str) or name in columns:
            raise _corrupt("the names of columns are not unique texts")
        columns[name] = _decode_column(type_, detail, body[at : at + size])
        at += size
    return Measurements(CollectionKind(said["kind"]), _whole(said["profiler"]), oids, columns)


def _encode_column(name: str, column: MeasurementColumn) -> tuple[list[Any], bytes]:
    values: Any = column.values
    match column.type:
        case MeasurementType.COUNT:
            width = _width(max((one for one in values if one is not None), default=0))
            null = _null(width)
            body = _packed(_WIDTHS[width], (null if one is None else one for one in values))
            return [name, column.type.value, width], body
        case MeasurementType.NUMBER:
            if any(one is not None and not math.isfinite(one) for one in values):
                raise ValueError(f"not a finite number in {name!r}")
            body = _packed("d", (_NULL_NUMBER if one is None else one for one in values))
            return [name, column.type.value, 8], body
    texts: list[str] = sorted({one for one in values if one is not None})
    places: dict[str | None, int] = {text: at for at, text in enumerate(texts)}
    width = _width(len(texts) - 1)
    places[None] = _null(width)
    return [name, column.type.value, texts], _packed(_WIDTHS[width], (places[one] for one in values))


def _decode_column(type_: str, detail: Any, body: memoryview) -> MeasurementColumn:
    match MeasurementType(type_):
        case MeasurementType.COUNT:
            return MeasurementColumn(MeasurementType.COUNT, _counts(detail, body))
        case MeasurementType.NUMBER:
            return MeasurementColumn(MeasurementType.NUMBER, _numbers(body))
    return MeasurementColumn(MeasurementType.TEXT, _texts(detail, body))


def _counts(width: int, body: memoryview) -> list[Measured]:
    found, null = _unpacked(_WIDTHS[width], body), _null(width)
    counts: list[Measured] = [None if one == null else one for one in found]
    largest = max((one for one in found if one != null), default=0)
    if largest > _COUNT_MAX or _width(largest) != width:
        raise _corrupt("counts are larger or wider than they can be")
    return counts


def _numbers(body: memoryview) -> list[Measured]:
    found = _unpacked("d", body)
    nulls = sum(one != one for one in found)
    if any(math.isinf(one) for one in found) or (nulls and _packed("d", _canonical(found)) != bytes(body)):
        raise _corrupt("a number is not finite")
    return [None if one != one else one for one in found]


def _canonical(numbers: Iterable[float]) -> Iterable[float]:
    """The numbers with the one NaN that is written. NaN has many forms."""
    return (_NULL_NUMBER if one != one else one for one in numbers)


def _texts(texts: list[str], body: memoryview) -> list[Measured]:
    if any(not isinstance(one, str) for one in texts) or any(a >= b for a, b in pairwise(texts)):
        raise _corrupt("the texts of a column are not sorted and unique")
    for text in texts:
        text.encode()
    width = _width(len(texts) - 1)
    places, null = _unpacked(_WIDTHS[width], body), _null(width)
    used = set(places) - {null}
    if used != set(range(len(texts))):
        raise _corrupt("the texts of a column are not those of its rows")
    return [None if one == null else texts[one] for one in places]


def _item_size(type_: str, detail: Any) -> int:
    """Bytes of one value of a column."""
    match MeasurementType(type_):
        case MeasurementType.TEXT:
            if not isinstance(detail, list):
                raise _corrupt("a column of text has no texts")
            return _width(len(detail) - 1)
        case MeasurementType.NUMBER if detail == 8 and type(detail) is int:
            return 8
        case MeasurementType.COUNT if type(detail) is int and detail in _WIDTHS:
            return detail
    raise _corrupt("a column has an unknown width")


def _width(maximum: int) -> int:
    """The bytes of integers up to `maximum` and null, which is the largest integer."""
    return next(width for width in _WIDTHS if maximum < _null(width))


def _null(width: int) -> int:
    return (1 << 8 * width) - 1


def _packed(code: str, values: Iterable[Any]) -> bytes:
    found = array(code, values)
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def _unpacked(code: str, body: memoryview) -> array[Any]:
    found = array(code)
    found.frombytes(body)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def _whole(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise _corrupt("a count is not a whole number")
    return number


def _json(said: Any) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _corrupt(why: str) -> CorruptError:
    return CorruptError("damaged measurements", why=why)
