"""The collections of a directory: which files are profiled together, and under which name.

The rule: files of one kind in one directory belong together, tables only if they have the same columns. A directory is
one on the first level below the profiled one: `train/` and `val/` stay apart, and the classes below `train/` do not.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dver.core.display import Displayed
from dver.core.oid import Oid
from dver.formats.profile import CollectionKind
from dver.tables.suffixes import is_table_file

MAX_DIRECTORIES: Final = 50
"""More directories with files of a kind are classes, shards or dates: their files are one collection."""
PATH_COLUMN: Final = "path"
"""The column with the path of a file, in tables of media files."""

_SUFFIXES: Final = {
    CollectionKind.IMAGES: ".bmp .gif .jp2 .jpeg .jpg .pgm .png .pnm .ppm .tif .tiff .webp",
    CollectionKind.AUDIO: ".aif .aiff .flac .m4a .mp3 .oga .ogg .opus .wav .wma",
    CollectionKind.TEXT: ".htm .html .log .markdown .md .rst .srt .tex .text .txt .vtt .xml",
}
_KINDS: Final = {suffix.encode(): kind for kind, found in _SUFFIXES.items() for suffix in found.split()}
_PARTITION: Final = re.compile(rb"[^=/]+=[^/]*")
"""A directory of a partitioned table, such as `year=2026`."""
_DIGITS: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, repr=False)
class ListedFile(Displayed):
    """A file of a directory."""

    path: bytes
    """Relative to the profiled directory."""
    oid: Oid
    size: int


@dataclass(frozen=True, slots=True, repr=False)
class MediaGroup(Displayed):
    """Media files that are one collection."""

    name: str
    kind: CollectionKind
    files: tuple[ListedFile, ...] = field(repr=False)
    """In the order of their paths."""


@dataclass(frozen=True, slots=True, repr=False)
class TableGroup(Displayed):
    """Tables that are one collection."""

    name: str
    paths: tuple[bytes, ...]
    """In order. Those without columns are unreadable."""


@dataclass(frozen=True, slots=True, repr=False)
class CollectionPlan(Displayed):
    """The collections of a directory. Those of tables are known when their columns are."""

    tables: tuple[ListedFile, ...]
    media: tuple[MediaGroup, ...]
    ignored: int
    """Files that are neither tables nor media."""
    single: bool = False
    """Is it the plan of one file? Then the collection has no name."""

    @property
    def size(self) -> int:
        """Bytes of all tables and media."""
        return sum(file.size for files in (self.tables, *(one.files for one in self.media)) for file in files)

    def media_oids(self, kind: CollectionKind) -> dict[Oid, ListedFile]:
        """The contents of all files of a kind, each with the first file that has it."""
        found: dict[Oid, ListedFile] = {}
        for group in self.media:
            if group.kind is kind:
                for file in group.files:
                    found.setdefault(file.oid, file)
        return found


def kind_of(path: bytes) -> CollectionKind | None:
    """What a file is, by its suffix. None for other suffixes and hidden files."""
    name = os.path.basename(path).lower()
    if name.startswith(b"."):
        return None
    return CollectionKind.TABLE if is_table_file(os.fsdecode(name)) else _KINDS.get(os.path.splitext(name)[1])


def plan_collections(files: Iterable[ListedFile], *, single: bool = False) -> CollectionPlan:
    """The collections of a directory with `files`, or of a single file."""
    found: dict[CollectionKind, list[ListedFile]] = {}
    ignored = 0
    for file in sorted(files, key=lambda one: one.path):
        kind = kind_of(file.path)
        if kind is None or any(part.startswith(b".") for part in file.path.split(b"/")):
            ignored += 1
        else:
            found.setdefault(kind, []).append(file)
    tables = tuple(found.pop(CollectionKind.TABLE, ()))
    groups = [group for kind, listed in found.items() for group in _media_groups(kind, listed, single)]
    return CollectionPlan(tables, tuple(sorted(groups, key=lambda one: one.name)), ignored, single)


def group_tables(columns: Mapping[bytes, Sequence[str] | None]) -> tuple[TableGroup, ...]:
    """The collections of tables, sorted by name. `columns` has the names of each file's columns.

    None stands for an unreadable table. It belongs to the first collection of its directory.
    """
    paths = sorted(columns)
    directories = _directories(paths)
    groups: dict[tuple[str, tuple[str, ...] | None], list[bytes]] = {}
    for path in paths:
        said = columns[path]
        groups.setdefault((directories[path], None if said is None else tuple(sorted(said))), []).append(path)
    found = _named({key: listed for key, listed in groups.items() if key[1] is not None})
    unreadable = {directory: listed for (directory, said), listed in groups.items() if said is None}
    for name in sorted(found):  # unreadable tables have no say in names
        found[name] += unreadable.pop(directories[found[name][0]], [])
    found.update(_named({(directory, None): listed for directory, listed in unreadable.items()}))
    return tuple(TableGroup(name, tuple(sorted(found[name]))) for name in sorted(found))


def path_text(path: bytes) -> str:
    r"""A path as text. Bytes that are not UTF-8 are written as `\xff`."""
    return path.decode("utf-8", "backslashreplace")


def _media_groups(kind: CollectionKind, files: Sequence[ListedFile], single: bool) -> Iterable[MediaGroup]:
    directories = _directories([file.path for file in files])
    found: dict[str, list[ListedFile]] = {}
    for file in files:
        found.setdefault(directories[file.path], []).append(file)
    for directory, listed in found.items():
        yield MediaGroup("" if single else directory + kind.value, kind, tuple(listed))


def _directories(paths: Sequence[bytes]) -> dict[bytes, str]:
    """For each path, the directory of its collection: empty, or a name with a slash."""
    found = {path: _first_directory(path) for path in paths}
    return dict.fromkeys(found, "") if len(set(found.values())) > MAX_DIRECTORIES else found


def _first_directory(path: bytes) -> str:
    parts = [part for part in path.split(b"/")[:-1] if not _PARTITION.fullmatch(part)]
    return path_text(parts[0]) + "/" if parts else ""


def _named(groups: Mapping[tuple[str, tuple[str, ...] | None], list[bytes]]) -> dict[str, list[bytes]]:
    """The groups by name: what the names of their files have in common, or the first one where that is ambiguous."""
    patterns = {key: key[0] + _pattern(paths) for key, paths in groups.items()}
    often = Counter(patterns.values())
    found: dict[str, list[bytes]] = {}
    for key, paths in groups.items():
        name = patterns[key] if often[patterns[key]] == 1 else key[0] + _file_name(paths[0])
        found[_unused(name, found)] = list(paths)
    return found


def _pattern(paths: Sequence[bytes]) -> str:
    """What the names of these files have in common: `part-*.csv` for `part-1.csv`, so that `part-2.csv` may come."""
    names = [_file_name(path) for path in paths]
    patterns = {_DIGITS.sub("*", name) for name in names}
    if len(patterns) == 1:
        return patterns.pop()
    suffixes = {os.path.splitext(name)[1] for name in names}
    return "*" + suffixes.pop() if len(suffixes) == 1 else "*"


def _file_name(path: bytes) -> str:
    return path_text(os.path.basename(path))


def _unused(name: str, used: Mapping[str, object]) -> str:
    number = 2
    found = name
    while found in used:
        found, number = f"{name} ({number})", number + 1
    return found
