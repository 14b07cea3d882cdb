"""The object index: which packs the store has, and where each object lies in them.

The index database caches the footers of all packs. Every access first compares it with the packs on the disk, since
other processes and other clones add and remove packs at any time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from xxhash import xxh3_64_hexdigest

from dver.core.batches import batched
from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import Codec, ObjectKind, Row
from dver.store.objects.database import Database
from dver.store.objects.file_creation import is_store
from dver.store.objects.frames import FrameReader, ObjectLocation
from dver.store.objects.packs import PackReader, list_packs, pack_file_name
from dver.store.trash.trash import last_gc

_LEARNT_AT_ONCE: Final = 256
"""Packs that are indexed in one transaction: one each takes longer, and a long one keeps other processes out."""
_WHERE: Final = "SELECT pack, offset, oid, kind, codec, raw_size, stored_size FROM objects WHERE oid IN {in}"
_WHERE_CHUNKED: Final = f"{_WHERE} AND codec = {Codec.CHUNKED:d}"
_SHADOWED: Final = (
    "SELECT name FROM packs LEFT JOIN (SELECT pack, count(*) AS held FROM objects GROUP BY pack) ON pack = id"
    " WHERE listed > coalesce(held, 0)"
)
"""Packs with objects that the database lists in another pack, which may be gone."""
_KINDS: Final = tuple(ObjectKind)
_CODECS: Final = tuple(Codec)


class ObjectIndex:
    """Finds the objects in the packs of the store at `root`. `frames` reads them."""

    def __init__(self, root: Path, database: Database) -> None:
        self.packs = root / "packs"
        self.frames = FrameReader(self.pack_location)
        self._root = root
        self._trash = root / "trash"
        self._database = database
        self._names: dict[int, Oid] | None = None
        self._generation = database.generation
        self._rebuilt = False
        self._last_gc = b""
        self.damaged_packs: list[Path] = []
        """Packs whose footer cannot be read. Their objects count as missing."""

    # -- objects

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are in a pack."""
        return {Oid(oid) for (oid,) in self._select("SELECT oid FROM objects WHERE oid IN {in}", oids)}

    def locate(self, oids: Iterable[Oid]) -> list[ObjectLocation]:
        """The locations of those of `oids` that are in packs, in the order in which a disk reads best."""
        return self._locate(_WHERE, list(oids))

    def locate_chunked(self, oids: Iterable[Oid]) -> list[ObjectLocation]:
        """The locations of those of `oids` that are in packs as a recipe."""
        return self._locate(_WHERE_CHUNKED, list(oids))

    def _locate(self, query: str, oids: list[Oid]) -> list[ObjectLocation]:
        rows = self._select(query, oids)
        try:
            found = [
                ObjectLocation(p, at, Oid(o), _KINDS[k], _CODECS[c], raw, kept) for p, at, o, k, c, raw, kept in rows
            ]
            found.sort(key=itemgetter(0, 1))
        except (TypeError, IndexError):  # dver never writes such values
            self._database.recreate()
            return self._locate(query, oids)
        return found

    def count(self) -> int:
        self._pack_names()
        ((packed,),) = self._database.rows("SELECT count(*) FROM objects")
        return int(packed)

    def tally(self, oids: Iterable[Oid]) -> dict[int, tuple[int, int]]:
        """The number of `oids` in each pack (by database id), and their stored bytes."""
        sums: dict[int, tuple[int, int]] = {}
        query = "SELECT pack, count(*), sum(stored_size) FROM objects WHERE oid IN {in} GROUP BY pack"
        for number, count, size in self._select(query, oids):
            before = sums.get(number, (0, 0))
            sums[number] = before[0] + count, before[1] + size
        return sums

    def complete(self, roots: Iterable[Oid]) -> set[Oid]:
        """Those of `roots` that are known to be in the store with everything below them."""
        return {Oid(oid) for (oid,) in self._select("SELECT oid FROM complete_roots WHERE oid IN {in}", roots)}

    def mark_complete(self, roots: Iterable[Oid]) -> None:
        """Remember until the next gc that `roots` are in the store with everything below them."""
        self._pack_names()
        with self._database.transaction():
            if last_gc(self._trash) == self._last_gc:  # a gc since then may have removed some of it
                rows = [(oid,) for oid in sorted(roots)]
                self._database.write("INSERT OR IGNORE INTO complete_roots VALUES (?)", rows)

    # -- packs

    def pack_path(self, number: int) -> Path:
        """The file of the pack with the database id `number`."""
        return self.packs / pack_file_name(self.pack_name(number))

    def pack_location(self, number: int) -> tuple[Oid, Path]:
        """The name and the file of the pack with the database id `number`."""
        return self.pack_name(number), self.pack_path(number)

    def pack_name(self, number: int) -> Oid:
        """The name of the pack with the database id `number`. Raises FileNotFoundError if it has been removed."""
        name = self._pack_names().get(number)
        if name is None:  # another process has just added the pack
            self.refresh()
            name = self._pack_names().get(number)
        if name is None:
            raise FileNotFoundError(errno.ENOENT, "this pack has been removed")
        return name

    def register(self, name: Oid, rows: Collection[Row]) -> None:
        """Add the pack `name` with the objects `rows`. Its file must be in place."""
        known = self._pack_names()
        self.frames.forget(name)  # a good file may just have replaced a corrupt one
        with self._database.transaction():
            self._database.write("INSERT OR IGNORE INTO packs (name, listed) VALUES (?, ?)", [(bytes(name), len(rows))])
            ((number,),) = self._database.rows("SELECT id FROM packs WHERE name = ?", (bytes(name),))
            self._database.write(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (bytes(oid), number, int(kind), int(codec), offset, raw, stored)
                    for oid, kind, codec, offset, raw, stored, _ in sorted(rows)
                ],
            )
        known[number] = name

    # -- keeping the database in step

    def former_store(self) -> Path | None:
        """The store that this clone used before, if it still exists."""
        for (text,) in self._database.rows("SELECT value FROM facts WHERE key = 'store before'"):
            if text != os.fspath(self._root) and is_store(Path(text)):
                return Path(text)
        return None

    def refresh(self) -> None:
        """List the packs again at the next access: another process, or another clone, may have added some."""
        self._names = None

    def rebuild(self, missing: Oid) -> bool:
        """Read the footers of all packs again: `missing` is not where the database says, and that may be the
        database's fault. False if that was done before and did not help."""
        if self._rebuilt:
            return False
        self._rebuilt = True
        names = self._pack_names()
        key, state = f"lost:{missing.hex()}", xxh3_64_hexdigest(b"".join(sorted(names.values())))
        if self._database.rows("SELECT value FROM facts WHERE key = ?", (key,)) == [(state,)]:
            return False
        # The rows of a pack with a damaged footer stay: the rest of that pack may be whole.
        unreadable = [number for number, name in names.items() if self._rows_of(name) is None]
        with self._database.transaction():
            numbers = ",".join(map(str, unreadable))
            self._database.write(f"DELETE FROM objects WHERE pack NOT IN ({numbers})", [()])  # noqa: S608 - numbers
            self._database.write("DELETE FROM complete_roots", [()])
            self._database.write("DELETE FROM facts WHERE key LIKE 'lost:%'", [()])
            self._database.write("INSERT OR REPLACE INTO facts VALUES (?, ?)", [(key, state)])
        for name in [name for number, name in names.items() if number not in unreadable]:
            self._learn(name)
        return True

    def _select(self, query: str, oids: Iterable[Oid]) -> list[tuple[Any, ...]]:
        """The database's rows about `oids`. A database that breaks meanwhile is filled again from the packs."""
        wanted = list(oids)
        while self._pack_names():
            rows = list(self._database.rows_in(query, wanted))
            if self._database.generation == self._generation:
                return rows
        return []

    def _pack_names(self) -> dict[int, Oid]:
        if self._names is None or self._database.generation != self._generation:
            self._generation = self._database.generation
            self._names = self._synchronise()
        return self._names

    def _synchronise(self) -> dict[int, Oid]:
        self._forget_other_store()
        try:
            known = {Oid(name): number for number, name in self._database.rows("SELECT id, name FROM packs")}
        except TypeError:  # dver never writes such names
            self._database.recreate()
            return self._synchronise()
        on_disk = list_packs(self.packs)
        self._names = {number: name for name, number in known.items() if name in on_disk}
        removed = [(number,) for name, number in known.items() if name not in on_disk]
        self._forget_removed(removed)
        self.damaged_packs.clear()
        new = on_disk - known.keys()
        if removed:
            new |= on_disk.intersection(Oid(name) for (name,) in self._database.rows(_SHADOWED))
        for names in batched(sorted(new), _LEARNT_AT_ONCE):
            with self._database.transaction():
                for name in names:
                    self._learn(name)
        return self._names

    def _forget_removed(self, removed: list[tuple[int]]) -> None:
        """Delete the rows of `removed` packs; after a gc, also the roots that were complete."""
        self._last_gc = last_gc(self._trash)
        swept = self._last_gc.decode("ascii", "replace")
        if removed or self._database.rows("SELECT value FROM facts WHERE key = 'swept'") != [(swept,)]:
            with self._database.transaction():
                self._database.write("DELETE FROM objects WHERE pack = ?", removed)
                self._database.write("DELETE FROM packs WHERE id = ?", removed)
                self._database.write("DELETE FROM complete_roots", [()])
                self._database.write("INSERT OR REPLACE INTO facts VALUES ('swept', ?)", [(swept,)])

    def _learn(self, name: Oid) -> None:
        rows = self._rows_of(name)
        if rows is None:
            self.damaged_packs.append(self.packs / pack_file_name(name))
        else:
            self.register(name, rows)

    def _rows_of(self, name: Oid) -> list[Row] | None:
        """The footer of the pack `name`: None if it is damaged, empty if the pack has just been removed."""
        try:
            with PackReader(self.packs / pack_file_name(name)) as reader:
                return reader.rows(name)
        except FileNotFoundError:
            return []
        except CorruptError:
            return None

    def _forget_other_store(self) -> None:
        """Start over if the database describes another store: `cache.dir` has changed."""
        root = os.fspath(self._root)
        rows = self._database.rows("SELECT value FROM facts WHERE key = 'store'")
        if rows != [(root,)]:
            with self._database.transaction():
                self._database.write("DELETE FROM objects", [()])
                self._database.write("DELETE FROM packs", [()])
                self._database.write("DELETE FROM complete_roots", [()])
                self._database.write("INSERT OR REPLACE INTO facts VALUES ('store', ?)", [(root,)])
                self._database.write("INSERT OR REPLACE INTO facts VALUES ('store before', ?)", rows)
