"""The store: every object of this machine, found by oid and never returned unless its bytes match it."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from xxhash import xxh3_64_hexdigest

from dver.core.batches import batched
from dver.core.errors import CorruptError, LocalIOError, MissingObjectError
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.recipe import Chunk, Recipe
from dver.formats.tree import Entry
from dver.store import clones
from dver.store.codec import corrupt, missing
from dver.store.database import Database
from dver.store.frames import Found, FrameReader
from dver.store.loose import LooseBlobs
from dver.store.loosechunks import LooseChunks
from dver.store.packs import PackReader, pack_file_name, parse_pack_file_name
from dver.store.scratch import PRIVATE, Scratch, Sharing, is_store

UNFINISHED: Final = ".unfinished"
"""What the name of a folder in the trash ends with while a gc fills it."""
_AT_ONCE: Final = 16
"""Chunks that are read together: some MiB."""
_SEARCHES: Final = 10
"""How often packs are listed again for one read, while gcs of other processes replace them one after the other."""
_LEARNT_AT_ONCE: Final = 256
"""Packs that become known in one transaction: one each would take longer, and a long one keeps other processes out."""
_WHERE: Final = "SELECT pack, offset, oid, kind, codec, raw_size, stored_size FROM objects WHERE oid IN {in}"
_WHERE_CHUNKED: Final = f"{_WHERE} AND codec = {Codec.CHUNKED:d}"
_SHADOWED: Final = (
    "SELECT name FROM packs LEFT JOIN (SELECT pack, count(*) AS held FROM objects GROUP BY pack) ON pack = id"
    " WHERE listed > coalesce(held, 0)"
)
"""Packs with objects that the database has said to be in another pack, which may be gone."""
_KINDS: Final = tuple(ObjectKind)
_CODECS: Final = tuple(Codec)


class Store:
    """Packs and loose blobs below the folder `root`, found through `database`; `sharing` tells who else uses them."""

    def __init__(self, root: Path, database: Database, sharing: Sharing = PRIVATE) -> None:
        self.root = root
        self.packs = root / "packs"
        self.scratch = Scratch(root / "tmp", sharing)
        self.trash = root / "trash"
        self.loose = LooseBlobs(root / "loose", self.scratch)
        self.loose_chunks = LooseChunks(database, self.loose)
        self.database = database
        self._names: dict[int, Oid] | None = None
        self._generation = database.generation
        self._doubted = False
        self._prepared = False
        self._swept = b""
        self._frames = FrameReader(self.pack_place)
        self.damaged_packs: list[Path] = []
        """Packs whose footer cannot be read. What they hold counts as absent."""

    def close(self) -> None:
        """Let go of all open packs."""
        self._frames.close()

    def prepare(self) -> None:
        """See that files can be made in the store, and that this clone stands in its register, before the first one is.

        Raises LocalIOError.
        """
        if not self._prepared:
            self.scratch.check(self.packs)
            clones.note(self.root, self.scratch)
            self._prepared = True

    def attend(self) -> None:
        """Have this clone stand in the register of a store that others have begun, if that can be written."""
        if self.packs.is_dir() or self.loose.root.is_dir():
            with suppress(OSError, LocalIOError):
                clones.note(self.root, self.scratch)

    # -- what is here

    def __contains__(self, oid: Oid) -> bool:
        return bool(self.present((oid,)))

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that the store holds."""
        wanted = set(oids)
        found = {Oid(oid) for (oid,) in self._select("SELECT oid FROM objects WHERE oid IN {in}", wanted)}
        found.update(self.loose.present(wanted - found))
        return found

    def locate(self, oids: Iterable[Oid]) -> list[Found]:
        """Where those of `oids` lie that are in packs, in the order in which a disk reads best."""
        return self._located(_WHERE, list(oids))

    def _located(self, query: str, oids: list[Oid]) -> list[Found]:
        rows = self._select(query, oids)
        try:
            found = [Found(p, at, Oid(o), _KINDS[k], _CODECS[c], raw, kept) for p, at, o, k, c, raw, kept in rows]
            found.sort(key=itemgetter(0, 1))
        except (TypeError, IndexError):  # no values that anybody has written
            self.database.begin_again()
            return self._located(query, oids)
        return found

    def count(self) -> int:
        """How many objects are here. Those that are both in a pack and loose count twice."""
        self._pack_names()
        ((packed,),) = self.database.rows("SELECT count(*) FROM objects")
        return int(packed) + sum(1 for _ in self.loose.all())

    def tally(self, oids: Iterable[Oid]) -> dict[int, tuple[int, int]]:
        """How many of `oids` each pack (by database id) holds, and their stored bytes."""
        sums: dict[int, tuple[int, int]] = {}
        query = "SELECT pack, count(*), sum(stored_size) FROM objects WHERE oid IN {in} GROUP BY pack"
        for number, count, size in self._select(query, oids):
            before = sums.get(number, (0, 0))
            sums[number] = before[0] + count, before[1] + size
        return sums

    def complete(self, roots: Iterable[Oid]) -> set[Oid]:
        """Those of `roots` that are known to be here with everything below them."""
        return {Oid(oid) for (oid,) in self._select("SELECT oid FROM complete_roots WHERE oid IN {in}", roots)}

    def mark_complete(self, roots: Iterable[Oid]) -> None:
        """Remember that `roots` are here with everything below them; forgotten as soon as a gc takes something away."""
        self._pack_names()
        with self.database.transaction():
            if self.last_gc() == self._swept:  # what was here when we looked may be gone otherwise
                rows = [(oid,) for oid in sorted(roots)]
                self.database.write("INSERT OR IGNORE INTO complete_roots VALUES (?)", rows)

    def last_gc(self) -> bytes:
        """The name of the gc that was the last to take something away; nothing if there was none."""
        try:
            return (self.trash / "last").read_bytes()
        except FileNotFoundError:
            return b""

    def pack_path(self, number: int) -> Path:
        """The file of the pack with the database id `number`."""
        return self.packs / pack_file_name(self.pack_name(number))

    def pack_place(self, number: int) -> tuple[Oid, Path]:
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

    # -- reading

    def read(self, oid: Oid) -> bytes:
        """The content of an object, in memory whole. Raises MissingObjectError or CorruptError."""
        return b"".join(self.stream(oid))

    def read_found(self, found: Found) -> bytes:
        """The content of an object that `locate` found and that is not chunked, checked against its oid."""
        with suppress(FileNotFoundError):
            try:
                return self._frames.content(found)
            except CorruptError as error:
                return self._from_elsewhere(found, error)
        ((_, content),) = self._moved([found])
        if isinstance(content, CorruptError):
            raise content
        return content

    def read_all(self, found: Sequence[Found]) -> Iterator[tuple[Found, bytes | CorruptError]]:
        """The contents of objects that `locate` found and that are not chunked: see `FrameReader.contents`."""
        done = 0
        try:
            for one, content in self._frames.contents(found):
                if isinstance(content, CorruptError):
                    try:
                        content = self._from_elsewhere(one, content)
                    except CorruptError as error:
                        content = error
                done += 1
                yield one, content
        except FileNotFoundError:
            yield from self._moved(found[done:])

    def _moved(self, found: Sequence[Found]) -> Iterator[tuple[Found, bytes | CorruptError]]:
        """The contents of objects that were at `found` until another process, a gc, took their pack away: it has put
        into other packs what is needed."""
        wanted = {one.oid: one for one in found}
        for _ in self._searches():
            with suppress(FileNotFoundError):
                here = [one for one in self.locate(wanted) if one.codec is not Codec.CHUNKED]
                for one, content in self._frames.contents(here):
                    yield wanted.pop(one.oid), content
                break
        else:
            raise _just_removed()
        for oid, one in wanted.items():
            yield one, self.read(oid)

    def recipes(self, oids: Iterable[Oid]) -> Iterator[tuple[Oid, Recipe | CorruptError]]:
        """The recipes of those of `oids` that are kept as chunks. A damaged one yields its error."""
        for found in self._located(_WHERE_CHUNKED, list(oids)):
            try:
                yield found.oid, self._recipe(found)
            except CorruptError as error:
                yield found.oid, error

    def stream(self, oid: Oid) -> Iterator[bytes]:
        """The content of an object piece by piece; a CorruptError with the last one takes it all back.

        Raises MissingObjectError, for a chunk that is not here even after the first pieces.
        """
        for found in self._find(oid):
            if found.codec is Codec.CHUNKED:
                return self.assembled(oid, self._recipe(found))
            return iter((self.read_found(found),))
        return self.loose.pieces(oid)

    def _recipe(self, found: Found) -> Recipe:
        with suppress(FileNotFoundError):
            try:
                return self._frames.recipe(found)
            except CorruptError:
                self.filled_again(found.oid)
        for _ in self._searches():
            with suppress(FileNotFoundError):
                return self._frames.recipe(next(iter(self._find(found.oid)), found))
        raise _just_removed()

    def assembled(self, oid: Oid, recipe: Recipe) -> Iterator[bytes]:
        """The blob `oid`, piece by piece, of chunks in packs; a CorruptError with the last one takes it all back."""
        hasher = large_hash()
        for start in range(0, len(recipe.chunks), _AT_ONCE):
            wanted = recipe.chunks[start : start + _AT_ONCE]
            contents = self._chunks({chunk.oid for chunk in wanted})
            pieces = [contents.get(chunk.oid) or self._chunk(oid, chunk) for chunk in wanted]
            piece = b"".join(pieces)
            if [len(one) for one in pieces] != [chunk.size for chunk in wanted]:
                raise corrupt(oid)
            hasher.update(piece)
            yield piece
        if hasher.digest() != oid:
            raise corrupt(oid)

    def _chunks(self, oids: set[Oid]) -> dict[Oid, bytes]:
        found = [one for one in self.locate(oids) if one.codec is not Codec.CHUNKED]
        contents = {}
        for one, content in self.read_all(found):
            if isinstance(content, CorruptError):
                raise content
            contents[one.oid] = content
        return contents

    def _chunk(self, oid: Oid, chunk: Chunk) -> bytes:
        """A chunk of the blob `oid` that was not found at the first look."""
        for found in self._find(chunk.oid):
            if found.codec is not Codec.CHUNKED:
                return self.read_found(found)
        raise corrupt(oid)

    def tree(self, oid: Oid, shards: MutableMapping[Oid, tree.Leaf] | None = None) -> list[tree.Entry]:
        """The entries of a directory, shards joined. Raises CorruptError for what is no tree, or no honest one.

        With `shards`, those that are known already are not read again.
        """
        return tree.read_directory(self._read_tree, oid, shards)

    def entries(self, oid: Oid, names: Collection[bytes]) -> dict[bytes, Entry]:
        """Those of `names` that a directory has. Of a large one, only the shards that may list them have to be here."""
        return tree.read_entries(self._read_tree, oid, names)

    def _read_tree(self, oid: Oid) -> bytes:
        for found in self._find(oid):
            if found.codec is not Codec.CHUNKED:
                return self.read_found(found)
        raise CorruptError(f"object {oid.short} is no tree", why="it is kept as a large file is")

    def _from_elsewhere(self, found: Found, error: CorruptError) -> bytes:
        """The content of an object that is not at `found`, if that was the database's fault; else raise `error`."""
        self.filled_again(found.oid)
        for now in self.locate((found.oid,)):
            if now != found:
                return self._frames.content(now)
        raise error

    def _find(self, oid: Oid) -> list[Found]:
        """Where the object `oid` lies in a pack; nothing if it is a loose blob. Raises if it is neither."""
        found = self.locate((oid,))
        if found or self.loose.present((oid,)):
            return found
        if self.filled_again(oid):
            found = self.locate((oid,))
        if not found and self.rescue([(oid, ObjectKind.BLOB)]):
            found = self.locate((oid,))
        if not found and not self.loose.present((oid,)):
            raise self._absent(oid)
        return found

    def rescue(self, roots: Iterable[tuple[Oid, ObjectKind]]) -> bool:
        """Put back what `roots` need, if a gc that is at work, or was killed, has taken it before it looked a last time
        at what is needed. Is there such a gc? Only what is missing is worth the question."""
        with suppress(FileNotFoundError):
            if any(name.endswith(UNFINISHED) for name in os.listdir(self.trash)):
                from dver.store.trash import put_back_needed  # which reads trees and recipes from stores

                put_back_needed(self, roots)
                return True
        return False

    def former(self) -> Path | None:
        """The store that was used before this one, if it is still there."""
        for (text,) in self.database.rows("SELECT value FROM facts WHERE key = 'store before'"):
            if text != os.fspath(self.root) and is_store(Path(text)):
                return Path(text)
        return None

    def _absent(self, oid: Oid) -> MissingObjectError | CorruptError:
        """The error for an object that is not found, which may be because its pack is damaged."""
        if not self.damaged_packs:
            return missing(oid, self.former())
        return CorruptError(
            f"object {oid.short} is not in the store, or in a pack that is damaged",
            why=f"the list of what is in {os.fspath(self.damaged_packs[0])!r} cannot be read",
            fix="`dver pull` gets a good copy from the remote",
        )

    # -- keeping the database in step

    def register(self, name: Oid, rows: Collection[Row]) -> None:
        """A pack was moved into place: note what it holds."""
        known = self._pack_names()
        self._frames.forget(name)  # a good copy may just have replaced a damaged one
        with self.database.transaction():
            self.database.write("INSERT OR IGNORE INTO packs (name, listed) VALUES (?, ?)", [(bytes(name), len(rows))])
            ((number,),) = self.database.rows("SELECT id FROM packs WHERE name = ?", (bytes(name),))
            self.database.write(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (bytes(oid), number, int(kind), int(codec), offset, raw, stored)
                    for oid, kind, codec, offset, raw, stored, _ in sorted(rows)
                ],
            )
        known[number] = name

    def filled_again(self, oid: Oid) -> bool:
        """Forget where objects lie, and read it again from the packs: `oid` is not where the database says, and that
        may be the database's fault. False if that was done before, and did not help."""
        if self._doubted:
            return False
        self._doubted = True
        names = self._pack_names()
        key, state = f"lost:{oid.hex()}", xxh3_64_hexdigest(b"".join(sorted(names.values())))
        if self.database.rows("SELECT value FROM facts WHERE key = ?", (key,)) == [(state,)]:
            return False
        # What cannot be read from its pack again is better remembered: the rest of that pack may be whole.
        unreadable = [number for number, name in names.items() if self._rows_of(name) is None]
        with self.database.transaction():
            numbers = ",".join(map(str, unreadable))
            self.database.write(f"DELETE FROM objects WHERE pack NOT IN ({numbers})", [()])  # noqa: S608 - numbers
            self.database.write("DELETE FROM complete_roots", [()])
            self.database.write("DELETE FROM facts WHERE key LIKE 'lost:%'", [()])
            self.database.write("INSERT OR REPLACE INTO facts VALUES (?, ?)", [(key, state)])
        for name in [name for number, name in names.items() if number not in unreadable]:
            self._learn(name)
        return True

    def _searches(self) -> Iterator[None]:
        """Before each of a few attempts to read, list the packs again: a gc has removed the one that was to be read."""
        for _ in range(_SEARCHES):
            self.refresh()
            yield

    def refresh(self) -> None:
        """Look again which packs there are: another process, or another clone, may have added some."""
        self._names = None
        self.loose.refresh()

    def _select(self, query: str, oids: Iterable[Oid]) -> list[tuple[Any, ...]]:
        """What the database has about `oids`. One that breaks on the way is filled again from the packs first."""
        wanted = list(oids)
        while self._pack_names():
            rows = list(self.database.rows_in(query, wanted))
            if self.database.generation == self._generation:
                return rows
        return []

    def _pack_names(self) -> dict[int, Oid]:
        if self._names is None or self.database.generation != self._generation:
            self._generation = self.database.generation
            self._names = self._synchronise()
        return self._names

    def _synchronise(self) -> dict[int, Oid]:
        self._forget_other_store()
        try:
            known = {Oid(name): number for number, name in self.database.rows("SELECT id, name FROM packs")}
        except TypeError:  # no name that anybody has written
            self.database.begin_again()
            return self._synchronise()
        on_disk = self._packs_on_disk()
        self._names = {number: name for name, number in known.items() if name in on_disk}
        gone = [(number,) for name, number in known.items() if name not in on_disk]
        self._swept = self.last_gc()
        swept = self._swept.decode("ascii", "replace")
        if gone or self.database.rows("SELECT value FROM facts WHERE key = 'swept'") != [(swept,)]:
            with self.database.transaction():
                self.database.write("DELETE FROM objects WHERE pack = ?", gone)
                self.database.write("DELETE FROM packs WHERE id = ?", gone)
                self.database.write("DELETE FROM complete_roots", [()])
                self.database.write("INSERT OR REPLACE INTO facts VALUES ('swept', ?)", [(swept,)])
        self.damaged_packs.clear()
        new = on_disk - known.keys()
        if gone:
            new |= on_disk.intersection(Oid(name) for (name,) in self.database.rows(_SHADOWED))
        for names in batched(sorted(new), _LEARNT_AT_ONCE):
            with self.database.transaction():
                for name in names:
                    self._learn(name)
        return self._names

    def _learn(self, name: Oid) -> None:
        rows = self._rows_of(name)
        if rows is None:
            self.damaged_packs.append(self.packs / pack_file_name(name))
        else:
            self.register(name, rows)

    def _rows_of(self, name: Oid) -> list[Row] | None:
        """What the pack `name` says that it holds; None if that is damaged, nothing if it has just been removed."""
        try:
            with PackReader(self.packs / pack_file_name(name)) as reader:
                return reader.rows(name)
        except FileNotFoundError:
            return []
        except CorruptError:
            return None

    def _packs_on_disk(self) -> set[Oid]:
        with suppress(FileNotFoundError):
            return {name for name in map(parse_pack_file_name, os.listdir(self.packs)) if name is not None}
        return set()

    def _forget_other_store(self) -> None:
        """The database speaks of one store: after `cache.dir` has changed, begin again."""
        here = os.fspath(self.root)
        rows = self.database.rows("SELECT value FROM facts WHERE key = 'store'")
        if rows != [(here,)]:
            with self.database.transaction():
                self.database.write("DELETE FROM objects", [()])
                self.database.write("DELETE FROM packs", [()])
                self.database.write("DELETE FROM complete_roots", [()])
                self.database.write("INSERT OR REPLACE INTO facts VALUES ('store', ?)", [(here,)])
                self.database.write("INSERT OR REPLACE INTO facts VALUES ('store before', ?)", rows)


def _just_removed() -> MissingObjectError:
    return MissingObjectError(
        "a pack has just been removed from the store",
        why=f"other processes replaced it {_SEARCHES} times while it was read",
        fix="try again",
    )
