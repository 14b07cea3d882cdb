"""What this clone knows of a remote: its index objects, copied into the index database.

All but `refresh` answer from the database, without a request. What they say may be out of date; a `refresh` away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from operator import itemgetter
from typing import Any, Final, NamedTuple

from xxhash import xxh3_64_intdigest

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.pack import FRAME_HEADER_SIZE, Codec, ObjectKind, Row
from dver.formats.remote_index import Head, Location, PackRef, RemoteIndex
from dver.remote.pool import JOBS, in_parallel
from dver.remote.storage import MissingKey, ObjectInfo, Storage
from dver.store.database import Database

INDEXES: Final = "indexes/"
INDEX_SUFFIX: Final = ".idx"
PACKS: Final = "packs/"

SMALL: Final = 1 << 20
"""Bytes of an index that is copied whole as soon as it is seen."""
_HEAD_SHARE: Final = 400
"""What part of a large index is read in the hope that it holds the head."""
_KINDS: Final = tuple(ObjectKind)
_CODECS: Final = tuple(Codec)


class RemoteFound(NamedTuple):
    """Where an object lies on the remote, sorted so that neighbours in a pack follow one another. Sizes in bytes."""

    pack: Oid
    offset: int
    oid: Oid
    pack_size: int
    kind: ObjectKind
    codec: Codec
    raw_size: int
    stored_size: int

    @property
    def end(self) -> int:
        """Where its frame ends."""
        return self.offset + FRAME_HEADER_SIZE + self.stored_size

    def row(self) -> Row:
        """The same as a pack's footer has it. The checksum, which indexes do not list, is 0."""
        return Row(self.oid, self.kind, self.codec, self.offset, self.raw_size, self.stored_size, 0)


def pack_key(name: Oid) -> str:
    """The key of the pack called `name`."""
    return f"{PACKS}{name.hex()}.pack"


def index_key(name: Oid) -> str:
    """The key of the index called `name`."""
    return f"{INDEXES}{name.hex()}{INDEX_SUFFIX}"


def parse_index_key(key: str) -> Oid | None:
    """The name of the index under `key`; None if it is none."""
    stem = key.removeprefix(INDEXES).removesuffix(INDEX_SUFFIX)
    if len(stem) != 64 or key != f"{INDEXES}{stem}{INDEX_SUFFIX}" or stem != stem.lower():
        return None
    with suppress(ValueError):
        return Oid(bytes.fromhex(stem))
    return None


class Mirror:
    """The copy of one remote's indexes in `database`. `remote_key` says which: its url and endpoint, not its name.

    Of large indexes only the heads are copied, until somebody copies more (`dver.remote.lookup`).
    """

    def __init__(self, database: Database, remote_key: str) -> None:
        self._database = database
        # Made from the key alone, so that a database that was begun again in between cannot mix up two remotes.
        self._remote: Final = xxh3_64_intdigest(remote_key.encode("utf-8", "surrogateescape")) >> 1

    # -- keeping up with the remote

    def refresh(self, storage: Storage, *, jobs: int = JOBS) -> list[ObjectInfo]:
        """Catch up with the remote: one list, and the indexes not seen before. Returns what was listed.

        Raises RemoteError; CorruptError for indexes that are damaged, once all others have been read.
        """
        infos = list(storage.list(INDEXES))
        listed = {name: info.size for info in infos if (name := parse_index_key(info.key)) is not None}
        if self.names() - listed.keys():
            # Somebody removed indexes, and packs with them perhaps: what the rest lists is all that counts.
            self.forget()
        unknown = sorted(listed.keys() - self.names())
        damaged: list[Oid] = []

        def fetched(name: Oid) -> tuple[Oid, bytes | Head | CorruptError | None]:
            try:
                return name, fetch_index(storage, index_key(name), listed[name])
            except MissingKey:  # removed since it was listed
                return name, None
            except CorruptError as error:
                if error.fix:  # of a newer version: nothing is wrong with it
                    raise
                return name, error

        with closing(in_parallel(fetched, unknown, jobs=jobs)) as answers:
            for name, found in answers:
                if found is not None and not self._take(name, found):
                    damaged.append(name)
        if damaged:
            raise _damaged(storage, damaged)
        return infos

    def add(self, name: Oid, index: RemoteIndex) -> None:
        """The remote now has `index` under `name`."""
        with self._database.transaction():
            numbers = self._add_packs(index.packs)
            self._add_rows(index.objects, numbers)
            self._add_index(name, index.roots, None)

    def add_head(self, head: Head, encoded: bytes) -> None:
        """The remote now has an index of which only the head is to be copied."""
        with self._database.transaction():
            self._add_packs(head.packs)
            self._add_index(head.name, head.roots, encoded)

    def add_rows(self, head: Head, rows: Iterable[Location]) -> None:
        """Some rows of the index with `head`, which was added before."""
        with self._database.transaction():
            self._add_rows(rows, self._add_packs(head.packs))

    def has_all_rows(self, name: Oid) -> None:
        """All rows of the index `name` have been added."""
        query = "UPDATE remote_indexes SET head = NULL WHERE remote = ? AND name = ?"
        self._database.write(query, [(self._remote, bytes(name))])

    def heads(self) -> list[Head]:
        """Of the indexes whose rows are not all here, the heads."""
        query = "SELECT head FROM remote_indexes WHERE remote = ? AND head IS NOT NULL"
        return [remote_index.decode_head(content) for (content,) in self._database.rows(query, (self._remote,))]

    def note_condemned(self, lists: Mapping[Oid, Iterable[Oid]]) -> None:
        """These condemned lists are on the remote, and no others: the packs and indexes that each names."""
        rows = [(self._remote, bytes(one), bytes(name)) for one, names in lists.items() for name in names]
        with self._database.transaction():
            self._database.write("DELETE FROM remote_condemned WHERE remote = ?", [(self._remote,)])
            self._database.write("INSERT OR IGNORE INTO remote_condemned VALUES (?, ?, ?)", rows)

    def condemned(self) -> dict[Oid, set[Oid]]:
        """The packs and indexes that each condemned list names."""
        lists: dict[Oid, set[Oid]] = {}
        query = "SELECT list, name FROM remote_condemned WHERE remote = ?"
        for one, name in self._database.rows(query, (self._remote,)):
            lists.setdefault(Oid(one), set()).add(Oid(name))
        return lists

    def forget(self) -> None:
        """Drop all that is known of this remote."""
        with self._database.transaction():
            for table in ("indexes", "roots", "packs", "objects", "condemned"):
                self._database.write(f"DELETE FROM remote_{table} WHERE remote = ?", [(self._remote,)])  # noqa: S608

    # -- what is there

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that an index names as a root: it and all it reaches is there, and stays there."""
        query = "SELECT oid, listed_by FROM remote_roots WHERE remote = ? AND oid IN {in}"
        leaving = self._leaving()
        rows = self._database.rows_in(query, oids, before=(self._remote,))
        return {Oid(oid) for oid, listed_by in rows if listed_by not in leaving}

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there, whatever their kind, and stay there."""
        query = "SELECT oid, pack FROM remote_objects WHERE remote = ? AND oid IN {in}"
        return self._staying(self._database.rows_in(query, oids, before=(self._remote,)))

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are there as a `kind`, and stay there: with a tree or recipe, all that it reaches."""
        query = "SELECT oid, pack FROM remote_objects WHERE remote = ? AND kind = ? AND oid IN {in}"
        return self._staying(self._database.rows_in(query, oids, before=(self._remote, kind)))

    def locate(self, oids: Iterable[Oid]) -> list[RemoteFound]:
        """Where those of `oids` lie that are there, each once, by pack and offset.

        Of several places the one in the pack that serves most of `oids` is chosen; those that are condemned come last.
        """
        packs = self._database.rows("SELECT id, name, size FROM remote_packs WHERE remote = ?", (self._remote,))
        names = {number: (Oid(name), size) for number, name, size in packs}
        query = (
            "SELECT pack, offset, oid, kind, codec, raw_size, stored_size FROM remote_objects"
            " WHERE remote = ? AND oid IN {in}"
        )
        found = []
        for row in self._one_of_each(list(self._database.rows_in(query, oids, before=(self._remote,)))):
            number, offset, oid, kind, codec, raw, stored = row
            name, size = names[number]
            found.append(RemoteFound(name, offset, Oid(oid), size, _KINDS[kind], _CODECS[codec], raw, stored))
        found.sort(key=itemgetter(0, 1))
        return found

    def names(self) -> set[Oid]:
        """The indexes that are known here."""
        rows = self._database.rows("SELECT name FROM remote_indexes WHERE remote = ?", (self._remote,))
        return {Oid(name) for (name,) in rows}

    def _one_of_each(self, rows: list[Any]) -> Iterable[Any]:
        best: dict[bytes, Any] = {}
        if len({row[2] for row in rows}) == len(rows):
            return rows
        useful = Counter(row[0] for row in rows)
        leaving = self._leaving_packs()
        for row in sorted(rows, key=lambda row: (row[0] in leaving, -useful[row[0]], row[0])):
            best.setdefault(row[2], row)
        return best.values()

    def _staying(self, rows: Iterable[tuple[bytes, int]]) -> set[Oid]:
        leaving = self._leaving_packs()
        return {Oid(oid) for oid, pack in rows if pack not in leaving}

    def _leaving(self) -> set[bytes]:
        """The names of packs and indexes that a gc has condemned."""
        rows = self._database.rows("SELECT name FROM remote_condemned WHERE remote = ?", (self._remote,))
        return {name for (name,) in rows}

    def _leaving_packs(self) -> set[int]:
        query = "SELECT id FROM remote_packs JOIN remote_condemned USING (remote, name) WHERE remote_packs.remote = ?"
        return {number for (number,) in self._database.rows(query, (self._remote,))}

    def _take(self, name: Oid, found: bytes | Head | CorruptError) -> bool:
        """Add the index `name`; False if what was found is not what that name stands for."""
        if isinstance(found, CorruptError):
            return False
        if isinstance(found, Head):
            if found.name != name:
                return False
            self.add_head(found, found.encoded)
            return True
        try:
            self.add(name, remote_index.decode_named(name, found))
        except CorruptError as error:
            if error.fix:  # of a newer version: nothing is wrong with it
                raise
            return False
        return True

    def _add_index(self, name: Oid, roots: Iterable[Oid], head: bytes | None) -> None:
        rows = [(self._remote, bytes(oid), bytes(name)) for oid in roots]
        self._database.write("INSERT OR IGNORE INTO remote_roots VALUES (?, ?, ?)", rows)
        row = (self._remote, bytes(name), head)
        self._database.write("INSERT OR REPLACE INTO remote_indexes VALUES (?, ?, ?)", [row])

    def _add_packs(self, refs: Sequence[PackRef]) -> list[int]:
        """Note packs; their numbers in the database, in order."""
        rows = [(self._remote, bytes(ref.name), ref.size) for ref in refs]
        self._database.write("INSERT OR IGNORE INTO remote_packs (remote, name, size) VALUES (?, ?, ?)", rows)
        query = "SELECT name, id FROM remote_packs WHERE remote = ? AND name IN {in}"
        found = self._database.rows_in(query, [ref.name for ref in refs], before=(self._remote,))
        numbers: dict[bytes, int] = dict(found)
        return [numbers[ref.name] for ref in refs]

    def _add_rows(self, rows: Iterable[Location], numbers: Sequence[int]) -> None:
        self._database.write(
            "INSERT OR IGNORE INTO remote_objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            # Plain bytes and numbers: SQLite looks for an adapter for everything else.
            [
                (self._remote, bytes(oid), numbers[number], int(kind), int(codec), offset, raw_size, stored_size)
                for oid, number, kind, codec, offset, raw_size, stored_size in rows
            ],
        )


def fetch_index(storage: Storage, key: str, size: int) -> bytes | Head:
    """The index under `key`, which has `size` bytes; of a large one the head alone, read by range.

    Raises MissingKey, RemoteError, CorruptError.
    """
    if size <= SMALL:
        return storage.get(key)
    # Heads are some thousandths of their index: mostly, this is the only request.
    content = storage.get(key, 0, max(SMALL // 16, size // _HEAD_SHARE))
    if remote_index.is_version_1(content):
        return storage.get(key)
    length = remote_index.head_size(content)
    if length > size:
        raise CorruptError("an index with a head larger than itself")
    if length > len(content):
        content += storage.get(key, len(content), length - len(content))
    head = remote_index.decode_head(content[:length])
    if head.total != size:
        raise CorruptError("an index of a wrong size")
    return head


def _damaged(storage: Storage, names: Sequence[Oid]) -> CorruptError:
    return CorruptError(
        f"{len(names)} of the indexes on {storage.url} are damaged: {index_key(names[0])}",
        why="their bytes do not match their name: the disk, the network or a program changed them",
        fix=f"delete them there, then `dver push` from a clone that has the data ({', '.join(map(index_key, names))})",
    )
