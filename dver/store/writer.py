"""Putting objects into the store: small ones share packs, large ones get a file or a pack of their own."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from dver.core.batches import batched
from dver.core.clock import would_show
from dver.core.errors import CorruptError, MissingObjectError, RemoteError
from dver.core.files import name_path, read_pieces, temporary_name, writing_to
from dver.core.oid import Oid
from dver.core.platform.blocks import reflink
from dver.core.platform.open_files import is_open_for_writing
from dver.core.sparse_files import write_sparsely
from dver.formats import recipe
from dver.formats.pack import TARGET_SIZE, Codec, ObjectKind, Row
from dver.formats.recipe import Chunk
from dver.store.objects.chunking import cut
from dver.store.objects.codec import Encoder
from dver.store.objects.loose import LinkMode
from dver.store.objects.packs import ContentHash, PackWriter
from dver.store.store import Store

LARGE: Final = 1 << 20
"""Bytes beyond which a blob is large: kept loose where that saves space, and as chunks elsewhere."""
_CHUNKS_AT_ONCE: Final = 32
"""Chunks that are looked up together: some MiB."""
_ENCODERS: Final = 2
"""Threads that compress the chunks of a large blob."""
_TWO_NAMES: Final = 2
"""Hard links of a file that is to become the store's: the user's path, and the name in the store."""
_TREES_BUFFERED: Final = 8 << 20
_KEEPS: Final = (KeyboardInterrupt, RemoteError, MissingObjectError, CorruptError)
"""After these the disk is well, and what was written is kept."""


Read = Callable[[int], None]
"""Is told how many bytes have been read."""


class _Encoded(NamedTuple):
    """A blob that a thread compresses."""

    oid: Oid
    size: int
    result: Future[tuple[Codec, bytes]]


class StoreWriter:
    """A session of writing. Objects are durable, and can be found, once the `with` block has ended well.

    After an error what was complete stays: it is content, under its own hash, and saves the next try some work.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._encoder = Encoder()
        self._pack: PackWriter | None = None
        self._in_pack: set[Oid] = set()
        self._trees: list[tuple[Oid, bytes]] = []
        self._trees_size = 0
        self._queued: set[Oid] = set()
        store.scratch.clear_leftovers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        name_path(error, self.store.root)
        try:
            if error is None:
                with writing_to(self.store.root):
                    self.finish()
            elif isinstance(error, _KEEPS):
                self._finish_pack()
        finally:
            if self._pack is not None:
                self._pack.discard()

    def finish(self) -> None:
        """Make all that was added durable, and known."""
        self._flush_trees()
        self._finish_pack()

    def missing(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are neither in the store nor about to be."""
        wanted = set(oids) - self._in_pack - self._queued
        return wanted - self.store.present(wanted) if wanted else wanted

    # -- small objects

    def add_blobs(self, blobs: Iterable[tuple[Oid, bytes]]) -> None:
        """Keep blobs that fit in memory; those that are here already cost a look-up."""
        for oid, content in self._absent(blobs):
            self._add_blob(oid, len(content), *self._encoder.encode(content))

    def _add_blob(self, oid: Oid, size: int, codec: Codec, payload: bytes) -> None:
        self._current().add(oid, ObjectKind.BLOB, codec, size, payload)
        self._in_pack.add(oid)
        self._close_full_pack()

    def add_tree(self, oid: Oid, content: bytes) -> None:
        """Keep a tree object. Trees are gathered, so that they lie side by side in their pack."""
        self._trees.append((oid, content))
        self._queued.add(oid)
        self._trees_size += len(content)
        if self._trees_size >= _TREES_BUFFERED:
            self._flush_trees()

    def add_frame(self, row: Row, frame: bytes | memoryview) -> None:
        """Keep a small frame from elsewhere verbatim. The caller has verified it, and knows that it is absent."""
        if row.oid not in self._in_pack:
            self._current().add_frame(row, frame)
            self._in_pack.add(row.oid)
            self._close_full_pack()

    # -- large blobs

    def add_large(self, source: int, mode: LinkMode, *, path: bytes, read: Read = lambda size: None) -> Oid:
        """Keep the open file `source` at `path`, as a loose blob where `mode` and the disk allow it, or as chunks.

        `read` is called with the number of bytes of each piece that is read in one go through the file.
        A hard link makes the file at `path` itself read-only.
        """
        if mode is LinkMode.HARDLINK:
            oid = self._add_hardlink(path, read)
            if oid is not None:
                return oid
        if mode is not LinkMode.COPY:
            oid = self._add_loose(source, copy=mode is LinkMode.SYMLINK, read=read)
            if oid is not None:
                return oid
        return self.add_stream(_reported(read_pieces(source), read))

    def add_stream(self, pieces: Iterable[bytes]) -> Oid:
        """Keep a large blob, whose hash is not known yet, as chunks and their recipe."""
        content = ContentHash()
        chunks: list[Chunk] = []
        encoded: list[_Encoded] = []
        # Threads compress one batch while this one cuts and hashes the next.
        with ThreadPoolExecutor(_ENCODERS) as pool:
            for batch in batched(cut(_hashed(pieces, content)), _CHUNKS_AT_ONCE):
                named = [(Oid.of(chunk), chunk) for chunk in batch]
                chunks += [Chunk(oid, len(chunk)) for oid, chunk in named]
                begun = [
                    _Encoded(oid, len(chunk), pool.submit(self._encoder.encode, chunk))
                    for oid, chunk in self._absent(named)
                ]
                self._add_encoded(encoded)
                encoded = begun
            self._add_encoded(encoded)
        oid = content.oid()
        if len(chunks) > 1:  # a single chunk is the blob
            self._add_recipe(oid, chunks)
        elif not chunks:
            self.add_blobs([(oid, b"")])
        return oid

    def _add_encoded(self, blobs: Iterable[_Encoded]) -> None:
        for oid, size, result in blobs:
            if oid not in self._in_pack:  # it may have been in the batch before, too
                self._add_blob(oid, size, *result.result())

    def _add_recipe(self, oid: Oid, chunks: Sequence[Chunk]) -> None:
        if self.missing((oid,)):
            payload = recipe.encode(chunks)
            size = sum([chunk.size for chunk in chunks])
            self._current().add(oid, ObjectKind.BLOB, Codec.CHUNKED, size, payload)
            self._in_pack.add(oid)
            self._close_full_pack()

    def add_loose(self, oid: Oid, pieces: Iterable[bytes]) -> None:
        """Keep a large blob from elsewhere as a loose one; `pieces` raises with the last one if it is not `oid`."""
        self.store.prepare()
        path, fd = self.store.scratch.create("loose")
        try:
            with open(fd, "wb") as file:
                write_sparsely(file.fileno(), pieces)
                self.store.loose.adopt(path, oid)
        finally:
            path.unlink(missing_ok=True)

    def _add_loose(self, source: int, *, copy: bool, read: Read) -> Oid | None:
        """A loose blob that shares the blocks of `source`, or with `copy` has its own where the disk cannot share."""
        self.store.prepare()
        path, fd = self.store.scratch.create("loose")
        content = ContentHash()
        before, now = os.fstat(source), time.time_ns()
        try:
            with open(fd, "w+b") as file:
                if reflink(source, file.fileno(), path):
                    content = _hash_of_clone(source, file.fileno(), before, now, read)
                elif copy:
                    write_sparsely(file.fileno(), _hashed(_reported(read_pieces(source), read), content))
                else:
                    return None
                return self._adopt(path, content)
        finally:
            path.unlink(missing_ok=True)

    def _add_hardlink(self, path: bytes, read: Read) -> Oid | None:
        """Make the file at `path` the store's own. None, and nothing done, where others could still write to it."""
        if os.lstat(path).st_uid != os.geteuid() or is_open_for_writing(path):
            return None
        self.store.prepare()
        scratch = self.store.scratch
        link = scratch / temporary_name("loose")
        try:
            scratch.within(scratch.folder, lambda: os.link(path, link, follow_symlinks=False))
        except OSError:  # another disk, or one without hard links
            return None
        try:
            with open(link, "rb") as file:
                scratch.keep_locked(file.fileno())
                before = os.fstat(file.fileno())
                if before.st_nlink != _TWO_NAMES:
                    return self._own_name(file.fileno())
                scratch.set_final_mode(file.fileno())
                if is_open_for_writing(link):  # since we looked before; nobody can open it any more
                    os.fchmod(file.fileno(), before.st_mode & 0o7777)
                    return None
                content = ContentHash()
                _exhaust(_hashed(_reported(read_pieces(file.fileno()), read), content))
                return self._adopt(link, content)
        except FileNotFoundError:  # another process took the link for a leftover before it was locked
            return self._add_hardlink(path, read)
        finally:
            link.unlink(missing_ok=True)

    def _own_name(self, fd: int) -> Oid | None:
        """The oid of the open file `fd` if it is the store's own already. Otherwise its other names are the user's,
        and it stays as it is."""
        content = ContentHash()
        _exhaust(_hashed(read_pieces(fd), content))
        oid = content.oid()
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), os.stat(self.store.loose.path(oid))):
                return oid
        return None

    def _adopt(self, file: Path, content: ContentHash) -> Oid:
        """Keep the finished `file` as a loose blob, unless somebody else has: theirs, which is the same, stays."""
        oid = content.oid()
        if not self.store.loose.belongs_to_other_user(oid, content.size):
            self.store.loose.adopt(file, oid)
        return oid

    # -- packs

    def _absent(self, blobs: Iterable[tuple[Oid, bytes]]) -> Iterator[tuple[Oid, bytes]]:
        batch = dict(blobs)
        known = self.store.present(batch.keys() - self._in_pack)
        return ((oid, content) for oid, content in batch.items() if oid not in known and oid not in self._in_pack)

    def _flush_trees(self) -> None:
        trees, self._trees, self._trees_size = self._trees, [], 0
        for oid, content in self._absent(trees):
            codec, payload = self._encoder.encode(content)
            self._current().add(oid, ObjectKind.TREE, codec, len(content), payload)
            self._in_pack.add(oid)
        self._queued.clear()
        self._close_full_pack()

    def _current(self) -> PackWriter:
        if self._pack is None:
            self.store.prepare()
            self._pack = PackWriter(self.store.scratch)
        return self._pack

    def _close_full_pack(self) -> None:
        if self._pack is not None and self._pack.size >= TARGET_SIZE:
            self._finish_pack()

    def _finish_pack(self) -> None:
        pack, self._pack = self._pack, None  # an interruption while it is placed must not place it a second time
        if pack is not None:
            self._place(pack)
            self._in_pack.clear()

    def _place(self, pack: PackWriter) -> None:
        try:
            name = pack.seal()
            pack.move_to(self.store.packs, name)
        except BaseException:
            pack.discard()
            raise
        self.store.index.register(name, pack.rows)


def _hash_of_clone(
    source: int, clone: int, before: os.stat_result, now: int, read: Read = lambda size: None
) -> ContentHash:
    """The hash of `clone`, which was made of `source` after that was as `before` says, at `now` in ns.

    What is hashed must be what is kept. But the source is likely in memory, where the blocks of a new file are not, so
    the source is read, and the clone only if the source may have changed since.
    """
    content = ContentHash()
    if would_show(before.st_ctime_ns, now):
        _exhaust(_hashed(_reported(read_pieces(source), read), content))
        after = os.fstat(source)
        if (before.st_size, before.st_ctime_ns) == (after.st_size, after.st_ctime_ns):
            return content
        content = ContentHash()
    _exhaust(_hashed(_reported(read_pieces(clone), read), content))
    return content


def _reported(pieces: Iterable[bytes], read: Read) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        read(len(piece))


def _hashed(pieces: Iterable[bytes], content: ContentHash) -> Iterator[bytes]:
    for piece in pieces:
        content.update(piece)
        yield piece


def _exhaust(pieces: Iterable[bytes]) -> None:
    deque(pieces, maxlen=0)
