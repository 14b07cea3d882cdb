"""Writing indexes with any number of rows: the rows go to a temporary file, so that memory stays small."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from dver.core.batches import batched
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.remote_index import IndexRow, PackRef
from dver.remote.storage import CHUNK
from dver.store.objects.file_creation import ScratchDirectory

_BATCH: Final = 10_000
"""Rows that are encoded together."""


@dataclass(frozen=True, slots=True)
class IndexBody:
    """The body of an upload of the index `name`. It is valid while its `IndexWriter` is open."""

    name: Oid
    head: bytes
    fd: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """See `Body`."""
        yield self.head
        at, end = 0, self.size - len(self.head)
        while at < end:
            piece = os.pread(self.fd, min(CHUNK, end - at), at)
            yield piece
            at += len(piece)


class IndexWriter:
    """Writes the rows of an index, sorted by oid, to an unnamed file of `scratch`."""

    def __init__(self, scratch: ScratchDirectory) -> None:
        path, self._fd = scratch.create("index")
        path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def add(self, rows: Iterable[IndexRow]) -> None:
        """Append `rows`. Raises OSError."""
        for part in batched(rows, _BATCH):
            encoded = memoryview(remote_index.encode_rows(part))
            while encoded:
                encoded = encoded[os.write(self._fd, encoded) :]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return os.fstat(self._fd).st_size // remote_index.ROW_SIZE

    def body(self, roots: Sequence[Oid], packs: Sequence[PackRef]) -> IndexBody:
        """The index of all rows. `packs` must be sorted by name, since rows refer to them by position."""
        size = os.fstat(self._fd).st_size
        if not size:  # an empty file cannot be mapped
            head = remote_index.encode_head(roots, packs, b"")
        else:
            with mmap.mmap(self._fd, size, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as rows:
                head = remote_index.encode_head(roots, packs, rows)
        return IndexBody(Oid.of(head), head, self._fd, len(head) + size)
