"""Sending objects: what a remote lacks goes there as packs, and then as one index that says so (docs/format/remote.md).

The index comes last: until it is there nothing of the push can be seen, and what an earlier, interrupted push has
uploaded is found again under the same name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import Final, NamedTuple

from dver.core.errors import MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Row
from dver.formats.remote_index import IndexRow, PackRef, RemoteIndex
from dver.remote.clock import remote_time
from dver.remote.gc.read_state import RemoteChanged
from dver.remote.index.catalog import Catalog
from dver.remote.index.condemned_lists import withdraw
from dver.remote.index.keys import pack_key
from dver.remote.index.listing_file import refresh_listing
from dver.remote.packs.upload_bodies import (
    PackFrames,
    StoppableBody,
    UploadStopped,
    build_pack,
    whole_pack_pieces,
    whole_pack_rows,
)
from dver.remote.parallel import UPLOADS, in_parallel
from dver.remote.storage import FileBody, ObjectInfo, Storage
from dver.remote.transfer.confirm_index import look_again
from dver.remote.transfer.push_plan import NewPack, PushPlan, Upload, WholePack, plan_uploads
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.frames import location_of
from dver.store.objects.packs import PackWriter
from dver.store.store import Store

_SALT_SIZE: Final = 16
_LOOKS: Final = 10
"""How often a push is mended that gcs interfere with."""


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What a push uploaded to one remote, or would upload in a dry run."""

    remote: str = ""
    """The remote's name, which its caller knows."""
    url: str = ""
    roots: int = 0
    files: int = 0
    """File contents, in whole or in part."""
    objects: int = 0
    """Objects that the remote did not list before."""
    packs: int = 0
    """Packs that were uploaded: those that an interrupted push left there do not count."""
    size: int = 0
    """Bytes, without retries."""
    lost_packs: int = 0
    """Packs that the remote listed and did not have. Their content is uploaded again."""
    taken_off: int = 0
    """Objects of lost packs that the store does not have either: the remote no longer lists them."""

    def plus(self, more: UploadResult) -> UploadResult:
        """The sum of two rounds of one push."""
        objects, packs = self.objects + more.objects, self.packs + more.packs
        return replace(self, objects=objects, packs=packs, size=self.size + more.size)


def push(plan: PushPlan, store: Store, catalog: Catalog, *, progress: Progress = SILENT) -> UploadResult:
    """Carry out `plan`. Run again after any failure, it skips the packs that are already there.

    Raises RemoteError; CorruptError if an object in the store is damaged: then nothing of this push is listed;
    MissingObjectError if a gc takes away meanwhile what is not in the store: likewise.
    """
    if not plan.roots:
        return UploadResult()
    before = catalog.contents
    put = _put_all(plan, store, catalog, catalog.condemned, progress)
    result, packs, indexes = put.result, put.packs, [put.listing]
    for _ in range(_LOOKS):
        try:
            safe = look_again(before, packs, store, catalog)
        except RemoteChanged:
            break
        if safe is None:
            return result
        try:
            again = plan_uploads(plan.roots, store, safe, progress=progress)
        except MissingObjectError:
            _withdraw(indexes, catalog)
            raise
        put = _put_all(again, store, catalog, safe.condemned, progress)
        before, packs = safe.contents, packs | put.packs
        indexes.append(put.listing)
        result = result.plus(put.result)
    _withdraw(indexes, catalog)
    raise RemoteError(
        f"{catalog.storage.url} is being changed all the time",
        why="other clones collect garbage there at this moment, with hardly any grace",
        fix="push again later",
    )


class _Put(NamedTuple):
    """What is on the remote now: `packs` by name."""

    result: UploadResult
    packs: frozenset[Oid]
    listing: Oid
    """The name of the index."""


def _put_all(plan: PushPlan, store: Store, catalog: Catalog, taken: AbstractSet[Oid], progress: Progress) -> _Put:
    """Upload packs and the index that lists them, none of a name in `taken`."""
    store.scratch.clear_leftovers()
    with progress.task("upload", total=plan.size) as task:
        sender = _Sender(catalog.storage, store.scratch, task, taken)
        sent = sender.send_all(plan.uploads, jobs=catalog.jobs)
        index = _index(plan.roots, sent)
        listing = catalog.publish(index, taken)
        while listing is None:
            sent.append(_Sender(catalog.storage, store.scratch, task).send_salt())
            index = _index(plan.roots, sent)
            listing = catalog.publish(index, taken)
    refresh_listing(catalog.storage)
    moved = [one for one in sent if one.moved]
    size = listing.size + sum(one.ref.size for one in moved)
    result = UploadResult(
        roots=len(plan.roots), files=plan.files, objects=len(index.objects), packs=len(moved), size=size
    )
    return _Put(result, frozenset(one.ref.name for one in sent), listing.name)


def _withdraw(indexes: Iterable[Oid], catalog: Catalog) -> None:
    """Take back indexes that promise what was taken away meanwhile, and cannot be sent again."""
    withdraw(indexes, catalog.storage, now=int(remote_time(catalog.storage)))
    refresh_listing(catalog.storage)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A pack that is now on the remote. `moved` is False if it was there before."""

    ref: PackRef
    rows: list[Row]
    moved: bool


@dataclass(slots=True)
class _Sender:
    """Uploads packs from several threads."""

    storage: Storage
    scratch: ScratchDirectory
    task: Task
    taken: AbstractSet[Oid] = frozenset()
    """Names that no pack may get: see docs/format/remote.md, "Garbage collection"."""
    stop: Event = field(default_factory=Event)
    failure: BaseException | None = None

    def send_all(self, uploads: Sequence[Upload], *, jobs: int) -> list[_Sent]:
        """In the order of `uploads`. After an error, what is under way stops at its next chunk."""
        try:
            # What waits to be taken is small: rows. So a slow upload holds up nobody.
            return list(in_parallel(self.send, uploads, jobs=jobs, ahead=len(uploads), most=UPLOADS))
        except UploadStopped:
            # An upload that came first in line was stopped because of another's failure.
            raise self.failure or UploadStopped from None
        finally:
            self.stop.set()

    def send(self, upload: Upload) -> _Sent:
        """Upload one pack, unless it is there already. If it fails, all others stop."""
        try:
            if self.stop.is_set():
                raise UploadStopped
            return self._send_whole(upload) if isinstance(upload, WholePack) else self._send_new(upload)
        except BaseException as error:
            self.failure = self.failure or error
            self.stop.set()
            raise

    def _send_whole(self, upload: WholePack) -> _Sent:
        rows = whole_pack_rows(upload.path, upload.name)
        if upload.name in self.taken:
            found = sorted(location_of(0, row) for row in rows)
            return self._send_new(NewPack((PackFrames(upload.path, tuple(found)),), upload.size, upload.objects))
        body = StoppableBody(upload.size, partial(whole_pack_pieces, upload.path, rows), self.stop)
        return self._put(PackRef(upload.name, upload.size), rows, body)

    def _send_new(self, upload: NewPack, salt: bytes = b"") -> _Sent:
        with PackWriter(self.scratch) as writer:
            name = build_pack(upload.sources, writer, salt=salt)
            if name in self.taken:
                return self._send_new(upload, name)
            file = FileBody(writer.path)
            body = StoppableBody(file.size, file.chunks, self.stop)
            return self._put(PackRef(name, file.size), writer.rows, body)

    def send_salt(self) -> _Sent:
        """Upload a pack that holds nothing but what makes it unlike any other."""
        return self._send_new(NewPack((), 0, 0), os.urandom(_SALT_SIZE))

    def _put(self, ref: PackRef, rows: list[Row], body: StoppableBody) -> _Sent:
        key = pack_key(ref.name)
        there = self.storage.stat(key)
        if there == ObjectInfo(key, ref.size):
            self.task.advance(ref.size)
            return _Sent(ref, rows, moved=False)
        # Where the server can tell, a pack that another push completes meanwhile is not replaced by itself: buckets
        # that keep versions would keep both. One of another size is damaged, and is replaced.
        moved = self.storage.put(key, body, if_absent=there is None, on_bytes=self.task.advance)
        return _Sent(ref, rows, moved)


def _index(roots: Iterable[ObjectRef], packs: Iterable[_Sent]) -> RemoteIndex:
    """An index of `packs`; an object in two of them is listed in the first by name."""
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
