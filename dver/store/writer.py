"""Writing objects to the store: small blobs and trees into packs, large blobs into chunks or loose files."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
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
from dver.store.objects.packs import ContentHash, PackWriter, hashed
from dver.store.store import Store

LARGE: Final = 1 << 20
"""A blob of more bytes is large: it is stored loose if that saves space, and otherwise as chunks."""
_CHUNKS_AT_ONCE: Final = 32
"""Chunks in one lookup: some MiB."""
_ENCODERS: Final = 2
"""Threads that compress the chunks of a large blob."""
_TWO_NAMES: Final = 2
"""The hard links of a file that the store takes over: the path of the user, and the temporary name."""
_TREES_BUFFERED: Final = 8 << 20
_KEEPS: Final = (KeyboardInterrupt, RemoteError, MissingObjectError, CorruptError)
"""Errors after which the written objects are kept: the disk is fine."""


Read = Callable[[int], None]
"""Called with the number of bytes read."""


class _Encoded(NamedTuple):
    """A blob that a thread is compressing."""

    oid: Oid
    size: int
    result: Future[tuple[Codec, bytes]]


class StoreWriter:
    """Writes objects in a `with` block. They are durable and can be read when the block ends without an error.

    After an error, complete objects stay, and save work for the next attempt.
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
        """Make all added objects durable and readable."""
        self._flush_trees()
        self._finish_pack()

    def missing(self, oids: Iterable[Oid]) -> set[Oid]:
        """Those of `oids` that are neither in the store nor added here."""
        wanted = set(oids) - self._in_pack - self._queued
        return wanted - self.store.present(wanted) if wanted else wanted

    # -- small objects

    def add_blobs(self, blobs: Iterable[tuple[Oid, bytes]]) -> None:
        """Add blobs that fit in memory. Existing ones cost a lookup."""
        for oid, content in self._absent(blobs):
            self._add_blob(oid, len(content), *self._encoder.encode(content))

    def _add_blob(self, oid: Oid, size: int, codec: Codec, payload: bytes) -> None:
        self._current().add(oid, ObjectKind.BLOB, codec, size, payload)
        self._in_pack.add(oid)
        self._close_full_pack()

    def add_tree(self, oid: Oid, content: bytes) -> None:
        """Add a tree object. Trees are collected, so that they are adjacent in their pack."""
        self._trees.append((oid, content))
        self._queued.add(oid)
        self._trees_size += len(content)
        if self._trees_size >= _TREES_BUFFERED:
            self._flush_trees()

    def add_frame(self, row: Row, frame: bytes | memoryview) -> None:
        """Add a small frame of a remote verbatim. The caller has verified that it is good, and missing here."""
        if row.oid not in self._in_pack:
            self._current().add_frame(row, frame)
            self._in_pack.add(row.oid)
            self._close_full_pack()

    def add_blob(self, pieces: Iterable[bytes]) -> tuple[Oid, int]:
        """Add a blob of any size. Returns its oid and its size. Only a large one is cut into chunks."""
        first, rest, size = bytearray(), iter(pieces), 0

        def counted(amount: int) -> None:
            nonlocal size
            size += amount

        for piece in rest:
            first += piece
            if len(first) > LARGE:
                return self.add_stream(_reported(chain([bytes(first)], rest), counted)), size
        content = bytes(first)
        oid = Oid.of(content)
        self.add_blobs([(oid, content)])
        return oid, len(content)

    # -- large blobs

    def add_large(self, source: int, mode: LinkMode, *, path: bytes, read: Read = lambda size: None) -> Oid:
        """Add the open file `source` at `path`, as a loose blob if `mode` and the disk allow it, or as chunks.

        `read` is called with the size of each piece. A hard link makes the file at `path` itself read-only.
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
        """Add a large blob as chunks and a recipe. Returns its oid."""
        content = ContentHash()
        chunks: list[Chunk] = []
        encoded: list[_Encoded] = []
        # Threads compress one batch while this thread cuts and hashes the next.
        with ThreadPoolExecutor(_ENCODERS) as pool:
            for batch in batched(cut(hashed(pieces, content)), _CHUNKS_AT_ONCE):
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
            if oid not in self._in_pack:  # the previous batch may have had it, too
                self._add_blob(oid, size, *result.result())

    def _add_recipe(self, oid: Oid, chunks: Sequence[Chunk]) -> None:
        if self.missing((oid,)):
            size = sum([chunk.size for chunk in chunks])
            self._add_blob(oid, size, Codec.CHUNKED, recipe.encode(chunks))

    def add_loose(self, oid: Oid, pieces: Iterable[bytes]) -> None:
        """Add the loose blob `oid`. `pieces` raises at the end if its content is not `oid`."""
        self.store.prepare()
        path, fd = self.store.scratch.create("loose")
        try:
            with open(fd, "wb") as file:
                write_sparsely(file.fileno(), pieces)
                self.store.loose.adopt(path, oid)
        finally:
            path.unlink(missing_ok=True)

    def _add_loose(self, source: int, *, copy: bool, read: Read) -> Oid | None:
        """Add a loose blob that is a reflink of `source`, or with `copy` a copy if the disk has no reflinks."""
        self.store.prepare()
        path, fd = self.store.scratch.create("loose")
        content = ContentHash()
        before, now = os.fstat(source), time.time_ns()
        try:
            with open(fd, "w+b") as file:
                if reflink(source, file.fileno(), path):
                    content = _hash_of_clone(source, file.fileno(), before, now, read)
                elif copy:
                    write_sparsely(file.fileno(), hashed(_reported(read_pieces(source), read), content))
                else:
                    return None
                return self._adopt(path, content)
        finally:
            path.unlink(missing_ok=True)

    def _add_hardlink(self, path: bytes, read: Read) -> Oid | None:
        """Link the file at `path` into the store. None, without a change, if others could still write to it."""
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
                if is_open_for_writing(link):  # since the first check; now no program can open it for writing
                    os.fchmod(file.fileno(), before.st_mode & 0o7777)
                    return None
                content = ContentHash()
                _exhaust(hashed(_reported(read_pieces(file.fileno()), read), content))
                return self._adopt(link, content)
        except FileNotFoundError:  # another process cleared the link before it was locked
            return self._add_hardlink(path, read)
        finally:
            link.unlink(missing_ok=True)

    def _own_name(self, fd: int) -> Oid | None:
        """The oid of the open file `fd` if it is a file of the store; None if its other names are the user's."""
        content = ContentHash()
        _exhaust(hashed(read_pieces(fd), content))
        oid = content.oid()
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), os.stat(self.store.loose.path(oid))):
                return oid
        return None

    def _adopt(self, file: Path, content: ContentHash) -> Oid:
        """Move the finished `file` into the store, unless another user has stored the same blob."""
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
        pack, self._pack = self._pack, None  # an interrupted move must not be repeated
        if pack is not None:
            self._move_into_place(pack)
            self._in_pack.clear()

    def _move_into_place(self, pack: PackWriter) -> None:
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
    """The hash of `clone`, a reflink of `source` that was made after the status `before`, at `now` in ns.

    The hash must be that of the stored file. But the source is probably in memory, and the clone is not. So this reads
    the source, and the clone only if the source may have changed since.
    """
    content = ContentHash()
    if would_show(before.st_ctime_ns, now):
        _exhaust(hashed(_reported(read_pieces(source), read), content))
        after = os.fstat(source)
        if (before.st_size, before.st_ctime_ns) == (after.st_size, after.st_ctime_ns):
            return content
        content = ContentHash()
    _exhaust(hashed(_reported(read_pieces(clone), read), content))
    return content


def _reported(pieces: Iterable[bytes], read: Read) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        read(len(piece))


def _exhaust(pieces: Iterable[bytes]) -> None:
    deque(pieces, maxlen=0)
