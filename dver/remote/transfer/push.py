"""Pushes: uploads of packs and of one index that lists them (docs/format/remote.md).

The index is uploaded last: until then other clones see nothing of the push. The next push finds the packs of an
interrupted one by their names, and does not upload them again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import Final, NamedTuple

from dver.core.display import Displayed
from dver.core.errors import MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats.pack import Row
from dver.formats.remote_index import PackRef
from dver.remote.clock import remote_time
from dver.remote.gc.read_state import RemoteChanged
from dver.remote.index.catalog import Catalog
from dver.remote.index.condemned_lists import withdraw
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
from dver.remote.storage import FileBody, Storage
from dver.remote.transfer.confirm_index import confirm
from dver.remote.transfer.push_plan import NewPack, PushPlan, Upload, WholePack, plan_uploads
from dver.remote.transfer.uploaded_packs import StoredPack, index_of, put_pack
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.frames import location_of
from dver.store.objects.packs import PackWriter
from dver.store.store import Store

_SALT_SIZE: Final = 16
_ATTEMPTS: Final = 10
"""How often a push uploads objects again that a gc deleted."""


@dataclass(frozen=True, slots=True, repr=False)
class UploadResult(Displayed):
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
    """Carry out `plan`. After a failure, the next push of the same data skips the packs that are already there.

    Raises RemoteError; CorruptError for a damaged object in the store; MissingObjectError if a gc deletes objects from
    the remote that the store does not have. After the last two, the remote lists nothing of this push.
    """
    if not plan.roots:
        return UploadResult()
    before = catalog.contents
    upload = _upload_all(plan, store, catalog, catalog.condemned, progress)
    result, packs, index_names = upload.result, upload.packs, [upload.index_name]
    for _ in range(_ATTEMPTS):
        try:
            safe = confirm(before, packs, store, catalog)
        except RemoteChanged:
            break
        if safe is None:
            return result
        try:
            again = plan_uploads(plan.roots, store, safe, progress=progress)
        except MissingObjectError:
            withdraw_indexes(index_names, catalog)
            raise
        upload = _upload_all(again, store, catalog, safe.condemned, progress)
        before, packs = safe.contents, packs | upload.packs
        index_names.append(upload.index_name)
        result = result.plus(upload.result)
    withdraw_indexes(index_names, catalog)
    raise RemoteError(
        f"{catalog.storage.url} changed again and again during the push",
        why="other clones are running `dver gc --remote` with a very short grace period",
        fix="run `dver push` again later",
    )


class _Uploaded(NamedTuple):
    """The packs and the index of one round of a push, by name."""

    result: UploadResult
    packs: frozenset[Oid]
    index_name: Oid


def _upload_all(
    plan: PushPlan, store: Store, catalog: Catalog, condemned: AbstractSet[Oid], progress: Progress
) -> _Uploaded:
    """Upload the packs of `plan` and an index that lists them, all under names that are not in `condemned`."""
    store.scratch.clear_leftovers()
    with progress.task("upload", total=plan.size) as task:
        uploader = _Uploader(catalog.storage, store.scratch, task, condemned)
        packs = uploader.upload_all(plan.uploads, jobs=catalog.jobs)
        index = index_of(plan.roots, packs)
        while (listing := catalog.publish(index, condemned)) is None:
            packs.append(_Uploader(catalog.storage, store.scratch, task).upload_salt())
            index = index_of(plan.roots, packs)
    refresh_listing(catalog.storage)
    fresh = [pack for pack in packs if pack.is_new]
    size = listing.size + sum(pack.ref.size for pack in fresh)
    result = UploadResult(
        roots=len(plan.roots), files=plan.files, objects=len(index.objects), packs=len(fresh), size=size
    )
    return _Uploaded(result, frozenset(pack.ref.name for pack in packs), listing.name)


def withdraw_indexes(indexes: Iterable[Oid], catalog: Catalog) -> None:
    """Withdraw indexes that list deleted objects which cannot be uploaded again."""
    withdraw(indexes, catalog.storage, now=int(remote_time(catalog.storage)))
    refresh_listing(catalog.storage)


@dataclass(slots=True)
class _Uploader:
    """Uploads packs in several threads."""

    storage: Storage
    scratch: ScratchDirectory
    task: Task
    condemned: AbstractSet[Oid] = frozenset()
    """Names that no pack may get: see docs/format/remote.md, "Garbage collection"."""
    stop: Event = field(default_factory=Event)
    failure: BaseException | None = None

    def upload_all(self, uploads: Sequence[Upload], *, jobs: int) -> list[StoredPack]:
        """Upload packs and return them in order. After an error, the other uploads stop at their next chunk."""
        try:
            # Results are small, so all may wait: one slow upload does not hold up the others.
            return list(in_parallel(self.upload, uploads, jobs=jobs, ahead=len(uploads), most=UPLOADS))
        except UploadStopped:
            # The first upload in line was stopped because of another's failure.
            raise self.failure or UploadStopped from None
        finally:
            self.stop.set()

    def upload(self, upload: Upload) -> StoredPack:
        """Upload one pack, unless it is there already. A failure stops all other uploads."""
        try:
            if self.stop.is_set():
                raise UploadStopped
            return self._upload_whole(upload) if isinstance(upload, WholePack) else self._upload_new(upload)
        except BaseException as error:
            self.failure = self.failure or error
            self.stop.set()
            raise

    def _upload_whole(self, upload: WholePack) -> StoredPack:
        rows = whole_pack_rows(upload.path, upload.name)
        if upload.name in self.condemned:
            found = sorted(location_of(0, row) for row in rows)
            return self._upload_new(NewPack((PackFrames(upload.path, tuple(found)),), upload.size, upload.objects))
        body = StoppableBody(upload.size, partial(whole_pack_pieces, upload.path, rows), self.stop)
        return self._put(PackRef(upload.name, upload.size), rows, body)

    def _upload_new(self, upload: NewPack, salt: bytes = b"") -> StoredPack:
        with PackWriter(self.scratch) as writer:
            name = build_pack(upload.sources, writer, salt=salt)
            if name in self.condemned:
                return self._upload_new(upload, name)
            file = FileBody(writer.path)
            body = StoppableBody(file.size, file.chunks, self.stop)
            return self._put(PackRef(name, file.size), writer.rows, body)

    def upload_salt(self) -> StoredPack:
        """Upload a pack of random bytes, which gives the index that lists it a name that no other index has."""
        return self._upload_new(NewPack((), 0, 0), os.urandom(_SALT_SIZE))

    def _put(self, ref: PackRef, rows: list[Row], body: StoppableBody) -> StoredPack:
        return put_pack(self.storage, ref, rows, body, on_bytes=self.task.advance)
