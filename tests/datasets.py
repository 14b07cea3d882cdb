"""Small stores with datasets in them, made without a workspace. Importable from every test."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry, Kind, totals, write_directory
from dver.remote.index.catalog import Catalog
from dver.remote.index.mirror import Mirror
from dver.remote.storage import Body, Capabilities, ObjectInfo, OnBytes, Storage
from dver.remote.transfer.fetch import DownloadResult, fetch
from dver.remote.transfer.fetch_plan import ObjectPath
from dver.remote.transfer.push import UploadResult, push
from dver.remote.transfer.push_plan import plan_push
from dver.store.objects.database import Database
from dver.store.store import Store
from dver.store.writer import StoreWriter

Dataset = Mapping[str, bytes]


def files(count: int, *, size: int = 300, seed: int = 0, folder: str = "") -> dict[str, bytes]:
    """`count` files that do not compress, in folders of ten."""
    made = random.Random(seed)
    return {f"{folder}d{number // 10:03}/f{number:05}": made.randbytes(size) for number in range(count)}


def put_dataset(store: Store, dataset: Dataset, name: str = "data") -> ObjectRef:
    """Write the files of `dataset` and their directories into `store`."""
    with StoreWriter(store) as writer:
        entry = _put_directory(writer, b"", [(path.encode().split(b"/"), dataset[path]) for path in sorted(dataset)])
    return ObjectRef(entry.oid, ObjectKind.TREE, name.encode(), entry.size)


def _put_directory(writer: StoreWriter, name: bytes, items: list[tuple[list[bytes], bytes]]) -> Entry:
    entries, below = [], {}
    for parts, content in items:
        if len(parts) == 1:
            oid = Oid.of(content)
            writer.add_blobs([(oid, content)])
            entries.append(Entry(parts[0], Kind.FILE, oid, len(content)))
        else:
            below.setdefault(parts[0], []).append((parts[1:], content))
    entries += [_put_directory(writer, folder, rest) for folder, rest in below.items()]
    entries.sort(key=lambda entry: entry.name)
    size, leaves = totals(entries)
    return Entry(name, Kind.DIRECTORY, write_directory(entries, writer.add_tree), size, leaves)


def read_dataset(store: Store, oid: Oid, prefix: str = "") -> dict[str, bytes]:
    """The files of the tree `oid`; raises if one is not in the store, or damaged."""
    found: dict[str, bytes] = {}
    for entry in store.tree(oid):
        path = prefix + entry.name.decode()
        if entry.kind is Kind.DIRECTORY:
            found |= read_dataset(store, entry.oid, path + "/")
        else:
            found[path] = store.read(entry.oid)
    return found


@dataclass
class Clone:
    """A store, and what it knows of one remote."""

    folder: Path
    store: Store = field(init=False)
    mirror: Mirror = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Begin again from what is on disk, as the next process would."""
        database = Database(self.folder / "index.db")
        self.store = Store(self.folder / "store", database)
        self.mirror = Mirror(database, "the remote")

    def catalog(self, storage: Storage, *, jobs: int = 3) -> Catalog:
        """The catalogue of `storage`, as far as it is known here."""
        return Catalog(self.mirror, storage, jobs=jobs)

    def push(self, storage: Storage, *roots: ObjectRef, jobs: int = 3) -> UploadResult:
        """Refresh, plan and push."""
        catalog = self.catalog(storage, jobs=jobs)
        catalog.refresh()
        return push(plan_push(roots, self.store, catalog), self.store, catalog)

    def fetch(self, storage: Storage, *roots: ObjectRef, sub: str = "") -> DownloadResult:
        """Fetch all of `roots`, or the place `sub` in each."""
        parts = tuple(sub.encode().split(b"/")) if sub else ()
        wants = [ObjectPath(root, parts) for root in roots]
        return fetch(wants, self.store, self.catalog(storage))


class Spy:
    """A storage that notes each request, and can refuse uploads: `failure` after `fail_put_after` of them."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner
        self.calls: list[tuple[str, str]] = []
        self.fail_put_after: int | None = None
        self.failure: BaseException = ConnectionError("unplugged")

    @property
    def url(self) -> str:
        return self.inner.url

    def made(self, verb: str) -> list[str]:
        """The keys of all requests of one kind."""
        return [key for name, key in self.calls if name == verb]

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        if self.fail_put_after is not None and len(self.made("put")) >= self.fail_put_after:
            raise self.failure
        self.calls.append(("put", key))
        return self.inner.put(key, body, if_absent=if_absent, on_bytes=on_bytes)

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        self.calls.append(("get", key))
        return self.inner.get(key, start, length, on_bytes=on_bytes)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self.calls.append(("list", prefix))
        return self.inner.list(prefix)

    def stat(self, key: str) -> ObjectInfo | None:
        self.calls.append(("stat", key))
        return self.inner.stat(key)

    def delete(self, key: str) -> None:
        self.calls.append(("delete", key))
        self.inner.delete(key)

    def probe(self) -> Capabilities:
        return self.inner.probe()
