"""The mirror: a copy of the indexes and condemned lists of a remote in the local index database.

It answers without requests. Its answers may be out of date: `Catalog.refresh` updates it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.pack import FRAME_HEADER_SIZE, Codec, ObjectKind, Row
from dver.formats.remote_index import IndexHead, PackRef, RemoteIndex
from dver.store.objects.database import Database

_BATCH: Final = 10_000
"""Rows that are inserted with one statement."""
_KINDS: Final = tuple(ObjectKind)
_CODECS: Final = tuple(Codec)


class RemoteLocation(NamedTuple):
    """The location of an object on a remote; sorts by pack and offset. Sizes are in bytes."""

    pack: Oid
    offset: int
    oid: Oid
    kind: ObjectKind
    codec: Codec
    raw_size: int
    stored_size: int

    @property
    def end(self) -> int:
        """The end of its frame in the pack."""
        return self.offset + FRAME_HEADER_SIZE + self.stored_size

    def row(self) -> Row:
        """The row of a pack's footer for it. The checksum is 0, since indexes do not have it."""
        return Row(self.oid, self.kind, self.codec, self.offset, self.raw_size, self.stored_size, 0)


@dataclass(slots=True)
class PartialIndex:
    """A large index of which the mirror has some buckets. `number` is its id in the database."""

    number: int
    head: IndexHead
    copied: set[int]

    @property
    def complete(self) -> bool:
        """True once the mirror has all rows."""
        return len(self.copied) == len(self.head.buckets)


_LISTED: Final = (
    " FROM remote_objects AS o"
    # CROSS JOIN fixes the order: SQLite, which does not know the sizes of the tables, would begin with the indexes.
    " CROSS JOIN remote_indexes AS i ON i.id = o.listed_by"
)
_STAYING: Final = (
    f"SELECT o.oid{_LISTED} CROSS JOIN remote_packs AS p ON p.listed_by = o.listed_by AND p.number = o.pack"
    " WHERE i.remote = ? AND NOT i.condemned AND NOT p.condemned"
)
_PLACES: Final = (
    "SELECT o.listed_by, o.pack, i.condemned, o.offset, o.oid, o.kind, o.codec, o.raw_size, o.stored_size"
    f"{_LISTED} WHERE i.remote = ? AND o.oid IN {{in}}"
)
_INSERT: Final = (
    "INSERT OR IGNORE INTO remote_objects (oid, pack, kind, codec, offset, raw_size, stored_size, listed_by)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, {:d})"
)


class Mirror:
    """The mirror of one remote in `database`. `remote_key` is made of the remote's URL and endpoint, not of its name.

    Of large indexes it has the heads, and the buckets that `dver.remote.index.reader` has copied.
    """

    def __init__(self, database: Database, remote_key: str) -> None:
        self._database = database
        # Made from the key alone, so that a database that is created again meanwhile cannot mix up two remotes.
        self._remote: Final = xxh3_64_intdigest(remote_key.encode("utf-8", "surrogateescape")) >> 1

    @property
    def generation(self) -> int:
        """A number that changes when the database is created again, and with it an empty mirror."""
        return self._database.generation

    # -- updates

    def add(self, name: Oid, index: RemoteIndex, rows: bytes | memoryview | None = None) -> None:
        """Add the index `name` with the content `index`. `rows` are its encoded rows, if the caller has them."""
        encoded = remote_index.encode_rows(index.objects) if rows is None else rows
        with self._database.transaction():
            self._add_index(name, index.roots, index.packs, None)
            self._add_rows(self._number(name), encoded)

    def add_head(self, head: IndexHead) -> None:
        """Add an index of which only the head is copied."""
        with self._database.transaction():
            self._add_index(head.name, head.roots, head.packs, head.encoded)

    def add_buckets(self, index: PartialIndex, buckets: Mapping[int, memoryview]) -> None:
        """Add the rows of some buckets of `index`, encoded and checked."""
        with self._database.transaction():
            if not self._database.rows("SELECT 1 FROM remote_indexes WHERE id = ?", (index.number,)):
                return  # another process has dropped it meanwhile
            for rows in buckets.values():
                self._add_rows(index.number, rows)
            index.copied.update(buckets)
            self._database.write(
                "INSERT OR IGNORE INTO remote_buckets VALUES (?, ?)", [(index.number, bucket) for bucket in buckets]
            )
            if index.complete:
                self._database.write("UPDATE remote_indexes SET head = NULL WHERE id = ?", [(index.number,)])
                self._database.write("DELETE FROM remote_buckets WHERE listed_by = ?", [(index.number,)])

    def partials(self) -> list[PartialIndex]:
        """The indexes of which the mirror has only a part, the largest first."""
        query = "SELECT id, head FROM remote_indexes WHERE remote = ? AND head IS NOT NULL"
        found = [
            PartialIndex(number, remote_index.decode_head(head), self._copied(number))
            for number, head in self._database.rows(query, (self._remote,))
        ]
        return sorted(found, key=lambda one: -one.head.rows)

    def drop(self, names: Iterable[Oid]) -> None:
        """Remove the indexes `names` with all of their rows."""
        numbers = [(self._number(name),) for name in names]
        if not numbers:
            return
        with self._database.transaction():
            for table in ("buckets", "packs"):
                self._database.write(f"DELETE FROM remote_{table} WHERE listed_by = ?", numbers)  # noqa: S608
            self._database.write("DELETE FROM remote_indexes WHERE id = ?", numbers)
            for table in ("roots", "objects"):  # sorted by oid: one pass through each
                self._database.write(
                    f"DELETE FROM remote_{table} WHERE listed_by NOT IN (SELECT id FROM remote_indexes)",  # noqa: S608
                    [()],
                )

    def set_condemned(self, lists: Mapping[Oid, Iterable[Oid]]) -> None:
        """Replace all condemned lists by `lists`, given by name with the packs and indexes that each names."""
        # The list's own name is a row, too, so that an empty list has one.
        rows = [(self._remote, bytes(one), bytes(name)) for one, names in lists.items() for name in {one, *names}]
        of_remote = "SELECT id FROM remote_indexes WHERE remote = ?"
        named = "name IN (SELECT name FROM remote_condemned WHERE remote = ?)"
        change = f"SET condemned = NOT condemned WHERE condemned != ({named})"
        with self._database.transaction():
            self._database.write("DELETE FROM remote_condemned WHERE remote = ?", [(self._remote,)])
            self._database.write("INSERT OR IGNORE INTO remote_condemned VALUES (?, ?, ?)", rows)
            both = [(self._remote, self._remote)]
            self._database.write(f"UPDATE remote_indexes {change} AND remote = ?", both)
            self._database.write(f"UPDATE remote_packs {change} AND listed_by IN ({of_remote})", both)

    def condemned(self) -> dict[Oid, set[Oid]]:
        """The condemned lists by name, with the packs and indexes that each names."""
        lists: dict[Oid, set[Oid]] = {}
        query = "SELECT list, name FROM remote_condemned WHERE remote = ?"
        for one, name in self._database.rows(query, (self._remote,)):
            lists.setdefault(Oid(one), set()).update([Oid(name)] if name != one else [])
        return lists

    # -- run cache batches

    def run_batches(self) -> set[Oid]:
        """The run cache batches that the mirror has."""
        rows = self._database.rows("SELECT batch FROM remote_runs WHERE remote = ? AND key = x''", (self._remote,))
        return {Oid(name) for (name,) in rows}

    def runs(self, keys: Iterable[str]) -> dict[str, float]:
        """Those of the runs `keys` that the remote has, with the time at which they ended, in Unix seconds."""
        query = "SELECT key, max(ended) FROM remote_runs WHERE remote = ? AND key IN {in} GROUP BY key"
        values = sorted(bytes.fromhex(key) for key in keys)
        return {bytes(key).hex(): ended for key, ended in self._database.rows_in(query, values, before=(self._remote,))}

    def add_runs(self, batch: Oid, ended: Mapping[str, float]) -> None:
        """Add the runs in `batch`, given by key with the time at which they ended."""
        # A row without a key, so that an empty batch has one.
        rows = [(self._remote, b"", bytes(batch), 0.0)]
        rows += [(self._remote, bytes.fromhex(key), bytes(batch), at) for key, at in ended.items()]
        self._database.write("INSERT OR REPLACE INTO remote_runs VALUES (?, ?, ?, ?)", rows)

    def drop_runs(self, batches: Iterable[Oid]) -> None:
        """Remove the run cache batches `batches`."""
        rows = [(self._remote, bytes(batch)) for batch in batches]
        self._database.write("DELETE FROM remote_runs WHERE remote = ? AND batch = ?", rows)

    # -- queries

    def names(self) -> set[Oid]:
        """The names of all indexes in the mirror."""
        rows = self._database.rows("SELECT name FROM remote_indexes WHERE remote = ?", (self._remote,))
        return {Oid(name) for (name,) in rows}

    def packs(self) -> dict[Oid, int]:
        """The packs that indexes list which are not condemned, with their sizes in bytes."""
        query = (
            "SELECT DISTINCT p.name, p.size FROM remote_packs AS p CROSS JOIN remote_indexes AS i ON i.id = p.listed_by"
            " WHERE i.remote = ? AND NOT i.condemned"
        )
        return {Oid(name): size for name, size in self._database.rows(query, (self._remote,))}

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that an index names as a root: the remote has and keeps them with all that they reach."""
        query = (
            "SELECT r.oid FROM remote_roots AS r CROSS JOIN remote_indexes AS i ON i.id = r.listed_by"
            " WHERE i.remote = ? AND NOT i.condemned AND r.oid IN {in}"
        )
        return {Oid(oid) for (oid,) in self._database.rows_in(query, sorted(oids), before=(self._remote,))}

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that the remote has as any kind and that are not condemned."""
        query = f"{_STAYING} AND o.oid IN {{in}}"
        return {Oid(oid) for (oid,) in self._database.rows_in(query, sorted(oids), before=(self._remote,))}

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that the remote has as a `kind` and that are not condemned, with all that they reach."""
        query = f"{_STAYING} AND o.kind = ? AND o.oid IN {{in}}"
        return {Oid(oid) for (oid,) in self._database.rows_in(query, sorted(oids), before=(self._remote, int(kind)))}

    def locate(self, oids: Iterable[Oid]) -> list[RemoteLocation]:
        """The locations of those of `oids` that the remote has, each once, by pack and offset.

        Of several locations it chooses the one in the pack that contains most of `oids`, condemned ones last.
        """
        # Sorted, since the tables are: neighbours are read from the disk together.
        rows = list(self._database.rows_in(_PLACES, sorted(set(oids)), before=(self._remote,)))
        packs = self._packs({(row[0], row[1]) for row in rows})
        places = []
        for listed_by, number, leaves, offset, oid, kind, codec, raw, stored in rows:
            if (listed_by, number) not in packs:
                continue  # the database was created again meanwhile
            name, goes = packs[listed_by, number]
            found = RemoteLocation(name, offset, Oid(oid), _KINDS[kind], _CODECS[codec], raw, stored)
            places.append((leaves + goes, found))
        if len({found.oid for _, found in places}) < len(places):
            places = _one_of_each(places)
        order = {name: at for at, name in enumerate(sorted({name for name, _ in packs.values()}))}
        return sorted([found for _, found in places], key=lambda found: (order[found.pack], found.offset))

    def _packs(self, numbers: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[Oid, bool]]:
        """Name and condemned state of packs, by the id of their index and their number in it."""
        query = "SELECT name, condemned FROM remote_packs WHERE listed_by = ? AND number = ?"
        names: dict[bytes, Oid] = {}
        found = {}
        for both in numbers:
            for name, condemned in self._database.rows(query, both):
                found[both] = (names.setdefault(name, Oid(name)), bool(condemned))
        return found

    # -- tables

    def _copied(self, number: int) -> set[int]:
        rows = self._database.rows("SELECT bucket FROM remote_buckets WHERE listed_by = ?", (number,))
        return {bucket for (bucket,) in rows}

    def _number(self, name: Oid) -> int:
        """The id of the index `name` in the database. It is made from the name, so that left-over rows of a dropped
        index, or of a database that was created again, are never taken for those of another index.
        """
        return xxh3_64_intdigest(self._remote.to_bytes(8, "little") + name) >> 1

    def _add_index(self, name: Oid, roots: Iterable[Oid], packs: Sequence[PackRef], head: bytes | None) -> None:
        number = self._number(name)
        query = "INSERT OR IGNORE INTO remote_indexes (id, remote, name, head) VALUES (?, ?, ?, ?)"
        self._database.write(query, [(number, self._remote, bytes(name), head)])
        self._database.write("INSERT OR IGNORE INTO remote_roots VALUES (?, ?)", [(bytes(r), number) for r in roots])
        rows = [(number, at, bytes(ref.name), ref.size) for at, ref in enumerate(packs)]
        query = "INSERT OR IGNORE INTO remote_packs (listed_by, number, name, size) VALUES (?, ?, ?, ?)"
        self._database.write(query, rows)

    def _add_rows(self, number: int, encoded: bytes | memoryview) -> None:
        # With the number in the statement, the unpacked rows are bound as they are, without another tuple for each.
        query = _INSERT.format(number)
        step = _BATCH * remote_index.ROW_SIZE
        view = memoryview(encoded)
        for at in range(0, len(view), step):
            self._database.write(query, remote_index.plain_rows(view[at : at + step]))


def _one_of_each(places: Iterable[tuple[int, RemoteLocation]]) -> list[tuple[int, RemoteLocation]]:
    """The best location of each object. Worst is one in a condemned pack of a condemned index: both may be damaged."""
    useful = Counter([pack for pack, _ in {(found.pack, found.oid) for _, found in places}])
    best: dict[Oid, tuple[int, RemoteLocation]] = {}
    for place in sorted(places, key=lambda place: (place[0], -useful[place[1].pack], place[1])):
        best.setdefault(place[1].oid, place)
    return list(best.values())
