"""The inventory of a remote for fsck and repair: its state, and the keys of damaged indexes, lists and entries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError, RemoteError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import Row
from dver.remote.gc.read_state import RemoteChanged, read_state
from dver.remote.gc.state import RemoteRow, RemoteState
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import pack_key, parse_index_key, repository_key
from dver.remote.index.repositories import read_entries
from dver.remote.storage import Storage
from dver.store.store import Store

_TAIL: Final = 256 << 10
"""Bytes at the end of a pack that the first request reads. They contain the footers of most packs."""
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class RemoteInventory:
    """The state of a remote. Damaged objects are not part of it; `damaged` has their keys, each with the reason."""

    contents: RemoteContents
    state: RemoteState
    damaged: dict[str, str]

    @property
    def damaged_indexes(self) -> list[str]:
        """The keys of damaged indexes."""
        return [key for key in self.damaged if parse_index_key(key) is not None]

    @property
    def unlisted(self) -> list[Oid]:
        """The packs that no index lists, including those of damaged indexes."""
        return sorted(self.state.packs.keys() - {ref.name for index in self.state.indexes for ref in index.packs})

    def rows_by_pack(self, packs: Collection[Oid]) -> dict[Oid, list[RemoteRow]]:
        """The rows of each of `packs`, sorted by offset, each frame once."""
        rows: dict[Oid, dict[int, RemoteRow]] = {name: {} for name in packs}
        for row in self.state.rows() if rows else ():
            if row.pack in rows:
                rows[row.pack][row.offset] = row
        return {name: [listed[at] for at in sorted(listed)] for name, listed in rows.items()}


def read_inventory(storage: Storage, store: Store, *, jobs: int) -> RemoteInventory:
    """Read all indexes, condemned lists and repository entries, and list the packs.

    Large indexes go to temporary files of `store`. Raises RemoteError, also if other clones change the remote again and
    again; CorruptError for data of a newer dver.
    """
    for _ in range(_TRIES):
        damaged: dict[str, str] = {}
        try:
            contents, state = read_state(storage, list_contents(storage), store, jobs=jobs, damaged=damaged)
        except RemoteChanged:
            continue
        if contents.indexes.keys() <= list_contents(storage).indexes.keys():  # otherwise packs may have been deleted
            damaged |= _damaged_entries(storage, contents)
            return RemoteInventory(contents, state, damaged)
    raise changed_error(storage)


def changed_error(storage: Storage) -> RemoteError:
    """The error for a remote that another clone has changed during the command."""
    return RemoteError(
        f"{storage.url} changed during this command",
        why="another clone ran `dver gc --remote` or a repair at the same time",
        fix="run the same command again",
    )


def remote_footer(storage: Storage, name: Oid, size: int) -> list[Row]:
    """The rows in the footer of the pack `name` of `size` bytes. Raises CorruptError, MissingKey, RemoteError."""
    start = max(0, size - _TAIL)
    tail = storage.get(pack_key(name), start, size - start)
    length, stated = pack.decode_trailer(tail[-pack.TRAILER_SIZE :])
    begin = size - pack.TRAILER_SIZE - length
    if stated != name or begin < len(pack.HEADER) or length > size:
        raise CorruptError("a damaged pack", why="its trailer is not that of a pack of its name")
    footer = tail[begin - start : -pack.TRAILER_SIZE] if begin >= start else storage.get(pack_key(name), begin, length)
    if Oid.of(footer) != name:
        raise CorruptError("a damaged pack", why="the hash of its footer is not its name")
    rows = pack.decode_footer(footer)
    if max((row.end for row in rows), default=len(pack.HEADER)) != begin:
        raise CorruptError("a damaged pack", why="its frames do not end at its footer")
    return rows


def _damaged_entries(storage: Storage, contents: RemoteContents) -> dict[str, str]:
    damaged: dict[str, str] = {}
    for name in sorted(contents.repositories):
        try:
            read_entries(storage, [name])
        except CorruptError as error:
            if isinstance(error, NewerVersionError):
                raise
            damaged[repository_key(name)] = error.why or error.what
    return damaged
