"""Writing new packs on a remote: of verified frames of old packs, or of any encoded objects, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.pack import FRAME_HEADER_SIZE, TARGET_SIZE, Row
from dver.formats.remote_index import PackRef
from dver.remote.gc.state import RemoteRow
from dver.remote.index.keys import pack_key
from dver.remote.packs.frame_download import FetchedFrame, fetch_frames
from dver.remote.packs.upload_bodies import add_salt
from dver.remote.storage import FileBody, MissingKey, Storage
from dver.store.objects.packs import PackWriter
from dver.store.repair.good_copies import ObjectCopy
from dver.store.store import Store

_NONCE_SIZE: Final = 16


class UploadedPack(NamedTuple):
    """A new pack on the remote, and its rows without the salt."""

    ref: PackRef
    rows: Sequence[Row]


def copy_frames(
    copies: Sequence[RemoteRow], storage: Storage, store: Store, *, jobs: int, task: Task
) -> Iterator[UploadedPack]:
    """Copy the frames of `copies` into new packs, in their order.

    Raises RemoteError, MissingKey if an old pack is gone, CorruptError for a damaged frame.
    """

    def frames() -> Iterator[tuple[Oid, ObjectCopy]]:
        # Requests need rows sorted by pack and offset, which they are within each group.
        for _, rows in groupby(copies, key=lambda row: row.names_others):
            found = [row.found() for row in rows]
            for oid, frame in fetch_frames(storage, found, jobs=jobs, received=task.advance):
                yield oid, _good(oid, frame)

    return put_packs(frames(), storage, store)


def put_packs(objects: Iterable[tuple[Oid, ObjectCopy]], storage: Storage, store: Store) -> Iterator[UploadedPack]:
    """Write `objects` to new packs, in their order. No pack ever had the names of these packs."""
    rest = iter(objects)
    one = next(rest, None)
    while one is not None:
        with PackWriter(store.scratch) as writer:
            add_salt(writer, os.urandom(_NONCE_SIZE))
            while one is not None and (len(writer.rows) == 1 or writer.size + one[1].frame_size <= TARGET_SIZE):
                oid, copy = one
                writer.add(oid, copy.kind, copy.codec, copy.raw_size, copy.payload)
                one = next(rest, None)
            name = writer.seal(durable=False)
            body = FileBody(writer.path)
            storage.put(pack_key(name), body)
            yield UploadedPack(PackRef(name, body.size), writer.rows[1:])


def copy_of(frame: FetchedFrame) -> ObjectCopy:
    """The object in `frame`, encoded as it is there."""
    row = frame.row
    return ObjectCopy(row.kind, row.codec, row.raw_size, bytes(frame.frame[FRAME_HEADER_SIZE:]))


def _good(oid: Oid, frame: FetchedFrame | CorruptError | MissingKey) -> ObjectCopy:
    if isinstance(frame, MissingKey):
        raise frame
    if isinstance(frame, CorruptError):
        raise CorruptError(
            f"object {oid.short} on the remote is damaged; nothing was deleted",
            why="its bytes do not match its hash",
            fix="`dver fsck --remote --repair` restores it from a good copy, if there is one",
        )
    return copy_of(frame)
