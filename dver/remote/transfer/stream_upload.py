"""Uploads of objects that are in no store: packs are built in memory and uploaded while further objects come.

As in a push, the index is uploaded last: until then other clones see nothing. In memory are a few packs, and the rows
of the index. An upload that is repeated finds its packs by their names, and does not send them again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from dver.core.batches import batched
from dver.core.errors import MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.formats import pack, recipe
from dver.formats.objectref import ObjectRef
from dver.formats.pack import TARGET_SIZE, Codec, ObjectKind, Row
from dver.formats.recipe import Chunk
from dver.formats.remote_index import PackRef
from dver.remote.gc.read_state import RemoteChanged
from dver.remote.index.catalog import Catalog
from dver.remote.index.listing_file import refresh_listing
from dver.remote.storage import BytesBody, Storage
from dver.remote.transfer.confirm_index import confirm
from dver.remote.transfer.push import UploadResult, withdraw_indexes
from dver.remote.transfer.uploaded_packs import StoredPack, index_of, put_pack
from dver.store.objects.chunking import cut
from dver.store.objects.codec import Encoder
from dver.store.objects.packs import ContentHash, hashed
from dver.store.store import Store

_UPLOADS: Final = 2
"""Packs that are uploaded at once; one more is being built. Each takes 32 MiB of memory."""
_ENCODERS: Final = 2
_CHUNKS_AT_ONCE: Final = 32
_SALT_SIZE: Final = 16


class _MemoryPack:
    """A pack that is built in memory."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.content = bytearray(pack.HEADER)

    def add(self, oid: Oid, kind: ObjectKind, codec: Codec, raw_size: int, payload: bytes) -> None:
        """Append an object with the encoded form `payload`."""
        header, checksum = pack.frame_header(oid, kind, codec, raw_size, payload)
        self.rows.append(Row(oid, kind, codec, len(self.content), raw_size, len(payload), checksum))
        self.content += header
        self.content += payload

    def name(self) -> Oid:
        """The name that the pack has if nothing is added any more."""
        return Oid.of(pack.encode_footer(self.rows))

    def seal(self) -> None:
        """Append the footer. Nothing can be added any more."""
        footer = pack.encode_footer(self.rows)
        self.content += footer
        self.content += pack.encode_trailer(footer)


class StreamUpload:
    """Uploads objects to the remote of `catalog`, which must be refreshed. Use it in a `with` block, from one thread.

    Objects that the remote has are not uploaded again. `finish` makes all others visible. Errors are RemoteError.
    """

    def __init__(self, catalog: Catalog, store: Store) -> None:
        self._catalog: Final = catalog
        self._store: Final = store
        self._encoder: Final = Encoder()
        self._before: Final = catalog.contents
        self._added: Final[set[Oid]] = set()
        self._pack = _MemoryPack()
        self._packs: Final[list[StoredPack]] = []
        self._running: Final[deque[Future[StoredPack]]] = deque()
        self._uploaders: Final = ThreadPoolExecutor(_UPLOADS, thread_name_prefix="dver-upload")
        self._encoders: Final = ThreadPoolExecutor(_ENCODERS, thread_name_prefix="dver-encode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (self._uploaders, self._encoders):
            pool.shutdown(wait=not isinstance(error, KeyboardInterrupt), cancel_futures=True)

    def missing(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of the blobs `oids` that the remote does not have, and that were not added here."""
        return self._missing(ObjectKind.BLOB, oids)

    def add_blobs(self, blobs: Iterable[tuple[Oid, bytes]]) -> None:
        """Add blobs that fit in memory."""
        by_oid = dict(blobs)
        absent = self._missing(ObjectKind.BLOB, by_oid)
        new = [(oid, content) for oid, content in by_oid.items() if oid in absent]
        encoded = self._encoders.map(self._encoder.encode, [content for _, content in new])
        for (oid, content), (codec, payload) in zip(new, encoded, strict=True):
            self._add(oid, ObjectKind.BLOB, codec, len(content), payload)

    def add_stream(self, pieces: Iterable[bytes]) -> Oid:
        """Add a large blob as chunks and a recipe. Returns its oid."""
        content = ContentHash()
        chunks: list[Chunk] = []
        for batch in batched(cut(hashed(pieces, content)), _CHUNKS_AT_ONCE):
            named = [(Oid.of(chunk), chunk) for chunk in batch]
            chunks += [Chunk(oid, len(chunk)) for oid, chunk in named]
            self.add_blobs(named)
        oid = content.oid()
        if len(chunks) > 1 and self.missing([oid]):  # a single chunk is the blob
            self._add(oid, ObjectKind.BLOB, Codec.CHUNKED, content.size, recipe.encode(chunks))
        elif not chunks:
            self.add_blobs([(oid, b"")])
        return oid

    def add_tree(self, oid: Oid, content: bytes) -> None:
        """Add a tree object, after everything that it names."""
        if self._missing(ObjectKind.TREE, [oid]):
            codec, payload = self._encoder.encode(content)
            self._add(oid, ObjectKind.TREE, codec, len(content), payload)

    def finish(self, root: ObjectRef, *, files: int) -> UploadResult:
        """Upload the rest, and an index that names `root`. On return the remote has all that it reaches."""
        self._close_pack()
        self._take(0)
        if not self._packs and self._catalog.has_roots([root.oid]):
            return UploadResult()
        size = self._publish(root)
        refresh_listing(self._catalog.storage)
        new = [one for one in self._packs if one.is_new]
        total = size + sum(one.ref.size for one in new)
        return UploadResult(roots=1, files=files, objects=len(self._added), packs=len(new), size=total)

    def _publish(self, root: ObjectRef) -> int:
        """Upload the index, and check that no gc has deleted what it relies on. Returns its size."""
        condemned = self._catalog.condemned
        while (published := self._catalog.publish(index_of([root], self._packs), condemned)) is None:
            salt = os.urandom(_SALT_SIZE)
            self._pack.add(Oid.of(salt), ObjectKind.BLOB, Codec.RAW, len(salt), salt)
            self._close_pack()
            self._take(0)
        try:
            packs = frozenset(one.ref.name for one in self._packs)
            safe = confirm(self._before, packs, self._store, self._catalog)
            if safe is None or root.oid in safe.known(root.kind, [root.oid]):
                return published.size
        except (RemoteChanged, MissingObjectError):
            pass
        withdraw_indexes([published.name], self._catalog)
        raise RemoteError(
            f"{self._catalog.storage.url} changed during the upload",
            why="a `dver gc --remote` deleted objects that the upload relied on",
            fix="run the same command again",
        )

    def _missing(self, kind: ObjectKind, oids: Iterable[Oid]) -> set[Oid]:
        wanted = set(oids) - self._added
        return wanted - self._catalog.known(kind, sorted(wanted)) if wanted else wanted

    def _add(self, oid: Oid, kind: ObjectKind, codec: Codec, size: int, payload: bytes) -> None:
        self._pack.add(oid, kind, codec, size, payload)
        self._added.add(oid)
        if len(self._pack.content) >= TARGET_SIZE:
            self._close_pack()

    def _close_pack(self) -> None:
        """Start the upload of the current pack, once another one has ended."""
        built, self._pack = self._pack, _MemoryPack()
        if built.rows:
            self._take(_UPLOADS - 1)
            condemned = self._catalog.condemned
            self._running.append(self._uploaders.submit(_upload, self._catalog.storage, built, condemned))

    def _take(self, running: int) -> None:
        """Wait until at most `running` uploads run. Raises the error of one that failed."""
        while len(self._running) > running:
            self._packs.append(self._running.popleft().result())


def _upload(storage: Storage, built: _MemoryPack, condemned: frozenset[Oid]) -> StoredPack:
    while (name := built.name()) in condemned:
        # The name of a condemned pack must not be used again, since a gc may be about to delete it.
        built.add(Oid.of(name), ObjectKind.BLOB, Codec.RAW, len(name), name)
    built.seal()
    return put_pack(storage, PackRef(name, len(built.content)), built.rows, BytesBody(built.content))
