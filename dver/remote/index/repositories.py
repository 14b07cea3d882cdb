"""Repository entries on a remote: the Git repositories that use it (docs/format/repository.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import remote_repository
from dver.formats.remote_repository import RepositoryEntry
from dver.remote.index.contents import list_contents
from dver.remote.index.keys import repository_key
from dver.remote.index.listing_file import refresh_listing
from dver.remote.storage import BytesBody, MissingKey, Storage

ID_DIGITS: Final = 12
"""Digits of an entry's name that messages show and `dver gc --forget` takes."""


def name_of(entry: RepositoryEntry) -> Oid:
    """The name of `entry` on a remote."""
    return Oid.of(remote_repository.encode(entry))


def put_entry(entry: RepositoryEntry, storage: Storage) -> None:
    """Upload `entry`. Raises RemoteError."""
    content = remote_repository.encode(entry)
    storage.put(repository_key(Oid.of(content)), BytesBody(content))


def read_entries(storage: Storage, names: Iterable[Oid]) -> dict[Oid, RepositoryEntry]:
    """Those of the entries `names` that exist. Raises RemoteError, CorruptError."""
    found = {}
    for name in sorted(names):
        try:
            found[name] = _read_entry(storage, name)
        except MissingKey:  # deleted since it was listed
            continue
    return found


def forget_entries(storage: Storage, digits: str) -> list[RepositoryEntry]:
    """Delete the entries whose names begin with `digits`, and return them. Raises RemoteError, CorruptError."""
    names = [name for name in list_contents(storage).repositories if name.hex().startswith(digits)]
    found = read_entries(storage, names)
    for name in found:
        storage.delete(repository_key(name))
    if found:
        refresh_listing(storage)
    return list(found.values())


def _read_entry(storage: Storage, name: Oid) -> RepositoryEntry:
    key = repository_key(name)
    content = storage.get(key, 0, remote_repository.SIZE_MAX + 1)
    if Oid.of(content) != name:
        raise CorruptError(
            f"{key} on {storage.url} is damaged",
            why="its bytes do not match its name",
            fix="run `dver fsck --remote --repair`; the next push from its repository writes the entry again",
        )
    return remote_repository.decode(content)
