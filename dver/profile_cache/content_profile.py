"""Making the profile of content that has none: only new files are read, everything else is merged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.progress import Progress
from dver.formats import profile as profile_format
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.formats.profile import Profile
from dver.formats.tree import Entry, Kind
from dver.profile_cache.data_content import DataContent, file_on_disk
from dver.profile_cache.file_profiles import (
    BLOCKS,
    FILES,
    GROUPS,
    MERGED,
    command,
    content_format,
    directory_profiles,
)
from dver.profile_cache.kept_objects import RESULT, keep
from dver.profile_cache.media_profiles import KINDS, MediaProfiles, collection_plan
from dver.profile_cache.result_objects import ResultObjects, StoredObjects, UnstoredObjects
from dver.profile_cache.table_profiles import TableFiles, TableProfiles, encode_groups, readable_files
from dver.profiles.media.collections import kind_of
from dver.profiles.settings import ProfileSettings
from dver.profiles.tables import profile_table
from dver.repo import Repository
from dver.store.trees.edit import directory_entry
from dver.store.writer import StoreWriter


@dataclass(frozen=True, slots=True)
class MadeProfile:
    """A profile, and the number of files that were read for it."""

    profile: Profile
    scanned_files: int
    item: LockedItem
    """The result to keep."""
    table_files: TableFiles | None = None
    """The tables of each collection, of a directory."""
    unstored: UnstoredObjects | None = None
    """Its objects, if they are not in the store."""


def command_for(data: DataContent) -> str:
    """The command of the entry with the profile of `data`."""
    return command(content_format(data.entry, data.path))


def make_profile(
    repo: Repository, data: DataContent, private: frozenset[str], *, stores: bool, progress: Progress
) -> MadeProfile:
    """The profile of `data`, whose files are in the workspace or in the store. With `stores`, it is kept, if the store
    can be written to.

    Raises MissingObjectError for files that are neither here nor known, and the errors of the profiler for a file.
    """
    make = _make_directory if data.entry.kind is Kind.DIRECTORY else _make_file
    made: MadeProfile | None = None

    def write(writer: StoreWriter) -> LockedItem:
        nonlocal made
        made = make(repo, data, private, StoredObjects(repo, writer), progress)
        return made.item

    if stores:
        keep(repo, command_for(data), data.entry, write, path=data.path)
    if made is None:
        unstored = UnstoredObjects(repo)
        made = replace(make(repo, data, private, unstored, progress), unstored=unstored)
    return made


def keep_made(repo: Repository, made_by: str, content: Entry, made: MadeProfile, *, path: bytes) -> bool:
    """Keep a profile that was made without storing it. Returns False if the store cannot be written to."""

    def write(writer: StoreWriter) -> LockedItem:
        if made.unstored is not None:
            made.unstored.store(writer)
        return made.item

    return keep(repo, made_by, content, write, path=path)


def _make_file(
    repo: Repository, data: DataContent, private: frozenset[str], objects: ResultObjects, progress: Progress
) -> MadeProfile:
    ((name, entry),) = data.files()
    if kind_of(name) in KINDS:
        return _make_media_file(repo, data, private, objects, progress)
    with (
        file_on_disk(repo, data, name, entry) as file,
        progress.task("profile", total=entry.size) as task,
    ):
        profile = profile_table(Path(os.fsdecode(file)), repo.layout.shown(data.path), ProfileSettings(private))
        task.advance(entry.size)
    return MadeProfile(profile, 1, _blob(objects, profile_format.encode(profile)))


def _make_media_file(
    repo: Repository, data: DataContent, private: frozenset[str], objects: ResultObjects, progress: Progress
) -> MadeProfile:
    plan = collection_plan(data)
    with progress.task("profile", total=data.entry.size) as task:
        media = MediaProfiles(repo, data, private, task)
        profile = Profile(tuple(media.collections(plan, directory_profiles(repo, data.path))))
    return MadeProfile(profile, media.measured, _blob(objects, profile_format.encode(profile)))


def _make_directory(
    repo: Repository, data: DataContent, private: frozenset[str], objects: ResultObjects, progress: Progress
) -> MadeProfile:
    plan = collection_plan(data)
    known = directory_profiles(repo, data.path)
    with progress.task("profile", total=plan.size) as task:
        media = MediaProfiles(repo, data, private, task)
        collections = list(media.collections(plan, known))  # before tables, whose library starts threads
        tables = TableProfiles(repo, data, private, objects, task)
        collections += tables.collections(plan.tables, known)
    profile = Profile(tuple(sorted(collections, key=lambda one: one.name)), ignored=plan.ignored)
    contents = {MERGED: profile_format.encode(profile), **media.contents()}
    below: dict[bytes, Sequence[Entry]] = {}
    if plan.tables:
        contents[GROUPS] = encode_groups(tables.grouped)
        below = {FILES: tables.files(), BLOCKS: tables.blocks()}
    parts = [_file(objects, name, content) for name, content in contents.items()]
    parts += [directory_entry(name, entries, objects.add_tree) for name, entries in below.items() if entries]
    whole = directory_entry(b"", sorted(parts, key=lambda one: one.name), objects.add_tree)
    item = LockedItem(RESULT, ObjectKind.TREE, whole.oid, whole.size, whole.files)
    return MadeProfile(profile, tables.scanned + media.measured, item, readable_files(tables.grouped))


def _blob(objects: ResultObjects, content: bytes) -> LockedItem:
    return LockedItem(RESULT, ObjectKind.BLOB, objects.add_blob(content), len(content))


def _file(objects: ResultObjects, name: bytes, content: bytes) -> Entry:
    return Entry(name, Kind.FILE, objects.add_blob(content), len(content))
