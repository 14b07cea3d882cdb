"""Profiles: what is known of data without the data (docs/format/profile.md).

A profile has collections: the tables of one kind, the images, the recordings, the texts of a directory, or the one
table that a file is. A collection has columns: those of the table, or one for each measurement of its media
files. So checks and drift know columns alone.

The bytes are a line with format and version, the length of the header as eight bytes (little-endian), the header as
JSON, and the sketches that it names by offset and length. Sketches stay bytes here:
dver.profiles.sketches knows what is in them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError
from dver.core.garbage_collector import collector_paused
from dver.formats.counted_values import EncodedValues, encode_values
from dver.formats.counted_values import Value as Value
from dver.formats.profile_parts import EncodedParts, encode_parts, is_whole
from dver.formats.profile_parts import PartColumn as PartColumn
from dver.formats.profile_parts import PartSummary as PartSummary

VERSION: Final = 3
PROFILER: Final = 3
"""The version of what is measured and how. Profiles of different profilers are not merged."""
_MAGIC: Final = b"dver profile "


class ColumnType(Enum):
    """What the values of a column are. A column of texts that are all numbers has numbers."""

    EMPTY = "empty"
    """Only nulls."""
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TIME = "time"
    """Dates and times; as numbers they are Unix seconds."""
    TEXT = "text"
    BYTES = "bytes"
    NESTED = "nested"
    """Lists, structures and maps: their lengths only."""


class CollectionKind(Enum):
    """What the files of a collection are."""

    TABLE = "table"
    IMAGES = "images"
    AUDIO = "audio"
    TEXT = "text"


@dataclass(frozen=True, slots=True, repr=False)
class NumberSummary(Displayed):
    """A summary of numbers: of values, of Unix seconds, or of lengths. NaN and infinities are not part of it."""

    count: int
    minimum: float
    maximum: float
    mean: float
    m2: float
    """The sum of squared differences from the mean."""
    quantiles: bytes
    """The encoded quantile sketch."""

    @property
    def variance(self) -> float:
        """The sample variance; 0 for a single value."""
        return self.m2 / (self.count - 1) if self.count > 1 else 0.0

    @property
    def deviation(self) -> float:
        """The sample standard deviation."""
        return math.sqrt(max(0.0, self.variance))


@dataclass(frozen=True, slots=True, repr=False)
class ValueCounts(Displayed):
    """The most frequent values of a column, most frequent first; ties in the order of their texts."""

    values: Sequence[tuple[Value, int]]
    complete: bool
    """Are these all values? Then the counts are exact."""
    error: int = 0
    """How much the count of a value may be too low, where not complete."""


@dataclass(frozen=True, slots=True, repr=False)
class ColumnProfile(Displayed):
    """One column."""

    name: str
    type: ColumnType
    count: int
    """Rows, with nulls."""
    nulls: int
    declared: str | None = None
    """The type in the file's own schema, such as `int32` or `list<string>`; None for CSV and JSON."""
    nans: int = 0
    infinities: int = 0
    mixed: int = 0
    """Values that are not of the column's type: numbers in a text column that also has other texts."""
    true: int = 0
    """Of a boolean column."""
    distinct: bytes = b""
    """The encoded sketch of distinct values; empty for nested columns."""
    numbers: NumberSummary | None = None
    """Of booleans (0 and 1), integers, numbers and times."""
    lengths: NumberSummary | None = None
    """Characters of texts, bytes of bytes, items of lists."""
    first: str | None = None
    """The smallest text, at most 100 characters; None for a private column."""
    last: str | None = None
    counts: ValueCounts | None = None
    """None for a private column, and for nested ones."""
    private: bool = False
    """Were values left out on request?"""

    @property
    def null_share(self) -> float:
        """The share of nulls, 0 to 1."""
        return self.nulls / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Unreadable(Displayed):
    """A file that could not be read."""

    path: str
    """Relative to the profiled directory."""
    why: str


@dataclass(frozen=True, slots=True, repr=False)
class CollectionProfile(Displayed):
    """Files with the same columns."""

    name: str
    """Relative to the profiled directory, such as `images/`; empty for a file."""
    kind: CollectionKind
    rows: int
    """Of a table; of media, the readable files."""
    files: int
    bytes: int
    columns: tuple[ColumnProfile, ...]
    unreadable: tuple[Unreadable, ...] = ()
    """The first 20 in the order of their paths."""
    unreadable_count: int = 0
    parts: Sequence[PartSummary] = ()
    """What thresholds of drift are calibrated on: up to 20 consecutive parts of the rows or files."""

    def column(self, name: str) -> ColumnProfile | None:
        """The column with this name: the first, where there are several."""
        return next((one for one in self.columns if one.name == name), None)


@dataclass(frozen=True, slots=True, repr=False)
class Profile(Displayed):
    """The profile of a file or a directory."""

    collections: tuple[CollectionProfile, ...]
    """In the order of their names. A file has one."""
    profiler: int = PROFILER
    ignored: int = 0
    """Files that are neither tables nor media."""

    @property
    def table(self) -> CollectionProfile | None:
        """The collection, if there is only one."""
        return self.collections[0] if len(self.collections) == 1 else None


def encode(profile: Profile) -> bytes:
    """The bytes of `profile`."""
    sketches = _Sketches()
    head = {
        "profiler": profile.profiler,
        "ignored": profile.ignored,
        "collections": [_collection_fields(one, sketches) for one in profile.collections],
    }
    header = _json(head)
    return b"".join((_MAGIC, b"%d\n" % VERSION, len(header).to_bytes(8, "little"), header, *sketches.found))


def decode(content: bytes) -> Profile:
    """Decode a profile. Raises CorruptError, and NewerVersionError for a format of a later dver."""
    line, newline, rest = content[:64].partition(b"\n")
    digits = line.removeprefix(_MAGIC)
    if not newline or not line.startswith(_MAGIC) or not digits.isdigit() or digits.startswith(b"0"):
        raise CorruptError("not a profile", why="it does not begin with its version")
    if int(digits) > VERSION:
        raise NewerVersionError.of_format("a profile", int(digits), VERSION)
    if int(digits) < VERSION:
        raise CorruptError("a profile of an earlier dver", fix="profile the data again")
    start = len(line) + 1 + 8
    end = start + int.from_bytes(rest[:8], "little")
    if len(content) < start or len(content) < end:
        raise _corrupt("it is cut off")
    header = content[start:end]
    try:
        with collector_paused():
            said = json.loads(header)
            if _json(said) != header:
                raise _corrupt("its header is not written as dver writes it")
            return _profile_of(said, _SketchReader(content, end))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise _corrupt("its header cannot be read") from error


class _Sketches:
    """Collects sketches, and gives each its place."""

    def __init__(self) -> None:
        self.found: list[bytes] = []
        self._size = 0

    def add(self, sketch: bytes) -> list[int]:
        place = [self._size, len(sketch)]
        self.found.append(sketch)
        self._size += len(sketch)
        return place


class _SketchReader:
    """Gives sketches back. They must follow each other, and fill the rest of the content."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content = content
        self._at = start
        self._start = start

    def take(self, place: Any) -> bytes:
        offset, length = place
        if type(offset) is not int or type(length) is not int or length <= 0 or self._start + offset != self._at:
            raise _corrupt("a sketch is not where it should be")
        self._at += length
        if self._at > len(self._content):
            raise _corrupt("it is cut off")
        return self._content[self._at - length : self._at]

    def end(self) -> None:
        if self._at != len(self._content):
            raise _corrupt("something follows its end")


def _profile_of(said: dict[str, Any], sketches: _SketchReader) -> Profile:
    found = tuple(_collection(one, sketches) for one in said["collections"])
    sketches.end()
    profile = Profile(found, _whole(said["profiler"]), _whole(said["ignored"]))
    if [one.name for one in found] != sorted({one.name for one in found}) or set(said) != _PROFILE_KEYS:
        raise _corrupt("its header has other parts than a profile")
    return profile


def _collection_fields(one: CollectionProfile, sketches: _Sketches) -> dict[str, Any]:
    said = _without_defaults(one, _PLAIN_OF_COLLECTIONS)
    said["kind"] = one.kind.value
    said["columns"] = [_column_fields(column, sketches) for column in one.columns]
    if one.unreadable:
        said["unreadable"] = [[file.path, file.why] for file in one.unreadable]
    if one.parts:
        said["parts"] = sketches.add(encode_parts(one.parts))
    return said


def _collection(said: dict[str, Any], sketches: _SketchReader) -> CollectionProfile:
    values = _checked(said, _READERS_OF_COLLECTIONS, _PLAIN_OF_COLLECTIONS)
    values["columns"] = tuple(_column(column, sketches) for column in said["columns"])
    if "parts" in said:
        values["parts"] = EncodedParts(sketches.take(said["parts"]))
    return CollectionProfile(**values)


def _column_fields(one: ColumnProfile, sketches: _Sketches) -> dict[str, Any]:
    said = _without_defaults(one, _PLAIN_OF_COLUMNS)
    said["type"] = one.type.value
    if one.distinct:
        said["distinct"] = sketches.add(one.distinct)
    for name in ("numbers", "lengths"):
        summary: NumberSummary | None = getattr(one, name)
        if summary is not None:
            numbers = [summary.count, summary.minimum, summary.maximum, summary.mean, summary.m2]
            said[name] = [*numbers, sketches.add(summary.quantiles)]
    if one.counts is not None:
        place = sketches.add(encode_values(one.counts.values))
        said["counts"] = [one.counts.complete, one.counts.error, place]
    return said


def _column(said: dict[str, Any], sketches: _SketchReader) -> ColumnProfile:
    values = _checked(said, _READERS_OF_COLUMNS, _PLAIN_OF_COLUMNS)
    if "distinct" in said:
        values["distinct"] = sketches.take(said["distinct"])
    if "numbers" in said:
        values["numbers"] = _summary(said["numbers"], sketches)
    if "lengths" in said:
        values["lengths"] = _summary(said["lengths"], sketches)
    if "counts" in said:
        values["counts"] = _counts(said["counts"], sketches)
    return ColumnProfile(**values)


def _checked(
    said: dict[str, Any], readers: Mapping[str, Callable[[Any], Any]], plain: Mapping[str, Any]
) -> dict[str, Any]:
    """The values that stand for themselves. One that equals its default would not have been written."""
    values = {}
    for key, value in said.items():
        found = readers[key](value)
        if key in plain and value == plain[key]:
            raise _corrupt("it has parts that dver does not write")
        values[key] = found
    return values


def _summary(said: Any, sketches: _SketchReader) -> NumberSummary:
    count, minimum, maximum, mean, m2, place = said
    for number in (minimum, maximum, mean, m2):
        if type(number) is not float or not math.isfinite(number):
            raise _corrupt("a number is not finite")
    return NumberSummary(_whole(count), minimum, maximum, mean, m2, sketches.take(place))


def _counts(said: Any, sketches: _SketchReader) -> ValueCounts:
    complete, error, place = said
    return ValueCounts(EncodedValues(sketches.take(place)), _flag(complete), _whole(error))


def _unreadable(said: Any) -> tuple[Unreadable, ...]:
    if not said:
        raise _corrupt("it has parts that dver does not write")
    return tuple(Unreadable(_text(path), _text(why)) for path, why in said)


def _whole(number: Any) -> int:
    if not is_whole(number):
        raise _corrupt("a count is not a whole number")
    return int(number)


def _text(text: Any) -> str:
    if type(text) is not str:
        raise _corrupt("a name is not text")
    text.encode()
    return text


def _flag(flag: Any) -> bool:
    if type(flag) is not bool:
        raise _corrupt("a flag is not true or false")
    return flag


def _as_it_is(value: Any) -> Any:
    """What needs the sketches is decoded later."""
    return value


def _plain(kind: type, but: tuple[str, ...]) -> dict[str, Any]:
    """The fields that stand for themselves, with their defaults."""
    return {each.name: each.default for each in fields(kind) if each.name not in but}


def _without_defaults(one: Any, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    said = {name: (getattr(one, name), default) for name, default in plain.items()}
    return {name: value for name, (value, default) in said.items() if default is MISSING or value != default}


def _json(said: Any) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _corrupt(why: str) -> CorruptError:
    return CorruptError("a damaged profile", why=why)


_PROFILE_KEYS: Final = {"profiler", "ignored", "collections"}
_PLAIN_OF_COLLECTIONS: Final = _plain(CollectionProfile, ("columns", "kind", "parts", "unreadable"))
_PLAIN_OF_COLUMNS: Final = _plain(ColumnProfile, ("type", "distinct", "numbers", "lengths", "counts"))
_READERS_OF_COLLECTIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("rows", "files", "bytes", "unreadable_count"), _whole),
    **dict.fromkeys(("columns", "parts"), _as_it_is),
    "name": _text,
    "kind": CollectionKind,
    "unreadable": _unreadable,
}
_READERS_OF_COLUMNS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("count", "nulls", "nans", "infinities", "mixed", "true"), _whole),
    **dict.fromkeys(("name", "declared", "first", "last"), _text),
    **dict.fromkeys(("distinct", "numbers", "lengths", "counts"), _as_it_is),
    "type": ColumnType,
    "private": _flag,
}
