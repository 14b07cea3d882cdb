"""The windows of live data, each with its profile and its time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import ConflictError, CorruptError, UsageError
from dver.core.hashing import hash_file
from dver.core.oid import Oid
from dver.core.phrasing import join_limited, quoted
from dver.formats.profile import ColumnType, Profile
from dver.monitoring.column_names import unknown_column
from dver.monitoring.live_tables import TablePart, new_directory, split_tables, tables_at
from dver.monitoring.request import MonitorRequest
from dver.monitoring.scored_rows import TableFile
from dver.monitoring.window_rule import WindowRule, time_text
from dver.profile_cache.privacy import private_columns
from dver.profile_cache.profiles import NoProfileError, profile_of
from dver.profiles.settings import ProfileSettings
from dver.profiles.tables import profile_table
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """Live data of a time."""

    id: str
    start: str
    end: str
    rows: int
    sources: tuple[str, ...]
    profile: Profile
    columns: frozenset[str]
    """Their names, also when the profile is no longer needed."""
    tables: tuple[TableFile, ...]
    """The files that have its rows; other windows may have rows of them, too."""
    number: int = 0
    """Of the window in these files, as its rule counts them."""
    data: Oid | None = None
    notes: tuple[str, ...] = ()


def find_windows(
    repo: Repository,
    live: Sequence[str],
    request: MonitorRequest,
    *,
    cwd: Path,
    scratch: Path,
) -> Iterator[LiveWindow]:
    """The windows of the files and directories `live`, typed in `cwd`: one each, or those of the request's rule.

    The time of a window is that of the request; or else it is from the column with times; or else it is when the newest
    file was modified.
    """
    rule, time, at = request.rule, request.time, request.at
    _refuse_missing(live, cwd)
    if rule is None:
        for one in live:
            yield _whole(repo, one, time, at, cwd)
        return
    _refuse_repeated(live, cwd)
    sources = tuple(_source(repo, one, cwd) for one in live)
    tables = tuple(table for one in live for table in tables_at(cwd / one, one))
    if not tables:
        raise UsageError(
            f"{join_limited(list(live), 2)!r} is not a table",
            why="only rows of tables can be divided into windows",
            fix="leave --window out, or name CSV, Parquet or JSONL files",
        )
    given = at or _modified([cwd / one for one in live])
    settings = ProfileSettings(private_columns(repo))
    notes: tuple[str, ...] = ()
    with new_directory(scratch, "windows") as folder:
        for part in split_tables(tables, rule, time, folder):
            if isinstance(part, int):
                notes = (f"{part:,} rows without a time were left out",) if part else ()
                continue
            profile = profile_table(part.file.path, part.file.name, settings)
            start, end = _part_times(part, rule, profile, time, given, join_limited(list(live), 2))
            id_ = rule.id_of(part.number, part.first_row)
            yield LiveWindow(
                id_, start, end, part.rows, sources, profile, _names(profile), tables, part.number, notes=notes
            )
            notes = ()


def _refuse_missing(live: Sequence[str], cwd: Path) -> None:
    for one in live:
        if "://" in one:
            raise UsageError(
                f"{one!r} is not a file of this machine",
                why="live data is read from files and directories",
                fix=f"dver import-url {quoted(one)}; then name the data that it downloads",
            )
        if not (cwd / one).exists():
            raise UsageError(f"no live data at {one!r}", why="it does not exist", fix="name a file or a directory")


def _refuse_repeated(live: Sequence[str], cwd: Path) -> None:
    """Raise UsageError for a path that is named twice, or is in a directory that is named: its rows count once."""
    known: dict[Path, str] = {}
    for one in live:
        path = (cwd / one).resolve()
        if path in known:
            raise UsageError(
                f"{one!r} is named twice", why=f"it is the same as {known[path]!r}", fix="name each path once"
            )
        known[path] = one
    for path, one in known.items():
        above = next((known[parent] for parent in path.parents if parent in known), None)
        if above is not None:
            raise UsageError(f"{one!r} is named twice", why=f"{above!r} contains it", fix="name one of the two")


def _whole(repo: Repository, one: str, time: str | None, at: str | None, cwd: Path) -> LiveWindow:
    profile, oid = _profiled(repo, one, cwd)
    rows = sum(part.rows for part in profile.collections)
    if not rows:
        unreadable = [file for part in profile.collections for file in part.unreadable]
        if unreadable:
            raise CorruptError(f"{one!r} cannot be read", why=f"{unreadable[0].path}: {unreadable[0].why}")
        raise UsageError(f"{one!r} has no rows", why="there is nothing to compare", fix="name live data")
    if at is not None:
        start, end = at, at
    elif time is not None:
        start, end = _times_in(profile, time, one)
    else:
        start = end = _modified([cwd / one])
    tables = tables_at(cwd / one, one)
    return LiveWindow(
        str(oid), start, end, rows, (_source(repo, one, cwd),), profile, _names(profile), tables, data=oid
    )


def _source(repo: Repository, one: str, cwd: Path) -> str:
    """The path of live data for the history: relative to the top of the worktree, or if it is outside as typed."""
    top = os.path.realpath(repo.git.worktree)
    found = os.path.relpath(os.path.join(os.path.realpath(cwd), one), top)
    return one if found.startswith(os.pardir) else found


def _profiled(repo: Repository, one: str, cwd: Path) -> tuple[Profile, Oid]:
    """The profile of live data and its oid. That of a file outside of the project is not kept."""
    path = cwd / one
    if path.resolve().is_relative_to(repo.root.resolve()) or path.is_dir():
        try:
            found = profile_of(repo, one, cwd=cwd)
        except NoProfileError as error:  # the file is here, but no longer with the content that was hashed
            raise _changed(one) from error
        return found.profile, found.oid
    with open(path, "rb") as file:
        oid = hash_file(file.fileno())
        profile = profile_table(path, one, ProfileSettings(private_columns(repo)))
        file.seek(0)
        if hash_file(file.fileno()) != oid:
            raise _changed(one)
    return profile, oid


def _changed(one: str) -> ConflictError:
    return ConflictError(
        f"{one!r} changed while it was read",
        why="another program writes to it",
        fix="run the same command again when it is complete",
    )


def _names(profile: Profile) -> frozenset[str]:
    return frozenset(column.name for part in profile.collections for column in part.columns)


def _part_times(
    part: TablePart, rule: WindowRule, profile: Profile, time: str | None, given: str, shown: str
) -> tuple[str, str]:
    """The times of a window: of a unit, its beginning and its newest data."""
    if time is None:
        return given, given
    start, end = _times_in(profile, time, shown)
    return (time_text(part.number) if rule.unit is not None else start), end


def _times_in(profile: Profile, column: str, shown: str) -> tuple[str, str]:
    """The oldest and the newest time in a column."""
    columns = [one for part in profile.collections for one in part.columns]
    found = [one for one in columns if one.name == column]
    times = [one.numbers for one in found if one.type is ColumnType.TIME and one.numbers is not None]
    if times:
        return time_text(min(one.minimum for one in times)), time_text(max(one.maximum for one in times))
    if not found:
        raise unknown_column(column, [one.name for one in columns], "time", shown=repr(shown))
    raise UsageError(
        f"the column {column!r} of {shown!r} has no times",
        why=f"its type is {found[0].type.value}",
        fix="name another: --time COLUMN",
    )


def _modified(paths: Sequence[Path]) -> str:
    """When the newest file at or below `paths` was modified."""
    newest = 0.0
    for path in paths:
        below = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
        newest = max([newest, path.stat().st_mtime, *(one.lstat().st_mtime for one in below)])
    return time_text(newest)
