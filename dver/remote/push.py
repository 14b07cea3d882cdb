"""Sending objects: what a remote lacks goes there as packs, and then as one index that says so (docs/format/remote.md).

The index comes last: until it is there nothing of the push can be seen, and what an earlier, interrupted push has
uploaded is found again under the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Final

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress, Task
from dver.formats import pack, remote_index
from dver.formats.pack import TARGET_SIZE, ObjectKind, Row
from dver.formats.remote_index import Location, PackRef, RemoteIndex
from dver.remote.bodies import (
    Source,
    Stopped,
    Watched,
    build_loose_pack,
    build_pack,
    whole_pack_pieces,
    whole_pack_rows,
)
from dver.remote.mirror import Mirror, index_key, pack_key
from dver.remote.pool import JOBS, in_parallel
from dver.remote.storage import BytesBody, FileBody, ObjectInfo, Storage
from dver.store.closure import Missing, Root, find_missing, missing_from, named, tree_reader, walk
from dver.store.frames import Found, found_in
from dver.store.packs import PackWriter
from dver.store.store import Store
from dver.store.writer import OWN_PACK

_PACK_OVERHEAD: Final = len(pack.HEADER) + len(pack.encode_footer(())) + pack.TRAILER_SIZE
"""Bytes of a pack without frames."""


@dataclass(frozen=True, slots=True)
class WholePack:
    """A local pack all of whose objects are wanted, and that is not small: it goes as it is."""

    name: Oid
    path: Path
    size: int
    objects: int


@dataclass(frozen=True, slots=True)
class NewPack:
    """A pack to be made of frames of local packs."""

    sources: tuple[Source, ...]
    size: int
    objects: int


@dataclass(frozen=True, slots=True)
class LoosePack:
    """A pack to be made of one loose blob."""

    oid: Oid
    path: Path
    size: int
    objects: int = 1


Upload = WholePack | NewPack | LoosePack


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push would send. `roots` are those that no index on the remote names yet."""

    roots: tuple[Oid, ...] = ()
    uploads: tuple[Upload, ...] = ()

    @property
    def objects(self) -> int:
        """How many objects would be sent."""
        return sum(upload.objects for upload in self.uploads)

    @property
    def size(self) -> int:
        """Bytes that would be sent: an upper bound, since loose blobs may be compressed on the way."""
        return sum(upload.size for upload in self.uploads)


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push did. `packs` counts those uploaded, `objects` those newly listed; `bytes_sent` excludes retries."""

    roots: int = 0
    objects: int = 0
    bytes_sent: int = 0
    packs: int = 0


def plan_push(roots: Iterable[Root], store: Store, mirror: Mirror) -> PushPlan:
    """What to send so that the remote has all that `roots` reach, by what `mirror` knows of it. Sends nothing.

    Raises MissingObjectError if some of it is not in the store, CorruptError for a damaged tree.
    """
    asked = {root.oid: root for root in roots}
    ready = mirror.has_roots(asked)
    wanted = [root for oid, root in asked.items() if oid not in ready]
    if not wanted:
        return PushPlan()
    collected = _Collected(store)
    for batch in walk([(root.oid, root.kind) for root in wanted], tree_reader(store), mirror.known):
        collected.add(batch.oids)
    if collected.lost:
        raise _not_here(store, wanted, mirror)
    return PushPlan(tuple(sorted({root.oid for root in wanted})), tuple(collected.uploads()))


def push(
    plan: PushPlan, store: Store, storage: Storage, mirror: Mirror, *, jobs: int = JOBS, progress: Progress = SILENT
) -> PushResult:
    """Carry out `plan`. Run again after any failure, it skips the packs that are already there.

    Raises RemoteError; CorruptError if an object in the store is damaged: then nothing of this push is listed.
    """
    if not plan.roots:
        return PushResult()
    with progress.task("upload", total=plan.size) as task:
        sender = _Sender(storage, store.scratch, task)
        sent = sender.send_all(plan.uploads, jobs=jobs)
    index = _index(plan.roots, [(one.ref, one.rows) for one in sent])
    content = remote_index.encode(index.roots, index.packs, index.objects)
    name = Oid.of(content)
    storage.put(index_key(name), BytesBody(content))
    mirror.add(name, index)
    moved = [one for one in sent if one.moved]
    size = len(content) + sum(one.ref.size for one in moved)
    return PushResult(len(plan.roots), len(index.objects), size, len(moved))


def missing_on_remote(roots: Iterable[Root], store: Store, mirror: Mirror) -> list[Missing]:
    """What `roots` reach and, by what `mirror` knows, is not on the remote; by path.

    A tree that is neither there nor in the store is listed alone, since what is below it cannot be known.
    """
    asked = list(roots)
    ready = mirror.has_roots([root.oid for root in asked])
    rest = [root for root in asked if root.oid not in ready]
    return find_missing(rest, tree_reader(store), mirror.known, closed=True)


# -- planning


@dataclass(slots=True)
class _Collected:
    """The objects to send, by the local pack that they lie in."""

    store: Store
    loose: set[Oid] = field(default_factory=set)
    lost: bool = False
    _wanted: set[Oid] = field(default_factory=set)
    _tally: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Wanted objects of each pack, and their stored bytes: enough to see whether the whole is wanted."""

    def add(self, oids: Sequence[Oid]) -> None:
        """Want `oids` too."""
        fresh = [oid for oid in oids if oid not in self._wanted]
        self._wanted.update(fresh)
        seen = 0
        for number, (count, size) in self.store.tally(fresh).items():
            before = self._tally.get(number, (0, 0))
            self._tally[number] = before[0] + count, before[1] + size
            seen += count
        if seen < len(fresh):
            absent = set(fresh).difference([one.oid for one in self.store.locate(fresh)])
            here = self.store.loose.present(absent)
            self.loose.update(here)
            self.lost = self.lost or len(here) < len(absent)

    def uploads(self) -> Iterator[Upload]:
        """The same groups in the same order whenever the same objects are wanted."""
        whole = [pack for number in self._tally if (pack := self._as_whole(number)) is not None]
        yield from sorted(whole, key=lambda pack: pack.name)
        if len(whole) < len(self._tally):
            yield from self._new_packs({pack.name for pack in whole})
        for oid in sorted(self.loose):
            path = self.store.loose.path(oid)
            yield LoosePack(oid, path, path.stat().st_size)

    def _as_whole(self, number: int) -> WholePack | None:
        """The pack, if all in it is wanted and it is not too small to go alone."""
        count, stored = self._tally[number]
        path = self.store.pack_path(number)
        size = path.stat().st_size
        if stored < OWN_PACK or size != _PACK_OVERHEAD + stored + count * (pack.FRAME_HEADER_SIZE + pack.ROW_SIZE):
            return None
        return WholePack(self.store.pack_name(number), path, size, count)

    def _new_packs(self, whole: set[Oid]) -> Iterator[NewPack]:
        names = {number: self.store.pack_name(number) for number in self._tally}
        # Footers tell as much as the database, and only those of the packs that matter have to be read.
        found: dict[Oid, Found] = {}
        for number in sorted(names, key=names.__getitem__):
            if names[number] not in whole:
                rows = whole_pack_rows(self.store.pack_path(number), names[number])
                wanted = (row for row in rows if row.oid in self._wanted)
                found.update({row.oid: found_in(number, row) for row in wanted})
        frames = sorted(found.values(), key=lambda one: (one.kind is not ObjectKind.TREE, names[one.pack], one.offset))
        group: list[Found] = []
        size = 0
        for one in frames:
            if one.raw_size >= OWN_PACK:
                yield self._new_pack([one])
                continue
            if group and size + one.end - one.offset > TARGET_SIZE:
                yield self._new_pack(group)
                group, size = [], 0
            group.append(one)
            size += one.end - one.offset
        if group:
            yield self._new_pack(group)

    def _new_pack(self, group: list[Found]) -> NewPack:
        sources = [
            Source(self.store.pack_path(number), tuple(found))
            for number, found in groupby(group, key=lambda one: one.pack)
        ]
        size = _PACK_OVERHEAD + sum(one.end - one.offset + pack.ROW_SIZE for one in group)
        return NewPack(tuple(sources), size, len(group))


def _not_here(store: Store, roots: Sequence[Root], mirror: Mirror) -> MissingObjectError:
    """The error for objects that are neither in the store nor on the remote."""

    def somewhere(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        return store.present(oids) | mirror.known(kind, oids)

    lost = find_missing(roots, tree_reader(store), somewhere) or missing_from(store, roots)
    return MissingObjectError(
        f"{len(lost)} objects to push are not in the store: {named(lost)}",
        why="they were never fetched here, or were removed, and the remote does not have them either",
        fix="`dver fetch -r` another remote that has them, or push from a clone that does",
    )


# -- uploading


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
    scratch: Path
    task: Task
    stop: Event = field(default_factory=Event)
    failure: BaseException | None = None

    def send_all(self, uploads: Sequence[Upload], *, jobs: int) -> list[_Sent]:
        """In the order of `uploads`. After an error, what is under way stops at its next chunk."""
        try:
            # What waits to be taken is small: rows. So a slow upload holds up nobody.
            return list(in_parallel(self.send, uploads, jobs=jobs, ahead=len(uploads)))
        except Stopped:
            # An upload that came first in line was stopped because of another's failure.
            raise self.failure or Stopped from None
        finally:
            self.stop.set()

    def send(self, upload: Upload) -> _Sent:
        """Upload one pack, unless it is there already. If it fails, all others stop."""
        try:
            if self.stop.is_set():
                raise Stopped
            return self._send_whole(upload) if isinstance(upload, WholePack) else self._send_new(upload)
        except BaseException as error:
            self.failure = self.failure or error
            self.stop.set()
            raise

    def _send_whole(self, upload: WholePack) -> _Sent:
        rows = whole_pack_rows(upload.path, upload.name)
        body = Watched(upload.size, partial(whole_pack_pieces, upload.path, rows), self.stop)
        return self._put(PackRef(upload.name, upload.size), rows, body)

    def _send_new(self, upload: NewPack | LoosePack) -> _Sent:
        with PackWriter(self.scratch) as writer:
            if isinstance(upload, NewPack):
                name = build_pack(upload.sources, writer)
            else:
                name = build_loose_pack(upload.oid, upload.path, writer)
            file = FileBody(writer.path)
            body = Watched(file.size, file.chunks, self.stop)
            return self._put(PackRef(name, file.size), writer.rows, body)

    def _put(self, ref: PackRef, rows: list[Row], body: Watched) -> _Sent:
        key = pack_key(ref.name)
        if self.storage.stat(key) == ObjectInfo(key, ref.size):
            self.task.advance(ref.size)
            return _Sent(ref, rows, moved=False)
        self.storage.put(key, body, moved=self.task.advance)
        return _Sent(ref, rows, moved=True)


def _index(roots: Sequence[Oid], packs: Sequence[tuple[PackRef, Sequence[Row]]]) -> RemoteIndex:
    """An index of `packs`; an object in two of them is listed in the first by name."""
    by_name = sorted(packs, key=lambda item: item[0].name)
    listed: dict[Oid, Location] = {}
    for number, (_, rows) in enumerate(by_name):
        for oid, kind, codec, offset, raw, stored, _ in rows:
            listed.setdefault(oid, Location(oid, number, kind, codec, offset, raw, stored))
    return RemoteIndex(tuple(roots), tuple(ref for ref, _ in by_name), tuple(listed[oid] for oid in sorted(listed)))
