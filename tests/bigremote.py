"""Remotes with millions of objects, as a gc would leave them, made without uploading any. Importable from every test.

Nearly all objects are made up: an index lists them, and their packs are holes in files. What a test wants is there.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from datasets import Spy

from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import IndexRow, PackRef
from dver.formats.tree import Entry, Kind, totals, write_directory
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.index.keys import index_key, pack_key
from dver.remote.index.writer import IndexWriter
from dver.remote.storage import Body, FileBody, ObjectInfo, OnBytes, Storage
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.packs import PackWriter

PACK_SIZE = 32 << 20
FRAME_SIZE = 30_000
"""Bytes of a made up frame."""
WANTED_SIZE = 10_000
PER_FOLDER = 10_000
SMALL_ROWS = 1000


class Counted(Spy):
    """Counts requests, and the bytes that they move."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.received = 0
        self.sent = 0

    @property
    def requests(self) -> int:
        """All of them; a list of many keys takes one for each thousand."""
        return len(self.calls)

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        self.sent += body.size
        return super().put(key, body, if_absent=if_absent, on_bytes=on_bytes)

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        content = super().get(key, start, length, on_bytes=on_bytes)
        self.received += len(content)
        return content

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        for number, info in enumerate(super().list(prefix)):
            if number and number % 1000 == 0:
                self.calls.append(("list", prefix))
            self.received += len(info.key) + 300  # an answer of S3 has so many bytes for each key
            yield info


@dataclass(frozen=True)
class BigRemote:
    """A directory that is on the remote, and what lies in it at the one place that is really there."""

    root: ObjectRef
    wanted: str
    content: bytes


def make_big_remote(folder: Path, objects: int, *, scratch: Path, sparse: bool = False) -> BigRemote:
    """A remote in `folder`: one index of nearly all `objects`, and three small ones of later pushes.

    With `sparse` there is a file for each pack, full of holes.
    """
    made = random.Random(objects)
    storage = DirectoryStorage(folder)
    big = _directory(made, objects)
    trees, blobs = (_put_pack(storage, part, scratch) for part in (big.trees, big.blobs))
    count = objects - 3 * SMALL_ROWS
    names = [Oid(made.randbytes(32)) for _ in range(max(1, count * FRAME_SIZE // PACK_SIZE))]
    packs = sorted([*[PackRef(name, PACK_SIZE) for name in names], trees[0], blobs[0]])
    numbers = {ref.name: number for number, ref in enumerate(packs)}
    real = sorted([_placed(row, numbers[ref.name]) for ref, rows in (trees, blobs) for row in rows])
    others = [numbers[name] for name in names]
    rows = merge(made_up_rows(made, count - len(real), others), real)
    roots = sorted([big.root.oid, *[Oid(made.randbytes(32)) for _ in range(objects // 10_000)]])
    put_index(folder, roots, packs, rows, scratch)
    for _ in range(3):
        small = PackRef(Oid(made.randbytes(32)), PACK_SIZE)
        put_index(folder, [Oid(made.randbytes(32))], [small], made_up_rows(made, SMALL_ROWS, [0]), scratch)
    for name in names if sparse else ():
        path = folder / pack_key(name)
        path.touch()
        os.truncate(path, PACK_SIZE)
    return BigRemote(big.root, big.wanted, big.content)


def put_index(
    folder: Path, roots: Sequence[Oid], packs: Sequence[PackRef], rows: Iterable[IndexRow], scratch: Path
) -> Oid:
    """Write an index of any number of rows, sorted, to the remote in `folder`."""
    with IndexWriter(ScratchDirectory(scratch)) as draft:
        draft.add(rows)
        body = draft.body(roots, packs)
        DirectoryStorage(folder).put(index_key(body.name), body)
        return body.name


def made_up_rows(made: random.Random, count: int, packs: Sequence[int]) -> Iterator[IndexRow]:
    """`count` rows, sorted, of blobs that are nowhere, in packs of these numbers."""
    step = (1 << 64) // max(1, count)
    for number in range(count):
        oid = Oid((number * step + made.randrange(step)).to_bytes(8, "big") + made.randbytes(24))
        place = len(pack.HEADER) + made.randrange(1000) * (FRAME_SIZE + pack.FRAME_HEADER_SIZE)
        yield IndexRow(oid, made.choice(packs), ObjectKind.BLOB, Codec.RAW, place, FRAME_SIZE, FRAME_SIZE)


@dataclass(frozen=True)
class FlatDirectory:
    """A directory whose files are all on the remote, as far as indexes tell."""

    root: ObjectRef
    entries: list[Entry]


def make_flat_remote(folder: Path, files: int, *, scratch: Path) -> FlatDirectory:
    """A remote in `folder` that has one directory of so many files."""
    made = random.Random(files)
    entries = [Entry(b"%08x.bin" % (number * 4), Kind.FILE, Oid(made.randbytes(32)), 30_000) for number in range(files)]
    found: list[tuple[Oid, ObjectKind, bytes]] = []
    oid = write_directory(entries, lambda oid, content: found.append((oid, ObjectKind.TREE, content)))
    trees, tree_rows = _put_pack(DirectoryStorage(folder), found, scratch)
    other = PackRef(Oid(made.randbytes(32)), PACK_SIZE)
    packs = sorted([trees, other])
    rows = [_placed(row, packs.index(trees)) for row in tree_rows]
    number = packs.index(other)
    rows += [IndexRow(one.oid, number, ObjectKind.BLOB, Codec.RAW, 16, one.size, one.size) for one in entries]
    put_index(folder, [oid], packs, sorted(rows), scratch)
    return FlatDirectory(ObjectRef(oid, ObjectKind.TREE, b"flat", sum(one.size for one in entries)), entries)


@dataclass(frozen=True)
class _Big:
    root: ObjectRef
    wanted: str
    content: bytes
    trees: list[tuple[Oid, ObjectKind, bytes]]
    blobs: list[tuple[Oid, ObjectKind, bytes]]


def _directory(made: random.Random, objects: int) -> _Big:
    """A directory of folders of files, of which one is real."""
    folders = max(2, objects // PER_FOLDER)
    content = made.randbytes(WANTED_SIZE)
    trees: list[tuple[Oid, ObjectKind, bytes]] = []

    def add(oid: Oid, encoded: bytes) -> None:
        trees.append((oid, ObjectKind.TREE, encoded))

    files = [
        Entry(b"%06d.bin" % number, Kind.FILE, Oid(made.randbytes(32)), 30_000)
        for number in range(min(PER_FOLDER, objects // folders))
    ]
    files[len(files) // 2] = Entry(files[len(files) // 2].name, Kind.FILE, Oid.of(content), WANTED_SIZE)
    size, leaves = totals(files)
    inner = write_directory(files, add)
    entries = [
        Entry(b"%05d" % number, Kind.DIRECTORY, Oid(made.randbytes(32)), size, leaves) for number in range(folders)
    ]
    middle = folders // 2
    entries[middle] = Entry(entries[middle].name, Kind.DIRECTORY, inner, size, leaves)
    root = ObjectRef(write_directory(entries, add), ObjectKind.TREE, b"data", totals(entries)[0])
    wanted = f"{entries[middle].name.decode()}/{files[len(files) // 2].name.decode()}"
    return _Big(root, wanted, content, trees, [(Oid.of(content), ObjectKind.BLOB, content)])


def _put_pack(
    storage: Storage, objects: Iterable[tuple[Oid, ObjectKind, bytes]], scratch: Path
) -> tuple[PackRef, list[pack.Row]]:
    with PackWriter(ScratchDirectory(scratch)) as writer:
        for oid, kind, content in objects:
            writer.add(oid, kind, Codec.RAW, len(content), content)
        ref = PackRef(writer.seal(durable=False), os.stat(writer.path).st_size)
        storage.put(pack_key(ref.name), FileBody(writer.path))
        return ref, writer.rows


def _placed(row: pack.Row, number: int) -> IndexRow:
    return IndexRow(row.oid, number, row.kind, row.codec, row.offset, row.raw_size, row.stored_size)
