"""Reads objects by oid: from the store, from the user's object cache, and from a remote by range."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Final, Literal

from dver.access.content_cache import ContentCache
from dver.access.errors import UnprovedRange
from dver.access.files import FileInfo
from dver.access.large_directory import LargeDirectory, infos_of
from dver.core.batches import batched_by_size
from dver.core.errors import CorruptError, MissingObjectError, RepositoryError
from dver.core.hashing import large_hash
from dver.core.oid import Oid
from dver.formats import recipe as recipe_format
from dver.formats import tree
from dver.formats.pack import Codec
from dver.formats.recipe import Chunk, Recipe
from dver.formats.tree import Entry, Sharded
from dver.remote.index.catalog import Catalog
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.frame_download import FetchedFrame, fetch_frames
from dver.remote.parallel import in_parallel
from dver.store.objects.codec import corrupt
from dver.store.store import Store
from dver.store.writer import LARGE

Verify = Literal["ranges", "full"]
"""What is verified before a part of a large file is returned: see docs/decisions/range-reads.md."""

_MEMORY: Final = 32 << 20
"""Bytes of contents that a reader keeps in memory."""
_PIECE: Final = 8 << 20
"""Bytes of a large file that are read together, about."""
_BATCH: Final = 8 << 20
"""Bytes of small files that are read together, about."""
_AHEAD: Final = 3
"""Batches that are read in parallel."""
_UNKNOWN: Final = Recipe(())
"""Stands for a recipe that is not on this machine."""


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A blob to read, and its size in bytes as Git states it."""

    oid: Oid
    size: int


class ObjectReader:
    """Reads the objects of one project from `store`, `cache`, and the remote that `connect` opens. Thread-safe.

    One thread at a time uses SQLite and packs, and holds `lock`. Requests to the remote go in parallel. With `verify`
    full, a range of a large file is read only if its recipe is proved.
    """

    def __init__(
        self,
        store: Store | None,
        cache: ContentCache,
        connect: Callable[[], Catalog],
        lock: AbstractContextManager[object] | None = None,
        verify: Verify = "ranges",
    ) -> None:
        self._store = store
        self._cache = cache
        self._connect = connect
        self._catalog: Catalog | None = None
        self._refreshed = False
        self._lock = lock or threading.RLock()
        self._memory: OrderedDict[Oid, bytes] = OrderedDict()
        self._memory_size = 0
        self._recipes: dict[Oid, Recipe | None] = {}
        self._verify = verify
        self._proved: set[Oid] = set()

    # -- directories

    def listing(self, oid: Oid, prefix: str) -> Sequence[FileInfo]:
        """The files in the directory `oid`, whose path is `prefix`: empty, or with a slash at its end."""
        decoded = tree.decode(self.content(oid))
        if isinstance(decoded, Sharded):
            found = self.contents([shard.oid for shard in decoded.shards])
            return LargeDirectory(prefix, oid, decoded.shards, [found[shard.oid] for shard in decoded.shards])
        return list(infos_of(prefix, tree.read_directory(self.content, oid)))

    def entries(self, oid: Oid, names: Collection[bytes]) -> dict[bytes, Entry]:
        """Those of `names` that the directory `oid` has. Of a large one, reads only the shards that may list them."""
        return tree.read_entries(self.content, oid, names)

    # -- blobs

    def read(self, blob: BlobRef) -> bytes:
        """The whole content of a blob, verified."""
        return b"".join(self.pieces(blob))

    def pieces(self, blob: BlobRef) -> Iterator[bytes]:
        """The content of a blob in order. Raises CorruptError with the last piece if it was wrong."""
        if self._has_loose(blob.oid):
            yield from self._store_pieces(blob.oid)
            return
        recipe = self.recipe(blob)
        if recipe is None:
            yield self._sized(blob, self.content(blob.oid))
            return
        hasher = large_hash()
        parts = list(batched_by_size(recipe.chunks, lambda chunk: chunk.size, _PIECE))
        with closing(in_parallel(self._joined, parts, jobs=_AHEAD)) as pieces:
            for piece in pieces:
                hasher.update(piece)
                yield piece
        if hasher.digest() != blob.oid:
            self._forget_recipe(blob.oid)
            raise corrupt(blob.oid) if blob.oid in self._proved else _wrong_recipe(blob.oid)
        if blob.oid not in self._proved:
            self._proved.add(blob.oid)
            self._cache.prove(blob.oid, recipe_format.encode(recipe.chunks))

    def read_range(self, blob: BlobRef, start: int, length: int) -> bytes:
        """`length` bytes of a blob from the offset `start`; fewer at its end."""
        end = min(start + length, blob.size)
        if start >= end:
            return b""
        if (content := self._loose_range(blob.oid, start, end - start)) is not None:
            return content
        recipe = self.recipe(blob)
        if recipe is None:
            return self._sized(blob, self.content(blob.oid))[start:end]
        if self._verify == "full" and not self._is_proved(blob.oid, recipe):
            raise _unproved(blob.oid)
        chunks, skipped = _chunks_between(recipe, start, end)
        return self._joined(chunks)[start - skipped : end - skipped]

    def read_many(self, blobs: Sequence[BlobRef]) -> Iterator[bytes]:
        """The contents of blobs in order, read ahead in parallel. Small neighbours come with one request."""
        parts = list(batched_by_size(blobs, lambda blob: blob.size, _BATCH))
        with closing(in_parallel(self._read_batch, parts, jobs=_AHEAD)) as batches:
            for contents in batches:
                yield from contents

    def recipe(self, blob: BlobRef) -> Recipe | None:
        """The recipe of a chunked blob; None for a blob that is stored as a whole."""
        if blob.size <= LARGE:
            return None
        with self._lock:
            if blob.oid not in self._recipes:
                self._recipes[blob.oid] = self._known_recipe(blob.oid)
            found = self._recipes[blob.oid]
        if found is _UNKNOWN:
            found = self._recipes[blob.oid] = self._remote_recipe(blob.oid)
        if found is not None and found.size != blob.size:
            raise corrupt(blob.oid)
        return found

    # -- contents of trees, chunks and small blobs

    def content(self, oid: Oid) -> bytes:
        """The verified content of an object that is not chunked."""
        return self.contents((oid,))[oid]

    def contents(self, oids: Iterable[Oid]) -> dict[Oid, bytes]:
        """The verified contents of objects that are not chunked. Raises MissingObjectError or CorruptError."""
        wanted = list(dict.fromkeys(oids))
        with self._lock:
            found = self._on_this_machine(wanted)
            rest = [oid for oid in wanted if oid not in found]
            places = self._locate(rest) if rest else []
        if rest:
            downloaded = self._download(rest, places)
            found.update(downloaded)
            with self._lock:
                self._remember(downloaded)
        return found

    def _on_this_machine(self, oids: Sequence[Oid]) -> dict[Oid, bytes]:
        found = {oid: self._memory[oid] for oid in oids if oid in self._memory}
        rest = [oid for oid in oids if oid not in found]
        found.update(self._from_store(rest))
        for oid in oids:
            if oid not in found and (cached := self._cache.get(oid)) is not None:
                found[oid] = cached
        self._remember({oid: found[oid] for oid in rest if oid in found})
        return found

    def _from_store(self, oids: Sequence[Oid]) -> Iterator[tuple[Oid, bytes]]:
        if self._store is None or not oids:
            return
        places = [one for one in self._store.locate(oids) if one.codec is not Codec.CHUNKED]
        for place, content in self._store.read_all(places):
            if not isinstance(content, CorruptError):  # the remote may have a good copy
                yield place.oid, content
        for oid in self._store.loose.present(oids):
            yield oid, self._store.read(oid)

    def _download(self, oids: Sequence[Oid], places: Sequence[RemoteLocation]) -> dict[Oid, bytes]:
        """Download the objects `oids`; again from where they are now if a gc of the remote has moved some."""
        found = self._fetch(places)
        lost = [oid for oid in oids if oid not in found]
        if lost and not self._fresh(places):
            with self._lock:
                self._refresh()
                again = self._locate(lost)
            found.update(self._fetch(again))
            lost = [oid for oid in oids if oid not in found]
        if lost:
            raise self._missing(lost[0])
        return found

    def _fetch(self, places: Sequence[RemoteLocation]) -> dict[Oid, bytes]:
        if not places:
            return {}
        catalog = self.catalog
        found: dict[Oid, bytes] = {}
        for oid, frame in fetch_frames(catalog.storage, places, jobs=catalog.jobs):
            if isinstance(frame, CorruptError):
                raise _corrupt_on_remote(frame, catalog.storage.url)
            if isinstance(frame, FetchedFrame) and frame.row.codec is not Codec.CHUNKED:
                found[oid] = frame.content
                self._cache.put(oid, frame.content)
        return found

    # -- large blobs

    def _known_recipe(self, oid: Oid) -> Recipe | None:
        """The recipe of a blob on this machine; None if it is there as a whole, `_UNKNOWN` if it is not there."""
        if self._store is not None:
            for _, recipe in self._store.recipes([oid]):
                if isinstance(recipe, Recipe):
                    self._proved.add(oid)  # a store keeps a recipe only once its chunks have made the blob
                    return recipe
            if self._store.locate([oid]):
                return None
        cached = self._cache.get_recipe(oid)
        return recipe_format.decode(cached) if cached is not None else _UNKNOWN

    def _remote_recipe(self, oid: Oid) -> Recipe | None:
        with self._lock:
            chunked = [one for one in self._locate([oid]) if one.codec is Codec.CHUNKED]
        for _, frame in fetch_frames(self.catalog.storage, chunked, jobs=1):
            if isinstance(frame, CorruptError):
                raise _corrupt_on_remote(frame, self.catalog.storage.url)
            if isinstance(frame, FetchedFrame):
                self._cache.put_recipe(oid, frame.content)
                return recipe_format.decode(frame.content)
        return None

    def _is_proved(self, oid: Oid, recipe: Recipe) -> bool:
        if oid not in self._proved and self._cache.is_proved(oid, recipe_format.encode(recipe.chunks)):
            self._proved.add(oid)
        return oid in self._proved

    def _forget_recipe(self, oid: Oid) -> None:
        """Drop a wrong recipe, also one that the cache was given by a remote that has been repaired since."""
        self._cache.forget_recipe(oid)
        with self._lock:
            self._recipes.pop(oid, None)

    def _joined(self, chunks: Sequence[Chunk]) -> bytes:
        contents = self.contents([chunk.oid for chunk in chunks])
        pieces = [contents[chunk.oid] for chunk in chunks]
        if [len(piece) for piece in pieces] != [chunk.size for chunk in chunks]:
            raise corrupt(chunks[0].oid)
        return b"".join(pieces)

    def _has_loose(self, oid: Oid) -> bool:
        with self._lock:
            return self._store is not None and bool(self._store.loose.present((oid,)))

    def _loose_range(self, oid: Oid, start: int, length: int) -> bytes | None:
        if not self._has_loose(oid) or self._store is None:
            return None
        with self._store.loose.open(oid) as file:
            file.seek(start)
            return file.read(length)

    def _store_pieces(self, oid: Oid) -> Iterator[bytes]:
        assert self._store is not None
        return self._store.loose.pieces(oid)

    def _read_batch(self, blobs: Sequence[BlobRef]) -> list[bytes]:
        contents = self.contents([blob.oid for blob in blobs if blob.size <= LARGE])
        return [self._sized(blob, contents[blob.oid]) if blob.size <= LARGE else self.read(blob) for blob in blobs]

    def _sized(self, blob: BlobRef, content: bytes) -> bytes:
        if len(content) != blob.size:
            raise corrupt(blob.oid)
        return content

    # -- the remote

    @property
    def catalog(self) -> Catalog:
        """The catalog of the remote. Raises RepositoryError if there is none."""
        with self._lock:
            if self._catalog is None:
                self._catalog = self._connect()
            return self._catalog

    def _locate(self, oids: Sequence[Oid]) -> list[RemoteLocation]:
        """The locations of `oids` on the remote; refreshes the catalog if it does not list all of them."""
        try:
            catalog = self.catalog
        except RepositoryError as error:
            raise MissingObjectError(
                f"object {oids[0].short} is not in the store", why=f"{error.what}", fix=error.fix
            ) from error
        found = catalog.locate(oids)
        if {one.oid for one in found}.issuperset(oids) or self._refreshed:
            return found
        self._refresh()
        return catalog.locate(oids)

    def _refresh(self) -> None:
        self.catalog.refresh()
        self._refreshed = True

    def _fresh(self, places: Sequence[RemoteLocation]) -> bool:
        return self._refreshed and not places

    def _missing(self, oid: Oid) -> MissingObjectError:
        return MissingObjectError(
            f"object {oid.short} is neither in the store nor on {self.catalog.storage.url}",
            why="it was never pushed there, or was deleted",
            fix="run `dver push` in a clone that has it",
        )

    def _remember(self, contents: dict[Oid, bytes]) -> None:
        """Keep contents in memory, the last ones that were read."""
        for oid, content in contents.items():
            if oid not in self._memory:
                self._memory[oid] = content
                self._memory_size += len(content)
        while self._memory_size > _MEMORY and self._memory:
            _, dropped = self._memory.popitem(last=False)
            self._memory_size -= len(dropped)


def _unproved(oid: Oid) -> UnprovedRange:
    return UnprovedRange(
        f"cannot read a part of object {oid.short}: nothing proves yet that the part belongs to it",
        why="`verify` is full, and this machine never read the file as a whole",
        fix="read the whole file once, such as with `dver fetch` or `dver.read_bytes`; or use verify='ranges'",
    )


def _wrong_recipe(oid: Oid) -> CorruptError:
    return CorruptError(
        f"object {oid.short} is damaged on the remote: its chunks make another content",
        why="the list of its chunks is wrong, or somebody has exchanged it",
        fix="`dver fsck --remote --repair`, in a clone that has the data",
    )


def _chunks_between(recipe: Recipe, start: int, end: int) -> tuple[list[Chunk], int]:
    """The chunks with the bytes from `start` to `end`, and the offset of the first one."""
    chosen: list[Chunk] = []
    first = at = 0
    for chunk in recipe.chunks:
        if at >= end:
            break
        if at + chunk.size > start:
            first = first if chosen else at
            chosen.append(chunk)
        at += chunk.size
    return chosen, first


def _corrupt_on_remote(error: CorruptError, url: str) -> CorruptError:
    return CorruptError(
        f"{error.what} on {url}", why=error.why, fix="`dver fsck --remote --repair`, in a clone that has the data"
    )
