"""Making the profile of content that has none: only new files are read, everything else is merged."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.formats import profile as profile_format
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.formats.profile import Profile
from dver.formats.tree import Entry, Kind, write_directory
from dver.profile_cache.data_content import DataContent, file_on_disk
from dver.profile_cache.file_profiles import (
    DIRECTORY,
    FILES,
    GROUPS,
    MERGED,
    command,
    directory_profiles,
    format_of,
)
from dver.profile_cache.kept_objects import RESULT, keep
from dver.profile_cache.media_profiles import KINDS, MediaProfiles, collection_plan
from dver.profile_cache.table_profiles import TableFiles, TableProfiles, encode_groups, readable_files
from dver.profiles.media.collections import kind_of
from dver.profiles.settings import ProfileSettings
from dver.profiles.tables import profile_table
from dver.repo import Repository
from dver.store.writer import StoreWriter

_NONE: Final[Mapping[bytes, bytes]] = MappingProxyType({})
_UNSTORED: Final = Oid(bytes(32))
"""Stands for the oid of an object that is not stored."""


@dataclass(frozen=True, slots=True)
class MadeProfile:
    """A profile, and the number of files that were read for it."""

    profile: Profile
    scanned_files: int
    table_files: TableFiles | None = None
    """The tables of each collection, of a directory."""
    files: Mapping[bytes, bytes] = field(default_factory=dict)
    """Encoded profiles of the tables of a directory, and measurements of its media, that were not stored."""


def command_for(data: DataContent) -> str:
    """The command of the entry with the profile of `data`."""
    return command(DIRECTORY if data.entry.kind is Kind.DIRECTORY else format_of(data.path))


def make_profile(
    repo: Repository,
    data: DataContent,
    private: frozenset[str],
    *,
    stores: bool,
    progress: Progress,
    files: Mapping[bytes, bytes] = _NONE,
) -> MadeProfile:
    """The profile of `data`, whose files are in the workspace or in the store. With `stores`, it is kept, if the store
    can be written to. `files` are those of a profile that was made before without being stored.

    Raises MissingObjectError for files that are neither here nor known, and the errors of the profiler for a file.
    """
    make = partial(_make_directory, files) if data.entry.kind is Kind.DIRECTORY else _make_file
    made: MadeProfile | None = None

    def write(writer: StoreWriter) -> LockedItem:
        nonlocal made
        made, item = make(repo, data, private, writer, progress)
        return item

    if stores:
        keep(repo, command_for(data), data.entry, write, path=data.path)
    if made is None:
        made, _ = make(repo, data, private, None, progress)
    return made


def keep_made(repo: Repository, data: DataContent, profile: Profile, files: Mapping[bytes, bytes]) -> bool:
    """Keep a `profile` that was made without storing it. That of a directory is merged again, from the profiles of its
    `files`."""
    if data.entry.kind is Kind.DIRECTORY:
        private = frozenset(c.name for one in profile.collections for c in one.columns if c.private)
        make_profile(repo, data, private, stores=True, progress=SILENT, files=files)
        return True
    content = profile_format.encode(profile)
    return keep(repo, command_for(data), data.entry, lambda writer: _blob(writer, content), path=data.path)


def _make_file(
    repo: Repository, data: DataContent, private: frozenset[str], writer: StoreWriter | None, progress: Progress
) -> tuple[MadeProfile, LockedItem]:
    ((name, entry),) = data.files()
    if kind_of(name) in KINDS:
        return _make_media_file(repo, data, private, writer, progress)
    with (
        file_on_disk(repo, data, name, entry) as file,
        progress.task("profile", total=entry.size) as task,
    ):
        profile = profile_table(Path(os.fsdecode(file)), repo.layout.shown(data.path), ProfileSettings(private))
        task.advance(entry.size)
    item = _blob(writer, profile_format.encode(profile))
    return MadeProfile(profile, 1), item


def _make_media_file(
    repo: Repository, data: DataContent, private: frozenset[str], writer: StoreWriter | None, progress: Progress
) -> tuple[MadeProfile, LockedItem]:
    plan = collection_plan(data)
    with progress.task("profile", total=data.entry.size) as task:
        media = MediaProfiles(repo, data, private, task)
        profile = Profile(tuple(media.collections(plan, directory_profiles(repo, data.path))))
    item = _blob(writer, profile_format.encode(profile))
    return MadeProfile(profile, media.measured), item


def _make_directory(
    files: Mapping[bytes, bytes],
    repo: Repository,
    data: DataContent,
    private: frozenset[str],
    writer: StoreWriter | None,
    progress: Progress,
) -> tuple[MadeProfile, LockedItem]:
    plan = collection_plan(data)
    known = directory_profiles(repo, data.path)
    with progress.task("profile", total=plan.size) as task:
        media = MediaProfiles(repo, data, private, task, files)
        collections = list(media.collections(plan, known))  # before tables, whose library starts threads
        tables = TableProfiles(repo, data, private, writer, task, files)
        collections += tables.collections(plan.tables, known)
    profile = Profile(tuple(sorted(collections, key=lambda one: one.name)), ignored=plan.ignored)
    parts = {MERGED: _entry(MERGED, _blob(writer, profile_format.encode(profile)))}
    parts.update((name, _entry(name, _blob(writer, content))) for name, content in media.contents().items())
    if plan.tables:
        parts[GROUPS] = _entry(GROUPS, _blob(writer, encode_groups(tables.grouped)))
        parts[FILES] = _directory(writer, FILES, tables.entries())
    item = _tree(writer, [parts[name] for name in sorted(parts)])
    unstored = {**tables.unstored, **media.contents()} if writer is None else {}
    return MadeProfile(profile, tables.scanned + media.measured, readable_files(tables.grouped), unstored), item


def _blob(writer: StoreWriter | None, content: bytes) -> LockedItem:
    oid, size = writer.add_blob([content]) if writer is not None else (_UNSTORED, len(content))
    return LockedItem(RESULT, ObjectKind.BLOB, oid, size)


def _tree(writer: StoreWriter | None, entries: Sequence[Entry]) -> LockedItem:
    emit = writer.add_tree if writer is not None else lambda oid, content: None
    oid = write_directory(entries, emit)
    size, files = sum(one.size for one in entries), sum(one.files for one in entries)
    return LockedItem(RESULT, ObjectKind.TREE, oid, size, files)


def _entry(name: bytes, item: LockedItem) -> Entry:
    return Entry(name, Kind.FILE, item.oid, item.size)


def _directory(writer: StoreWriter | None, name: bytes, entries: Sequence[Entry]) -> Entry:
    item = _tree(writer, entries)
    return Entry(name, Kind.DIRECTORY, item.oid, item.size, item.files)
