"""The profiles of the tables of a directory: each file is scanned once, and like tables are merged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from dver.core.batches import batched
from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats import profile as profile_format
from dver.formats.profile import CollectionKind, CollectionProfile, Profile, Unreadable
from dver.formats.tree import Entry, Kind
from dver.profile_cache.data_content import DataContent, file_on_disk
from dver.profile_cache.file_profiles import (
    GROUPS,
    MERGED,
    DirectoryProfile,
    KnownFile,
    directory_profiles,
    file_name,
    format_of,
    known_files,
)
from dver.profile_cache.kept_objects import read_blob
from dver.profile_cache.privacy import fits, has_stale, redacted
from dver.profiles.media.collections import ListedFile, TableGroup, group_tables
from dver.profiles.merging import merge_collections
from dver.profiles.settings import ProfileSettings
from dver.profiles.tables import profile_table
from dver.repo import Repository
from dver.store.writer import StoreWriter

_AT_ONCE: Final = 32
"""Profiles that are merged together: those of a thousand files would not fit in memory."""
_UNREADABLE_MAX: Final = 20


class Grouped(NamedTuple):
    """What was merged: the columns of each file's profile, and the files of each collection."""

    columns: dict[bytes, tuple[str, ...] | None]
    """By the name of the file's profile."""
    groups: dict[str, tuple[tuple[bytes, bytes], ...]]
    """Path and name of each file's profile."""


TableFiles: TypeAlias = Mapping[str, frozenset[bytes]]
"""The paths of the readable tables of each collection, relative to the directory."""


class TableProfiles:
    """Profiles the tables of `data`. `writer` stores the profiles of single files; without it, nothing is stored.

    `made` are encoded profiles of single files that were made before without a writer.
    """

    def __init__(
        self,
        repo: Repository,
        data: DataContent,
        private: frozenset[str],
        writer: StoreWriter | None,
        task: Task,
        made: Mapping[bytes, bytes],
    ) -> None:
        self._repo = repo
        self._data = data
        self._private = private
        self._writer = writer
        self._task = task
        self._made = made
        self._stored: dict[bytes, KnownFile] = {}
        self._in_memory: dict[bytes, bytes] = {}
        self._columns: dict[bytes, tuple[str, ...] | None] = {}
        self.scanned = 0
        """Files that were read."""
        self.grouped = Grouped({}, {})

    def collections(
        self, files: Sequence[ListedFile], known: Sequence[DirectoryProfile]
    ) -> Iterator[CollectionProfile]:
        """The collections of `files`. `known` are the profiles of other versions, the nearest first."""
        names = {file.path: file_name(file.oid, format_of(file.path)) for file in files}
        base = self._base(known)
        self._stored = known_files(self._repo, known, set(names.values()))
        if base is not None:
            self._columns.update({name: said for name, said in base[1].columns.items() if name in self._stored})
        entries = {file.path: Entry(os.path.basename(file.path), Kind.FILE, file.oid, file.size) for file in files}
        for path, name in names.items():
            if name not in self._columns:
                self._columns[name] = self._columns_of(path, name, entries[path])
            self._task.advance(entries[path].size)
        groups = group_tables({path: self._columns[name] for path, name in names.items()})
        self.grouped = Grouped(
            {name: self._columns[name] for name in names.values()},
            {group.name: tuple((path, names[path]) for path in group.paths) for group in groups},
        )
        for group in groups:
            yield self._merged(group, entries, base)

    @property
    def unstored(self) -> Mapping[bytes, bytes]:
        """The encoded profiles of the files that were read, if there is no writer."""
        return self._in_memory if self._writer is None else {}

    def entries(self) -> list[Entry]:
        """The entries of the directory with the profiles of single files."""
        return [
            Entry(name, Kind.FILE, one.oid, one.size)
            for name, one in sorted(self._stored.items())
            if name in self.grouped.columns
        ]

    def _base(self, known: Sequence[DirectoryProfile]) -> tuple[Profile, Grouped] | None:
        """The nearest version whose merged profile can be reused, and what was merged."""
        for one in known[:4]:
            merged, groups = one.parts.get(MERGED), one.parts.get(GROUPS)
            if merged is None or groups is None:
                continue
            content, said = read_blob(self._repo, merged.oid), read_blob(self._repo, groups.oid)
            if content is None or said is None:
                continue
            with suppress(CorruptError):
                profile = profile_format.decode(content)
                if fits(profile, self._private):
                    return profile, decode_groups(said)
        return None

    def _columns_of(self, path: bytes, name: bytes, entry: Entry) -> tuple[str, ...] | None:
        profile = self._load(name)
        if profile is None or has_stale(profile, self._private):
            profile = self._decoded(self._made.get(name)) or self._scan(path, entry)
            self._keep(name, profile)
        elif not fits(profile, self._private):
            profile = redacted(profile, self._private)
            self._keep(name, profile)
        table = profile.table
        return None if table is None or not table.columns else tuple(one.name for one in table.columns)

    def _scan(self, path: bytes, entry: Entry) -> Profile:
        with file_on_disk(self._repo, self._data, path, entry) as file:
            self.scanned += 1
            try:
                return profile_table(Path(os.fsdecode(file)), _shown(path), ProfileSettings(self._private))
            except CorruptError as error:
                why = f"{error.what}: {error.why}" if error.why else error.what
                return _unreadable(entry, why)

    def _load(self, name: bytes) -> Profile | None:
        content = self._in_memory.get(name)
        if content is None and name in self._stored:
            content = read_blob(self._repo, self._stored[name].oid)
        return self._decoded(content)

    def _decoded(self, content: bytes | None) -> Profile | None:
        with suppress(CorruptError):
            return profile_format.decode(content) if content is not None else None
        return None

    def _keep(self, name: bytes, profile: Profile) -> None:
        content = profile_format.encode(profile)
        self._in_memory[name] = content
        if self._writer is not None:
            oid, size = self._writer.add_blob([content])
            self._stored[name] = KnownFile(oid, size)
            if len(self._in_memory) > _AT_ONCE:
                self._writer.finish()
                self._in_memory.clear()

    def _merged(
        self, group: TableGroup, entries: Mapping[bytes, Entry], base: tuple[Profile, Grouped] | None
    ) -> CollectionProfile:
        files = self.grouped.groups[group.name]
        start, rest = None, list(files)
        if base is not None:
            old = next((one for one in base[0].collections if one.name == group.name), None)
            before = set(base[1].groups.get(group.name, ()))
            if old is not None and before and before <= set(files):
                start, rest = old, [one for one in files if one not in before]
        return self._merge(group.name, start, rest, entries)

    def _merge(
        self,
        name: str,
        start: CollectionProfile | None,
        files: Sequence[tuple[bytes, bytes]],
        entries: Mapping[bytes, Entry],
    ) -> CollectionProfile:
        """The profile of `start` and `files`: path, and name of the profile."""
        merged = [replace(start, name="")] if start is not None else []
        unreadable = list(start.unreadable) if start is not None else []
        count = start.unreadable_count if start is not None else 0
        size = (start.bytes if start is not None else 0) + sum(entries[path].size for path, _ in files)
        number = (start.files if start is not None else 0) + len(files)
        for batch in batched(files, _AT_ONCE):
            for path, profile_name in batch:
                profile = self._load(profile_name)
                if profile is None:
                    raise MissingObjectError("the profile of a file was deleted meanwhile", fix="run the command again")
                table = profile.collections[0]
                if table.columns:
                    merged.append(table)
                else:
                    count += 1
                    unreadable += [Unreadable(_shown(path), one.why) for one in table.unreadable]
            merged = [merge_collections(merged)] if len(merged) > 1 else merged
        first = merged[0] if merged else CollectionProfile("", CollectionKind.TABLE, 0, 0, 0, ())
        listed = tuple(sorted(unreadable, key=lambda one: one.path)[:_UNREADABLE_MAX])
        return replace(first, name=name, files=number, bytes=size, unreadable=listed, unreadable_count=count)


def readable_files(grouped: Grouped) -> TableFiles:
    """The paths of the readable tables of each collection."""
    return {
        name: frozenset(path for path, file in files if grouped.columns.get(file) is not None)
        for name, files in grouped.groups.items()
    }


def stored_table_files(repo: Repository, path: bytes, content: Oid) -> TableFiles | None:
    """The tables of each collection of the directory `content` at `path`; None if its profile is not stored."""
    for one in directory_profiles(repo, path):
        groups = one.parts.get(GROUPS)
        said = read_blob(repo, groups.oid) if groups is not None and one.kept.content == content else None
        with suppress(CorruptError):
            if said is not None:
                return readable_files(decode_groups(said))
    return None


def _unreadable(entry: Entry, why: str) -> Profile:
    found = (Unreadable(_shown(entry.name), why),)
    return Profile(
        (CollectionProfile("", CollectionKind.TABLE, 0, 1, entry.size, (), unreadable=found, unreadable_count=1),)
    )


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


# -- what was merged


def encode_groups(grouped: Grouped) -> bytes:
    """The bytes of `grouped`: JSON with sorted keys."""
    sets = sorted({said for said in grouped.columns.values() if said is not None})
    numbers = {said: number for number, said in enumerate(sets)}
    said = {
        "columns": [list(one) for one in sets],
        "files": {name.decode(): None if one is None else numbers[one] for name, one in grouped.columns.items()},
        "groups": {
            name: [[os.fsdecode(path), file.decode()] for path, file in files] for name, files in grouped.groups.items()
        },
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def decode_groups(content: bytes) -> Grouped:
    """Decode `encode_groups`. Raises CorruptError."""
    try:
        said = json.loads(content)
        sets = [tuple(map(str, one)) for one in said["columns"]]
        columns = {name.encode(): None if at is None else sets[at] for name, at in said["files"].items()}
        groups = {
            name: tuple((os.fsencode(path), file.encode()) for path, file in files)
            for name, files in said["groups"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise CorruptError("a damaged list of merged profiles") from error
    return Grouped(columns, groups)
