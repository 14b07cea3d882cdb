"""Copying live frames of a remote's packs into new packs, verbatim, each verified on the way; memory stays bounded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.pack import Row
from dver.formats.remote_index import PackRef
from dver.remote.gc.plan import by_pack
from dver.remote.gc.state import Listed
from dver.remote.index.mirror import RemoteFound, pack_key
from dver.remote.packs.frame_ranges import Frame, fetch_frames
from dver.remote.packs.upload_bodies import add_salt
from dver.remote.storage import FileBody, MissingKey, Storage
from dver.store.objects.packs import PackWriter
from dver.store.store import Store

_NONCE_SIZE: Final = 16


class NewPack(NamedTuple):
    """A pack that is on the remote now, and what lies in it."""

    ref: PackRef
    rows: Sequence[Row]


def copy_frames(
    copies: Sequence[Listed], sizes: Mapping[Oid, int], storage: Storage, store: Store, *, jobs: int, task: Task
) -> Iterator[NewPack]:
    """Put the frames of `copies` into new packs, in their order. `sizes` are those of the old packs, in bytes.

    Raises RemoteError, MissingKey if an old pack is gone, CorruptError for a frame that is damaged.
    """
    for part in by_pack(copies):
        with PackWriter(store.scratch) as writer:
            add_salt(writer, os.urandom(_NONCE_SIZE))
            # Within each, rows are sorted by pack and offset, as requests need them.
            for _, rows in groupby(part, key=lambda row: row.leads_on):
                _add(writer, [row.found(sizes[row.pack]) for row in rows], storage, jobs=jobs, task=task)
            name = writer.seal(durable=False)
            body = FileBody(writer.path)
            storage.put(pack_key(name), body)
            yield NewPack(PackRef(name, body.size), writer.rows)


def _add(writer: PackWriter, found: Sequence[RemoteFound], storage: Storage, *, jobs: int, task: Task) -> None:
    for oid, frame in fetch_frames(storage, found, jobs=jobs, received=task.advance):
        if isinstance(frame, MissingKey):
            raise frame
        if not isinstance(frame, Frame):
            raise CorruptError(
                f"object {oid.short} on the remote is damaged; nothing was collected",
                why="its bytes do not match its hash",
                fix="`dver fsck --remote --repair` puts a good copy there, if there is one",
            )
        writer.add_frame(frame.row, frame.frame)
