"""The content of a remote for fsck and repair: its state, and what of it is damaged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from dver.core.errors import CorruptError, RemoteError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import Row
from dver.remote.gc.read_state import RemoteChanged, read_state
from dver.remote.gc.state import IndexSummary, RemoteRow, RemoteState
from dver.remote.index.contents import RemoteContents, list_contents
from dver.remote.index.keys import pack_key, parse_index_key, repository_key
from dver.remote.index.repositories import read_entries
from dver.remote.storage import Storage
from dver.remote.transfer.confirm_index import listed_names
from dver.store.repair.salvage import is_newer
from dver.store.store import Store

_TAIL: Final = 256 << 10
"""Bytes of the end of a pack that are read at once: the footers of most packs fit."""
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class RemoteInventory:
    """The state of a remote without what is damaged. `damaged` has the keys of that, each with the reason."""

    seen: RemoteContents
    state: RemoteState
    damaged: dict[str, str]

    @property
    def condemned(self) -> frozenset[Oid]:
        """Packs and indexes that a gc is about to delete."""
        return listed_names(self.state.lists.values())

    @property
    def visible(self) -> list[IndexSummary]:
        """The indexes that no gc is about to delete."""
        condemned = self.condemned
        return [index for index in self.state.indexes if index.name not in condemned]

    @property
    def damaged_indexes(self) -> list[str]:
        """The keys of damaged indexes."""
        return [key for key in self.damaged if parse_index_key(key) is not None]

    @property
    def unlisted(self) -> list[Oid]:
        """Packs that no index lists. The packs of damaged indexes are among them."""
        return sorted(self.state.packs.keys() - {ref.name for index in self.state.indexes for ref in index.packs})

    def rows_of(self, packs: Collection[Oid]) -> dict[Oid, list[RemoteRow]]:
        """The rows of `packs`, each frame once, by offset."""
        rows: dict[Oid, dict[int, RemoteRow]] = {name: {} for name in packs}
        for row in self.state.rows():
            if row.pack in rows:
                rows[row.pack][row.offset] = row
        return {name: [listed[at] for at in sorted(listed)] for name, listed in rows.items()}


def read_inventory(storage: Storage, store: Store, *, jobs: int) -> RemoteInventory:
    """Read all indexes, lists and entries, and list the packs. In `store` files are made.

    Raises RemoteError, also if the remote changes all the time; CorruptError for what a newer version wrote.
    """
    for _ in range(_TRIES):
        damaged: dict[str, str] = {}
        try:
            seen, state = read_state(storage, list_contents(storage), store, jobs=jobs, damaged=damaged)
        except RemoteChanged:
            continue
        if seen.indexes.keys() <= list_contents(storage).indexes.keys():  # else packs were perhaps deleted in between
            damaged |= _damaged_entries(storage, seen)
            return RemoteInventory(seen, state, damaged)
    raise changed(storage)


def changed(storage: Storage) -> RemoteError:
    """The error for a remote that others change."""
    return RemoteError(
        f"{storage.url} was changed meanwhile",
        why="another clone collects garbage there, or repairs it",
        fix="run the same command again",
    )


def remote_footer(storage: Storage, name: Oid, size: int) -> list[Row]:
    """The rows of the pack `name` of `size` bytes, by range. Raises CorruptError, MissingKey, RemoteError."""
    start = max(0, size - _TAIL)
    tail = storage.get(pack_key(name), start, size - start)
    length, stated = pack.decode_trailer(tail[-pack.TRAILER_SIZE :])
    begin = size - pack.TRAILER_SIZE - length
    if stated != name or begin < len(pack.HEADER) or length > size:
        raise CorruptError("a damaged pack", why="it does not end as a pack of its name does")
    footer = tail[begin - start : -pack.TRAILER_SIZE] if begin >= start else storage.get(pack_key(name), begin, length)
    if Oid.of(footer) != name:
        raise CorruptError("a damaged pack", why="the hash of its list is not its name")
    rows = pack.decode_footer(footer)
    if max((row.end for row in rows), default=len(pack.HEADER)) != begin:
        raise CorruptError("a damaged pack", why="its frames do not reach its list")
    return rows


def _damaged_entries(storage: Storage, seen: RemoteContents) -> dict[str, str]:
    damaged: dict[str, str] = {}
    for name in sorted(seen.repositories):
        try:
            read_entries(storage, [name])
        except CorruptError as error:
            if is_newer(error):
                raise
            damaged[repository_key(name)] = error.why or error.what
    return damaged
