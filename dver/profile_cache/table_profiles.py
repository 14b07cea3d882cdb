"""The profiles of the tables of a directory: each file is scanned once, and like tables are merged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from dver.core.batches import batched_by_size
from dver.core.errors import CorruptError, MissingObjectError
from dver.core.garbage_collector import collector_paused
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats import profile as profile_format
from dver.formats.profile import CollectionKind, CollectionProfile, Profile, Unreadable
from dver.formats.tree import Entry, Kind
from dver.profile_cache.data_content import DataContent, copies_on_disk, unchanged_in_workspace
from dver.profile_cache.file_profiles import (
    BLOCKS,
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
from dver.profile_cache.result_objects import ResultObjects
from dver.profiles.media.collections import ListedFile, TableGroup, group_tables
from dver.profiles.merging import merge_as_one_part, merge_collections
from dver.profiles.settings import ProfileSettings
from dver.profiles.sharing_files import UnprofiledFile, profile_files
from dver.repo import Repository

_VERSIONS: Final = 4
"""The most profiles of other versions that are searched for what was merged."""
_COPIES: Final = 1 << 30
"""Bytes of files that are copied from the store at a time, unless one file has more."""
_BLOCKS: Final = 40
"""The least number of blocks, about: twice that of parts in a profile, so that parts have about the same size."""
_BLOCK_MAX: Final = 64
"""The most files of a block on average."""


class Grouped(NamedTuple):
    """What was merged: the columns of each file's profile, and the files of each collection."""

    columns: dict[bytes, tuple[str, ...] | None]
    """By the name of the file's profile."""
    groups: dict[str, tuple[tuple[bytes, bytes], ...]]
    """Path and name of each file's profile."""


TableFiles: TypeAlias = Mapping[str, frozenset[bytes]]
"""The paths of the readable tables of each collection, relative to the directory."""


class TableProfiles:
    """Profiles the tables of `data`. `objects` takes the profiles of single files, and of blocks of them."""

    def __init__(
        self, repo: Repository, data: DataContent, private: frozenset[str], objects: ResultObjects, task: Task
    ) -> None:
        self._repo = repo
        self._data = data
        self._private = private
        self._objects = objects
        self._task = task
        self._files: dict[bytes, KnownFile] = {}
        self._blocks: dict[bytes, KnownFile] = {}
        self._merged_blocks: dict[bytes, KnownFile] = {}
        self._columns: dict[bytes, tuple[str, ...] | None] = {}
        self.scanned = 0
        """Files that were read."""
        self.grouped = Grouped({}, {})

    def collections(
        self, files: Sequence[ListedFile], known: Sequence[DirectoryProfile]
    ) -> Iterator[CollectionProfile]:
        """The collections of `files`. `known` are the profiles of other versions, the nearest first."""
        names = {file.path: file_name(file.oid, format_of(file.path)) for file in files}
        self._files = known_files(self._repo, known, set(names.values()))
        self._learn(known)
        missing = self._missing(names.values())
        new: dict[bytes, ListedFile] = {}
        for file in files:
            if names[file.path] in missing:
                new.setdefault(names[file.path], file)
        self._task.advance(sum(file.size for file in files) - sum(file.size for file in new.values()))
        self._scan(new)
        groups = group_tables({path: self._columns[name] for path, name in names.items()})
        self.grouped = Grouped(
            {name: self._columns[name] for name in names.values()},
            {group.name: tuple((path, names[path]) for path in group.paths) for group in groups},
        )
        for group in groups:
            yield self._merged(group)

    def files(self) -> list[Entry]:
        """The entries of the directory with the profiles of single files."""
        return _entries({name: one for name, one in self._files.items() if name in self.grouped.columns})

    def blocks(self) -> list[Entry]:
        """The entries of the directory with the profiles of blocks."""
        return _entries(self._merged_blocks)

    def _learn(self, known: Sequence[DirectoryProfile]) -> None:
        """Take the columns of files and the profiles of blocks from other versions with the same private columns."""
        for one in known[:_VERSIONS]:
            merged, groups = one.parts.get(MERGED), one.parts.get(GROUPS)
            content = read_blob(self._repo, merged.oid) if merged is not None else None
            said = read_blob(self._repo, groups.oid) if groups is not None else None
            if content is None or said is None:
                continue
            with suppress(CorruptError, MissingObjectError):
                if not fits(profile_format.decode(content), self._private):
                    continue
                for name, columns in decode_groups(said).columns.items():
                    if name in self._files:
                        self._columns.setdefault(name, columns)
                blocks = one.parts.get(BLOCKS)
                for entry in self._repo.store.tree(blocks.oid) if blocks is not None else ():
                    self._blocks.setdefault(entry.name, KnownFile(entry.oid, entry.size))

    def _missing(self, names: Iterable[bytes]) -> set[bytes]:
        """Those of the profiles `names` that are to be made. Notes the columns of the others."""
        missing = set()
        for name in names:
            if name in self._columns or name in missing:
                continue
            profile = self._load(self._files.get(name))
            if profile is None or has_stale(profile, self._private):
                missing.add(name)
                continue
            if not fits(profile, self._private):
                profile = redacted(profile, self._private)
                self._files[name] = self._add(profile)
            table = profile.collections[0]
            self._columns[name] = tuple(one.name for one in table.columns) or None
        return missing

    def _scan(self, new: Mapping[bytes, ListedFile]) -> None:
        """Profile files, by the names of their profiles: of the workspace, and those that are only in the store."""
        if not new:
            return
        self.scanned = len(new)
        with unchanged_in_workspace(self._repo, self._data, {file.oid: file for file in new.values()}) as here:
            self._profile({name: file for name, file in new.items() if file.oid in here}, here)
        stored = [(name, file) for name, file in new.items() if file.oid not in here]
        for batch in batched_by_size(stored, lambda one: one[1].size, _COPIES):
            with copies_on_disk(self._repo, [(file.path, file.oid) for _, file in batch]) as copies:
                self._profile(dict(batch), copies)

    def _profile(self, new: Mapping[bytes, ListedFile], places: Mapping[Oid, bytes]) -> None:
        """Profile files, which are on disk at `places`."""
        tables = {UnprofiledFile(places[file.oid], _shown(file.path), file.size): name for name, file in new.items()}
        with closing(profile_files(list(tables), ProfileSettings(self._private))) as profiles:
            for table, found in profiles:
                name = tables[table]
                if isinstance(found, str):
                    self._files[name] = self._add(_unreadable(table, found))
                    self._columns[name] = None
                else:
                    self._files[name] = self._add_encoded(found.content)
                    self._columns[name] = found.columns or None
                self._task.advance(table.size)

    def _load(self, known: KnownFile | None) -> Profile | None:
        """The profile of one table; None for anything else, which another clone may have sent."""
        content = self._objects.read(known.oid) if known is not None else None
        with suppress(CorruptError):
            profile = profile_format.decode(content) if content is not None else None
            table = profile.table if profile is not None else None
            return profile if table is not None and table.kind is CollectionKind.TABLE else None
        return None

    def _add(self, profile: Profile) -> KnownFile:
        return self._add_encoded(profile_format.encode(profile))

    def _add_encoded(self, content: bytes) -> KnownFile:
        return KnownFile(self._objects.add_blob(content), len(content))

    def _merged(self, group: TableGroup) -> CollectionProfile:
        """The profile of a group, merged from blocks of its files: most of them are known from other versions."""
        with collector_paused():  # it would visit all decoded profiles after each of them
            tables = [self._block(files) for files in blocks_of(self.grouped.groups[group.name])]
            return replace(merge_collections(tables), name=group.name)

    def _block(self, files: Sequence[tuple[bytes, bytes]]) -> CollectionProfile:
        if len(files) == 1:
            return self._table(*files[0])
        name = block_name(files)
        known = self._blocks.get(name)
        profile = self._load(known)
        if known is None or profile is None:
            profile = Profile((merge_as_one_part([self._table(*one) for one in files]),))
            known = self._add(profile)
        self._merged_blocks[name] = known
        return profile.collections[0]

    def _table(self, path: bytes, name: bytes) -> CollectionProfile:
        profile = self._load(self._files.get(name))
        if profile is None:
            raise MissingObjectError("the profile of a file was deleted meanwhile", fix="run the command again")
        table = profile.collections[0]
        bad = tuple(Unreadable(_shown(path), one.why) for one in table.unreadable)
        return replace(table, unreadable=bad) if bad else table


def blocks_of(files: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[tuple[bytes, bytes], ...]]:
    """Consecutive files that are merged first: about 40 to 80 blocks, and more of thousands of files.

    Contents decide the cuts, so a new file changes one block, or all where it doubles the size of blocks.
    """
    size = min(1 << max(0, (len(files) // _BLOCKS).bit_length() - 1), _BLOCK_MAX)
    least = max(1, size // 2)
    block: list[tuple[bytes, bytes]] = []
    for file in files:
        block.append(file)
        if len(block) == 2 * size or (len(block) >= least and int(file[1][:2], 16) % least == 0):
            yield tuple(block)
            block = []
    if block:
        yield tuple(block)


def block_name(files: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The name of a block, by its paths and the names of its profiles."""
    return Oid.of(b"\0".join(part for file in files for part in file)).hex().encode()


def _entries(found: Mapping[bytes, KnownFile]) -> list[Entry]:
    return [Entry(name, Kind.FILE, one.oid, one.size) for name, one in sorted(found.items())]


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


def _unreadable(table: UnprofiledFile, why: str) -> Profile:
    found = (Unreadable(os.path.basename(table.name), why),)
    return Profile(
        (CollectionProfile("", CollectionKind.TABLE, 0, 1, table.size, (), unreadable=found, unreadable_count=1),)
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
