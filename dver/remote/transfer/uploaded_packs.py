"""Packs that an upload has put on a remote, and the index that lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Row
from dver.formats.remote_index import IndexRow, PackRef, RemoteIndex
from dver.remote.index.keys import pack_key
from dver.remote.storage import Body, ObjectInfo, OnBytes, Storage


@dataclass(frozen=True, slots=True)
class StoredPack:
    """A pack that is on the remote. `is_new` is False if it was there before."""

    ref: PackRef
    rows: list[Row]
    is_new: bool


def put_pack(
    storage: Storage, ref: PackRef, rows: list[Row], body: Body, *, on_bytes: OnBytes | None = None
) -> StoredPack:
    """Upload a pack, unless it is there already. Raises RemoteError."""
    key = pack_key(ref.name)
    there = storage.stat(key)
    if there == ObjectInfo(key, ref.size):
        if on_bytes is not None:
            on_bytes(ref.size)
        return StoredPack(ref, rows, is_new=False)
    # If the server supports it, a pack that another push completes meanwhile is not replaced: a bucket with
    # versioning would keep both copies. A pack of another size is damaged, and is replaced.
    is_new = storage.put(key, body, if_absent=there is None, on_bytes=on_bytes)
    return StoredPack(ref, rows, is_new)


def index_of(roots: Iterable[ObjectRef], packs: Iterable[StoredPack]) -> RemoteIndex:
    """The index of `packs`. An object that is in two packs is listed in the first by name."""
    by_name = sorted(packs, key=lambda one: one.ref.name)
    listed: dict[Oid, IndexRow] = {}
    for number, pack in enumerate(by_name):
        for oid, kind, codec, offset, raw, stored, _ in pack.rows:
            listed.setdefault(oid, IndexRow(oid, number, kind, codec, offset, raw, stored))
    return RemoteIndex(
        tuple(sorted(root.oid for root in roots)),
        tuple(one.ref for one in by_name),
        tuple(listed[oid] for oid in sorted(listed)),
    )
