"""Collections of media as tables: a row for each file, and a column for each measurement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.oid import Oid
from dver.formats.measurements import Measured, Measurements, MeasurementType
from dver.formats.profile import CollectionKind, CollectionProfile, Unreadable
from dver.profiles.media.collections import PATH_COLUMN, MediaGroup, path_text
from dver.profiles.media.measure import TYPES
from dver.profiles.scan.rows import ScannedColumns, TableScan
from dver.profiles.settings import ProfileSettings
from dver.profiles.tables import require_libraries

if TYPE_CHECKING:
    from pyarrow import Array

UNREADABLE_MAX: Final = 20
_ERROR: Final = "error"


def media_collections(
    groups: Iterable[MediaGroup],
    measurements: Mapping[CollectionKind, Measurements],
    *,
    private: frozenset[str] = frozenset(),
) -> Iterator[CollectionProfile]:
    """The profiles of `groups`. `measurements` have all their contents; KeyError for one that they do not have.

    Raises UsageError without the extra `data`.
    """
    rows = {kind: found.rows() for kind, found in measurements.items()}
    for group in groups:
        require_libraries()
        yield _profile(group, rows[group.kind], private)


def write_media_table(group: MediaGroup, measurements: Measurements, to: Path) -> None:
    """Write an Arrow file with a row for each readable file of `group`: its path, and its measurements.

    Raises KeyError for a content that was not measured, and UsageError without the extra `data`.
    """
    require_libraries()
    import pyarrow as pa

    rows = measurements.rows()
    types = {PATH_COLUMN: MeasurementType.TEXT, **TYPES[group.kind]}
    error = list(types).index(_ERROR)
    found = [(path_text(file.path), *rows[file.oid]) for file in group.files]
    values = list(zip(*(row for row in found if row[error] is None), strict=True)) or [()] * len(types)
    columns = zip(types.items(), values, strict=True)
    table = pa.table({name: _array(type_, column) for (name, type_), column in columns if name != _ERROR})
    with pa.OSFile(str(to), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _profile(group: MediaGroup, rows: Mapping[Oid, Sequence[Measured]], private: frozenset[str]) -> CollectionProfile:
    error = list(TYPES[group.kind]).index(_ERROR)
    found = [(file, rows[file.oid]) for file in group.files]
    unreadable = [Unreadable(path_text(file.path), str(row[error])) for file, row in found if row[error] is not None]
    scanned = _scanned(group.kind, [row for _, row in found if row[error] is None], private)
    return CollectionProfile(
        group.name,
        group.kind,
        rows=scanned.rows,
        files=len(found),
        bytes=sum(file.size for file, _ in found),
        columns=scanned.columns,
        unreadable=tuple(unreadable[:UNREADABLE_MAX]),
        unreadable_count=len(unreadable),
        parts=scanned.parts,
    )


def _scanned(kind: CollectionKind, rows: Sequence[Sequence[Measured]], private: frozenset[str]) -> ScannedColumns:
    """The columns of readable files: all measurements but the error."""
    names = [name for name in TYPES[kind] if name != _ERROR]
    scan = TableScan(ProfileSettings(private), expected_rows=len(rows), columns=len(names))
    scan.add_columns(names, [None] * len(names))
    columns = dict(zip(TYPES[kind], zip(*rows, strict=True), strict=True)) if rows else {}
    if rows:
        scan.add([_array(TYPES[kind][name], columns[name]) for name in names], len(rows))
    return scan.finish()


def _array(type_: MeasurementType, values: Sequence[Measured]) -> Array:
    import pyarrow as pa

    types = {
        MeasurementType.COUNT: pa.int64(),
        MeasurementType.NUMBER: pa.float64(),
        MeasurementType.TEXT: pa.string(),
    }
    return pa.array(values, types[type_])
