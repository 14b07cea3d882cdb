"""The store: every object on this machine, found by oid. Content is verified before it is returned."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.errors import CorruptError, LocalIOError, MissingObjectError
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.objectref import ObjectKey, ObjectRef
from dver.formats.pack import Codec, ObjectKind
from dver.formats.recipe import Chunk, Recipe
from dver.formats.tree import Entry
from dver.store import registered_clones
from dver.store.object_index import ObjectIndex
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.codec import corrupt, missing
from dver.store.objects.database import Database
from dver.store.objects.file_creation import PRIVATE, ScratchDirectory, Sharing
from dver.store.objects.frames import ObjectLocation
from dver.store.objects.loose import LooseBlobs
from dver.store.objects.loose_chunks import LooseChunkIndex
from dver.store.trash.guard import restore_needed
from dver.store.trash.trash import has_unfinished
from dver.store.trees.reachable import FindPresent, MissingObject, find_missing

_AT_ONCE: Final = 16
"""Chunks that are read together: some MiB."""
_SEARCHES: Final = 10
"""How often one read lists the packs again, while gcs of other processes replace them."""


class Store:
    """The packs and loose blobs in the directory `root`, found through `database`, and shared as `sharing` says."""

    def __init__(self, root: Path, database: Database, sharing: Sharing = PRIVATE) -> None:
        self.root = root
        self.packs = root / "packs"
        self.trash = root / "trash"
        self.scratch = ScratchDirectory(root / "tmp", sharing)
        self.loose = LooseBlobs(root / "loose", self.scratch)
        self.loose_chunks = LooseChunkIndex(database, self.loose)
        self.database = database
        self.index = ObjectIndex(root, database)
        self._frames = self.index.frames
        self._prepared = False

    def close(self) -> None:
        self._frames.close()

    def prepare(self) -> None:
        """Make the store writable and register this clone, before the first write. Raises LocalIOError."""
        if not self._prepared:
            self.scratch.check_writable(self.packs)
            registered_clones.register(self.root, self.scratch)
            self._prepared = True

    def register_clone(self) -> None:
        """Register this clone in a store that exists already, if the register can be written."""
        if self.packs.is_dir() or self.loose.root.is_dir():
            with suppress(OSError, LocalIOError):
                registered_clones.register(self.root, self.scratch)

    def refresh(self) -> None:
        """Forget which files exist: another process, or another clone, may have added some."""
        self.index.refresh()
        self.loose.refresh()

    def __contains__(self, oid: Oid) -> bool:
        return bool(self.present((oid,)))

    def present(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that the store holds."""
        wanted = set(oids)
        found = self.index.present(wanted)
        found.update(self.loose.present(wanted - found))
        return found

    def locate(self, oids: Iterable[Oid]) -> list[ObjectLocation]:
        """The locations of those of `oids` that are in packs, in the order in which a disk reads best."""
        return self.index.locate(oids)

    def count(self) -> int:
        """The number of objects. One that is both in a pack and loose counts twice."""
        return self.index.count() + sum(1 for _ in self.loose.all())

    def find_missing(self, roots: Iterable[ObjectRef]) -> list[MissingObject]:
        """The objects that `roots` reach and the store does not hold, by path.

        A missing tree is listed alone, since what is below it is unknown. Raises CorruptError for a tree or recipe.
        """
        asked = list(roots)
        complete = self.index.complete([one.oid for one in asked])
        unsure = [one for one in asked if one.oid not in complete]
        lost = self.missing_everywhere(unsure)
        if lost and self.undo_unfinished_gc([one.key for one in unsure]):
            lost = self.missing_everywhere(unsure)
        return lost

    def missing_everywhere(self, roots: Iterable[ObjectRef], *known: FindPresent) -> list[MissingObject]:
        """The objects that `roots` reach, and that neither the store nor any of `known` has, by path."""

        def present(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
            return self.present(oids).union(*(one(kind, oids) for one in known))

        return find_missing(roots, StoreReader(self), present)

    # -- reading

    def read(self, oid: Oid) -> bytes:
        """The whole content of an object. Raises MissingObjectError or CorruptError."""
        return b"".join(self.stream(oid))

    def read_found(self, found: ObjectLocation) -> bytes:
        """The verified content of an object that `locate` found and that is not chunked."""
        with suppress(FileNotFoundError):
            try:
                return self._frames.content(found)
            except CorruptError as error:
                return self._from_elsewhere(found, error)
        ((_, content),) = self._moved([found])
        if isinstance(content, CorruptError):
            raise content
        return content

    def read_all(self, found: Sequence[ObjectLocation]) -> Iterator[tuple[ObjectLocation, bytes | CorruptError]]:
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

    def _moved(self, found: Sequence[ObjectLocation]) -> Iterator[tuple[ObjectLocation, bytes | CorruptError]]:
        """The contents of objects whose packs a gc of another process has replaced."""
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
        """The recipes of those of `oids` that are chunked. Yields the error of a corrupt one."""
        for found in self.index.locate_chunked(oids):
            try:
                yield found.oid, self._recipe(found)
            except CorruptError as error:
                yield found.oid, error

    def stream(self, oid: Oid) -> Iterator[bytes]:
        """The content of an object piece by piece. Raises CorruptError at the end if it was wrong.

        Raises MissingObjectError, perhaps after the first pieces, if a chunk is missing.
        """
        for found in self._find(oid):
            if found.codec is Codec.CHUNKED:
                return self.assemble(oid, self._recipe(found))
            return iter((self.read_found(found),))
        return self.loose.pieces(oid)

    def _recipe(self, found: ObjectLocation) -> Recipe:
        with suppress(FileNotFoundError):
            try:
                return self._frames.recipe(found)
            except CorruptError:
                self.index.rebuild(found.oid)
        for _ in self._searches():
            with suppress(FileNotFoundError):
                return self._frames.recipe(next(iter(self._find(found.oid)), found))
        raise _just_removed()

    def assemble(self, oid: Oid, recipe: Recipe) -> Iterator[bytes]:
        """The blob `oid`, piece by piece, from its chunks. Raises CorruptError at the end if it was wrong."""
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
        """A chunk of the blob `oid` that the first lookup did not find."""
        for found in self._find(chunk.oid):
            if found.codec is not Codec.CHUNKED:
                return self.read_found(found)
        raise corrupt(oid)

    def tree(self, oid: Oid, shards: MutableMapping[Oid, tree.Leaf] | None = None) -> list[tree.Entry]:
        """The entries of a directory, with its shards joined. Raises CorruptError for an invalid tree.

        `shards` caches shards between calls.
        """
        return tree.read_directory(self._read_tree, oid, shards)

    def entries(self, oid: Oid, names: Collection[bytes]) -> dict[bytes, Entry]:
        """Those of `names` that a directory has. Of a large one, reads only the shards that may list them."""
        return tree.read_entries(self._read_tree, oid, names)

    def _read_tree(self, oid: Oid) -> bytes:
        for found in self._find(oid):
            if found.codec is not Codec.CHUNKED:
                return self.read_found(found)
        raise CorruptError(f"object {oid.short} is not a tree", why="it is stored as a large file")

    def _from_elsewhere(self, found: ObjectLocation, error: CorruptError) -> bytes:
        """The content of an object if the database had a wrong location for it; otherwise raise `error`."""
        self.index.rebuild(found.oid)
        for now in self.locate((found.oid,)):
            if now != found:
                return self._frames.content(now)
        raise error

    def _find(self, oid: Oid) -> list[ObjectLocation]:
        """The location of the object `oid` in a pack; empty for a loose blob. Raises if it is neither."""
        found = self.locate((oid,))
        if found or self.loose.present((oid,)):
            return found
        if self.index.rebuild(oid):
            found = self.locate((oid,))
        if not found and self.undo_unfinished_gc([(oid, ObjectKind.BLOB)]):
            found = self.locate((oid,))
        if not found and not self.loose.present((oid,)):
            raise self._not_found(oid)
        return found

    def undo_unfinished_gc(self, roots: Iterable[ObjectKey]) -> bool:
        """Restore what `roots` need from the trash if a gc is running or was killed there. Is there such a gc?

        A gc restores this itself at its end. Call it only when something is missing.
        """
        if not has_unfinished(self.trash):
            return False
        restore_needed(self, roots)
        return True

    def _not_found(self, oid: Oid) -> MissingObjectError | CorruptError:
        """The error for a missing object: its pack may be corrupt."""
        if not self.index.damaged_packs:
            return missing(oid, self.index.former_store())
        return CorruptError(
            f"object {oid.short} is not in the store, or in a pack that is damaged",
            why=f"the list of objects in {os.fspath(self.index.damaged_packs[0])!r} cannot be read",
            fix="`dver pull` gets a good copy from the remote",
        )

    def _searches(self) -> Iterator[None]:
        """A few attempts to read from a pack that a gc has replaced: lists the packs again before each."""
        for _ in range(_SEARCHES):
            self.refresh()
            yield


def _just_removed() -> MissingObjectError:
    return MissingObjectError(
        "a pack has just been removed from the store",
        why=f"other processes replaced it {_SEARCHES} times while it was read",
        fix="try again",
    )
