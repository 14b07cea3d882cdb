"""The profiles of single files that are known already: in the profiles of directories, and on their own.

A file has the same profile wherever it is, so a directory with one new file needs one scan, in every clone that has
the profile of an earlier version.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.formats.pack import ObjectKind
from dver.formats.profile import PROFILER
from dver.formats.tree import Entry, Kind
from dver.profile_cache.kept_objects import KeptObject, kept_by_command, kept_item
from dver.repo import Repository

DIRECTORY: Final = "directory"
"""The format of a directory in the command of an entry."""
MERGED: Final = b"merged"
FILES: Final = b"files"
BLOCKS: Final = b"blocks"
GROUPS: Final = b"groups"
"""The files of each collection of tables: what was merged."""
MEASUREMENTS: Final = b"measurements-"
"""The beginning of the names of measurements: their kind follows."""
_COMMAND: Final = "dver profile"
_LONGEST: Final = 20


def command(kind: str) -> str:
    """The command of entries with profiles of files with the format `kind`, or of directories."""
    return f"{_COMMAND} {PROFILER} {kind}"


def format_of(name: bytes) -> str:
    """The format of a file, by its suffix: `csv`, `csv.gz`. The same bytes are another table in another format."""
    parts = name.lower().rsplit(b".", 2)[1:]
    if len(parts) == 2 and parts[1] not in (b"gz", b"zst"):
        parts = parts[1:]
    text = b".".join(parts).decode("ascii", "replace")
    return text if text.replace(".", "").isalnum() and len(text) <= _LONGEST else "file"


def content_format(content: Entry, path: bytes) -> str:
    """The format of the content at `path`: `directory`, or that of the file."""
    return DIRECTORY if content.kind is Kind.DIRECTORY else format_of(path)


def file_name(oid: Oid, kind: str) -> bytes:
    """The name of a file's profile in the profile of a directory."""
    return f"{oid.hex()}.{kind}".encode()


class KnownFile(NamedTuple):
    """The stored profile of a file."""

    oid: Oid
    size: int


class DirectoryProfile(NamedTuple):
    """A stored profile of a directory."""

    kept: KeptObject
    parts: dict[bytes, Entry]


def directory_profiles(repo: Repository, path: bytes) -> list[DirectoryProfile]:
    """The stored profiles of directories that can be read: those of `path` first, then the newest."""
    found = []
    for kept in kept_by_command(repo, command(DIRECTORY)):
        with suppress(MissingObjectError, CorruptError):
            found.append(DirectoryProfile(kept, {one.name: one for one in repo.store.tree(kept.item.oid)}))
    return sorted(found, key=lambda one: (one.kept.path != path, -one.kept.made))


def known_files(
    repo: Repository, directories: Sequence[DirectoryProfile], wanted: Collection[bytes]
) -> dict[bytes, KnownFile]:
    """Those of the file profiles `wanted`, by `file_name`, that are in the store."""
    left = set(wanted)
    found: dict[bytes, KnownFile] = {}
    read: set[Oid] = set()
    for one in directories:
        files = one.parts.get(FILES)
        if not left or files is None or files.oid in read:
            continue
        read.add(files.oid)
        with suppress(MissingObjectError, CorruptError):
            for entry in repo.store.tree(files.oid):
                if entry.name in left:
                    found[entry.name] = KnownFile(entry.oid, entry.size)
                    left.discard(entry.name)
    for name in left:  # files that were profiled on their own
        digits, _, kind = name.decode().partition(".")
        item = kept_item(repo, command(kind), Oid(bytes.fromhex(digits)))
        if item is not None and item.kind is ObjectKind.BLOB:
            found[name] = KnownFile(item.oid, item.size)
    here = repo.store.present([one.oid for one in found.values()])
    return {name: one for name, one in found.items() if one.oid in here}
