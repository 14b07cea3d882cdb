"""The data of a remote gc: rows, state of the remote, and plan (docs/format/remote.md, "Garbage collection")."""

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
    """One row of the index `listed_by`. `pack` is the name of a pack; sizes are in bytes."""

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
        """Bytes that the object takes in a pack: frame and row."""
        return FRAME_HEADER_SIZE + self.stored_size + ROW_SIZE

    def found(self) -> RemoteLocation:
        """The location, for a download."""
        return RemoteLocation(self.pack, self.offset, self.oid, self.kind, self.codec, self.raw_size, self.stored_size)

    def row(self) -> Row:
        """The row of a pack's footer for it. The checksum is 0, since indexes do not have it."""
        return Row(self.oid, self.kind, self.codec, self.offset, self.raw_size, self.stored_size, 0)

    def location(self, numbers: Mapping[Oid, int]) -> IndexRow:
        """The row of an index in which packs have these `numbers`."""
        return IndexRow(
            self.oid, numbers[self.pack], self.kind, self.codec, self.offset, self.raw_size, self.stored_size
        )

    @property
    def names_others(self) -> bool:
        """True if the object names other objects: a tree, or a blob stored as a recipe."""
        return self.kind is ObjectKind.TREE or self.codec is Codec.CHUNKED


@dataclass(slots=True)
class ObjectsByKind:
    """A set of objects by kind. A blob may have the bytes of a tree, but needs none of its entries."""

    trees: set[Oid] = field(default_factory=set)
    blobs: set[Oid] = field(default_factory=set)

    def of(self, kind: ObjectKind) -> set[Oid]:
        """The objects of one kind."""
        return self.trees if kind is ObjectKind.TREE else self.blobs

    def holds(self, row: RemoteRow) -> bool:
        """True if the set has the object of `row` as the kind that `row` lists."""
        return row.oid in self.of(row.kind)

    def __contains__(self, oid: Oid) -> bool:
        return oid in self.trees or oid in self.blobs

    def __len__(self) -> int:
        return len(self.trees) + len(self.blobs)


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """An index on the remote, without its rows. `size` is in bytes."""

    name: Oid
    size: int
    roots: tuple[Oid, ...]
    packs: tuple[PackRef, ...]


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The state of a remote. `seen` are the condemned lists that existed before the pointers were read from Git."""

    indexes: tuple[IndexSummary, ...]
    lists: Mapping[Oid, Condemned]
    packs: Mapping[Oid, int]
    """All packs, listed or not, with their sizes in bytes."""
    seen: frozenset[Oid]
    rows: Callable[[], Iterable[RemoteRow]] = field(repr=False)
    """All rows of all indexes, sorted by oid."""

    @property
    def condemned(self) -> frozenset[Oid]:
        """The names of all condemned packs and indexes. No new pack or index may have one of these names."""
        return frozenset(name for one in self.lists.values() for name in (*one.packs, *one.indexes))

    @property
    def visible(self) -> list[IndexSummary]:
        """The indexes that are not condemned."""
        condemned = self.condemned
        return [index for index in self.indexes if index.name not in condemned]

    def due(self, now: int) -> dict[Oid, Condemned]:
        """The lists that are due at `now`, in Unix seconds, and that existed before the pointers were read."""
        return {name: one for name, one in self.lists.items() if name in self.seen and one.due <= now}


Rank = tuple[int, int, Oid]
"""The rank of a pack as the place to keep an object; the lowest is best."""


@dataclass(frozen=True, slots=True)
class RemoteGcPlan:
    """The plan of a gc. Times are in Unix seconds, sizes in bytes."""

    now: int
    grace: int
    condemned_packs: tuple[PackRef, ...] = ()
    """Packs to condemn now: they have no live objects, or these are copied."""
    condemned_indexes: tuple[Oid, ...] = ()
    rewritten: tuple[PackRef, ...] = ()
    """Packs whose live objects are copied."""
    copies: tuple[RemoteRow, ...] = ()
    """The rows to copy, in the order of the new packs."""
    freed: tuple[PackRef, ...] = ()
    """Condemned packs that are needed again, and whose lists are far from due."""
    restated: tuple[tuple[Oid, Condemned], ...] = ()
    """Lists to write again without the freed packs, each with the name of the old list."""
    kept_indexes: frozenset[Oid] = frozenset()
    merges: bool = False
    """True if a merged index has to be written."""
    merged_roots: tuple[Oid, ...] = ()
    deleted_packs: tuple[PackRef, ...] = ()
    deleted_indexes: tuple[Oid, ...] = ()
    deleted_lists: tuple[Oid, ...] = ()
    waiting_packs: tuple[PackRef, ...] = ()
    """Packs that were condemned earlier and are not due yet."""
    next_due: int | None = None
    """The time at which the first condemned object may be deleted; None if nothing is condemned."""
    live_objects: int = 0
    """Live objects that are on the remote."""
    live_size: int = 0
    order: Mapping[Oid, Rank] = field(default_factory=dict, repr=False)
    """The rank of each readable pack."""

    @property
    def empty(self) -> bool:
        """True if there is nothing to do."""
        condemns = self.condemned_packs or self.condemned_indexes
        deletes = self.deleted_packs or self.deleted_indexes or self.deleted_lists
        return not (condemns or deletes or self.merges or self.restated)


def total_size(packs: Iterable[PackRef]) -> int:
    """The size of all `packs` in bytes."""
    return sum([ref.size for ref in packs])
