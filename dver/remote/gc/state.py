"""What a gc of a remote looks at and what it decides, as data (docs/format/remote.md, "Garbage collection")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dver.core.oid import Oid
from dver.formats.condemned import Condemned
from dver.formats.pack import FRAME_HEADER_SIZE, ROW_SIZE, Codec, ObjectKind, Row
from dver.formats.remote_index import IndexRow, PackRef
from dver.remote.index.mirror import RemoteLocation


class RemoteRow(NamedTuple):
    """One row of one index. `pack` is the name of a pack; sizes are in bytes."""

    oid: Oid
    listed_by: Oid
    pack: Oid
    offset: int
    kind: ObjectKind
    codec: Codec
    raw_size: int
    stored_size: int

    @property
    def size(self) -> int:
        """What it takes in a pack: frame and row."""
        return FRAME_HEADER_SIZE + self.stored_size + ROW_SIZE

    def found(self, pack_size: int) -> RemoteLocation:
        """The same for those who fetch."""
        return RemoteLocation(
            self.pack, self.offset, self.oid, pack_size, self.kind, self.codec, self.raw_size, self.stored_size
        )

    def row(self) -> Row:
        """The same as a pack's footer has it. The checksum, which indexes do not list, is 0."""
        return Row(self.oid, self.kind, self.codec, self.offset, self.raw_size, self.stored_size, 0)

    def location(self, numbers: Mapping[Oid, int]) -> IndexRow:
        """The same as an index has it, which calls packs by `numbers`."""
        return IndexRow(
            self.oid, numbers[self.pack], self.kind, self.codec, self.offset, self.raw_size, self.stored_size
        )

    @property
    def names_others(self) -> bool:
        """Does the object name others?"""
        return self.kind is ObjectKind.TREE or self.codec is Codec.CHUNKED


@dataclass(slots=True)
class NeededObjects:
    """Objects that must stay, by kind: a blob may have the bytes of a tree, and need nothing of what they name."""

    trees: set[Oid] = field(default_factory=set)
    blobs: set[Oid] = field(default_factory=set)

    def holds(self, row: RemoteRow) -> bool:
        """Is it needed as what `row` lists it as?"""
        return row.oid in (self.trees if row.kind is ObjectKind.TREE else self.blobs)

    def __contains__(self, oid: Oid) -> bool:
        return oid in self.trees or oid in self.blobs

    def __len__(self) -> int:
        return len(self.trees) + len(self.blobs)


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """An index that is on the remote, but for its rows. `size` is in bytes."""

    name: Oid
    size: int
    roots: tuple[Oid, ...]
    packs: tuple[PackRef, ...]


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What lies on the remote. `seen` are the lists that were there before the pointers were read from Git."""

    indexes: tuple[IndexSummary, ...]
    lists: Mapping[Oid, Condemned]
    packs: Mapping[Oid, int]
    """Sizes in bytes of the packs that are there, whether or not an index lists them."""
    seen: frozenset[Oid]
    rows: Callable[[], Iterable[RemoteRow]] = field(repr=False)
    """All rows of all indexes, in the order of oids."""

    def due(self, now: int) -> list[Condemned]:
        """The lists that may be carried out at `now`, in Unix seconds: due, and seen in time."""
        return [one for name, one in self.lists.items() if name in self.seen and one.due <= now]


Rank = tuple[int, int, Oid]
"""Where the home of an object is sought: least first."""


@dataclass(frozen=True, slots=True)
class RemoteGcPlan:
    """What a gc would do. Times are in Unix seconds, sizes in bytes."""

    now: int
    grace: int
    condemned_packs: tuple[PackRef, ...] = ()
    """To be listed now: without anything live, or written anew."""
    condemned_indexes: tuple[Oid, ...] = ()
    rewritten: tuple[PackRef, ...] = ()
    """Packs out of which live objects are copied."""
    copies: tuple[RemoteRow, ...] = ()
    """What is copied, in the order in which it will lie in the new packs."""
    freed: tuple[PackRef, ...] = ()
    """Packs that are needed again, and whose lists are far from due."""
    restated: tuple[tuple[Oid, Condemned], ...] = ()
    """Lists to be put anew without what is freed, each with the name of the old one."""
    kept_indexes: frozenset[Oid] = frozenset()
    merges: bool = False
    """Is a merged index to be written?"""
    merged_roots: tuple[Oid, ...] = ()
    deleted_packs: tuple[PackRef, ...] = ()
    deleted_indexes: tuple[Oid, ...] = ()
    deleted_lists: tuple[Oid, ...] = ()
    waiting_packs: tuple[PackRef, ...] = ()
    """Condemned earlier, and not due yet."""
    next_due: int | None = None
    """When the first of what is condemned after this may be deleted; None if nothing is."""
    live_objects: int = 0
    """How many of the needed objects are on the remote."""
    live_size: int = 0
    order: Mapping[Oid, Rank] = field(default_factory=dict, repr=False)
    """For each pack that can be read from, how good a home it is."""

    @property
    def empty(self) -> bool:
        """Is there nothing to do?"""
        condemns = self.condemned_packs or self.condemned_indexes
        deletes = self.deleted_packs or self.deleted_indexes or self.deleted_lists
        return not (condemns or deletes or self.merges or self.restated)


def total_size(packs: Iterable[PackRef]) -> int:
    """The bytes of all of `packs`."""
    return sum([ref.size for ref in packs])
