"""What this clone knows of a remote: its index objects, copied into the index database.

All but `refresh` answer from the database, without a request. What they say may be out of date; a `refresh` away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from operator import itemgetter
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.pack import FRAME_HEADER_SIZE, Codec, ObjectKind, Row
from dver.formats.remote_index import RemoteIndex
from dver.remote.pool import JOBS, in_parallel
from dver.remote.storage import MissingKey, ObjectInfo, Storage
from dver.store.database import Database

INDEXES: Final = "indexes/"
INDEX_SUFFIX: Final = ".idx"
PACKS: Final = "packs/"

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
    """The copy of one remote's indexes in `database`. `remote_key` says which: its url and endpoint, not its name."""

    def __init__(self, database: Database, remote_key: str) -> None:
        self._database = database
        # Made from the key alone, so that a database that was begun again in between cannot mix up two remotes.
        self._remote: Final = xxh3_64_intdigest(remote_key.encode("utf-8", "surrogateescape")) >> 1

    def refresh(self, storage: Storage, *, jobs: int = JOBS) -> list[ObjectInfo]:
        """Catch up with the remote: one list, and the indexes not seen before. Returns what was listed.

        Raises RemoteError; CorruptError for indexes that are damaged, once all others have been read.
        """
        infos = list(storage.list(INDEXES))
        listed = {name for info in infos if (name := parse_index_key(info.key)) is not None}
        if self.names() - listed:
            # Somebody removed indexes, and packs with them perhaps: what the rest lists is all that counts.
            self.forget()
        unknown = sorted(listed - self.names())
        damaged: list[Oid] = []

        def fetched(name: Oid) -> tuple[Oid, bytes | None]:
            try:
                return name, storage.get(index_key(name))
            except MissingKey:  # removed since it was listed
                return name, None

        with closing(in_parallel(fetched, unknown, jobs=jobs)) as answers:
            for name, content in answers:
                if content is not None and not self._take(name, content):
                    damaged.append(name)
        if damaged:
            raise _damaged(storage, damaged)
        return infos

    def add(self, name: Oid, index: RemoteIndex) -> None:
        """The remote now has `index` under `name`."""
        with self._database.transaction():
            packs = self._add_packs(index)
            self._database.write(
                "INSERT OR IGNORE INTO remote_objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                # Plain bytes and numbers: SQLite looks for an adapter for everything else.
                [
                    (self._remote, bytes(oid), packs[number], int(kind), int(codec), offset, raw_size, stored_size)
                    for oid, number, kind, codec, offset, raw_size, stored_size in index.objects
                ],
            )
            roots = [(self._remote, oid) for oid in index.roots]
            self._database.write("INSERT OR IGNORE INTO remote_roots VALUES (?, ?)", roots)
            self._database.write("INSERT OR IGNORE INTO remote_indexes VALUES (?, ?)", [(self._remote, name)])

    def forget(self) -> None:
        """Drop all that is known of this remote."""
        with self._database.transaction():
            for table in ("indexes", "roots", "packs", "objects"):
                self._database.write(f"DELETE FROM remote_{table} WHERE remote = ?", [(self._remote,)])  # noqa: S608

    def has_roots(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that an index names as a root: it and all it reaches is there."""
        query = "SELECT oid FROM remote_roots WHERE remote = ? AND oid IN {in}"
        return {Oid(oid) for (oid,) in self._database.rows_in(query, oids, before=(self._remote,))}

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are there, whatever their kind."""
        query = "SELECT oid FROM remote_objects WHERE remote = ? AND oid IN {in}"
        return {Oid(oid) for (oid,) in self._database.rows_in(query, oids, before=(self._remote,))}

    def known(self, kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        """Those of `oids` that are there as a `kind`: for a tree, all that it reaches is there too."""
        query = "SELECT oid FROM remote_objects WHERE remote = ? AND kind = ? AND oid IN {in}"
        return {Oid(oid) for (oid,) in self._database.rows_in(query, oids, before=(self._remote, kind))}

    def locate(self, oids: Iterable[Oid]) -> list[RemoteFound]:
        """Where those of `oids` lie that are there, by pack and offset."""
        packs = self._database.rows("SELECT id, name, size FROM remote_packs WHERE remote = ?", (self._remote,))
        names = {number: (Oid(name), size) for number, name, size in packs}
        query = (
            "SELECT pack, offset, oid, kind, codec, raw_size, stored_size FROM remote_objects"
            " WHERE remote = ? AND oid IN {in}"
        )
        found = []
        for number, offset, oid, kind, codec, raw, stored in self._database.rows_in(
            query, oids, before=(self._remote,)
        ):
            name, size = names[number]
            found.append(RemoteFound(name, offset, Oid(oid), size, _KINDS[kind], _CODECS[codec], raw, stored))
        found.sort(key=itemgetter(0, 1))
        return found

    def names(self) -> set[Oid]:
        """The indexes that are known here."""
        rows = self._database.rows("SELECT name FROM remote_indexes WHERE remote = ?", (self._remote,))
        return {Oid(name) for (name,) in rows}

    def _take(self, name: Oid, content: bytes) -> bool:
        """Add the index `name`; False if `content` is not what that name stands for."""
        if Oid.of(content) != name:
            return False
        try:
            index = remote_index.decode(content)
        except CorruptError as error:
            if error.fix:  # of a newer version: nothing is wrong with it
                raise
            return False
        self.add(name, index)
        return True

    def _add_packs(self, index: RemoteIndex) -> list[int]:
        """Note the packs of `index`; their numbers in the database, in order."""
        rows = [(self._remote, ref.name, ref.size) for ref in index.packs]
        self._database.write("INSERT OR IGNORE INTO remote_packs (remote, name, size) VALUES (?, ?, ?)", rows)
        query = "SELECT name, id FROM remote_packs WHERE remote = ? AND name IN {in}"
        found = self._database.rows_in(query, [ref.name for ref in index.packs], before=(self._remote,))
        numbers: dict[bytes, int] = dict(found)
        return [numbers[ref.name] for ref in index.packs]


def _damaged(storage: Storage, names: Sequence[Oid]) -> CorruptError:
    return CorruptError(
        f"{len(names)} of the indexes on {storage.url} are damaged: {index_key(names[0])}",
        why="their bytes do not match their name: the disk, the network or a program changed them",
        fix=f"delete them there, then `dver push` from a clone that has the data ({', '.join(map(index_key, names))})",
    )
