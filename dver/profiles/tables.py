"""The profile of one table in a file."""

from __future__ import annotations

from pathlib import Path

from dver.core.errors import UsageError
from dver.formats.profile import CollectionKind, CollectionProfile, Profile
from dver.profiles.compaction import compact
from dver.profiles.reading.plain import TextFile
from dver.profiles.scan.rows import ScannedColumns
from dver.profiles.settings import EVERYTHING, ProfileSettings
from dver.tables.suffixes import ARROW, DELIMITERS, FORMATS, JSON_LINES, PARQUET, is_table_file, table_suffixes


def is_typed_table(name: str) -> bool:
    """Does the suffix of `name` name a table whose columns have types, and can be read one by one?"""
    kind, compression = table_suffixes(name)
    return kind in (*PARQUET, *ARROW) and not compression


def profile_table(
    path: Path, name: str, settings: ProfileSettings = EVERYTHING, *, processes: int | None = None
) -> Profile:
    """The profile of the table in the file `path`, in one pass and bounded memory. It has one collection, named "".

    The suffix of `name` decides about the format, and errors name it. Two processes share the columns of large Parquet
    and Arrow files, unless `processes` is 1 or there is one processor; the profile does not depend on it.

    Raises UsageError for another suffix or without the extra `data`, CorruptError (with the row) for a file that
    cannot be read, FileNotFoundError and other errors of the disk.
    """
    if not is_table_file(name):
        suffixes = ", ".join(FORMATS)
        raise UsageError(f"{name!r} is not a table", why=f"profiles are made of {suffixes}", fix="name another file")
    require_libraries()
    found = _scanned(path, name, settings, processes)
    table = CollectionProfile(
        "", CollectionKind.TABLE, found.rows, 1, path.stat().st_size, found.columns, parts=found.parts
    )
    return Profile((compact(table),))


def require_libraries() -> None:
    """Raise UsageError if the extra `data` is missing."""
    try:
        import numpy  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "profiles need the extra `data`", why=f"{error.name} is not installed", fix='pip install "dver[data]"'
        ) from error


def _scanned(path: Path, name: str, settings: ProfileSettings, processes: int | None) -> ScannedColumns:
    kind, compression = table_suffixes(name)
    if is_typed_table(name):
        from dver.profiles.sharing_columns import scan_shared

        return scan_shared(path, name, settings, processes)
    if kind in JSON_LINES:
        from dver.profiles.reading.json_lines import scan_json_lines

        return scan_json_lines(TextFile(path, name, compression), settings)
    from dver.profiles.reading.delimited import scan_delimited

    return scan_delimited(TextFile(path, name, compression), settings, DELIMITERS[kind])
