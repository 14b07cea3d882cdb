"""Servers that confirm uploads they did not keep, or list only a part of the objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.core.errors import MissingObjectError, RemoteError
from dver.formats.objectref import ObjectRef
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.gc.collection import remote_gc
from dver.remote.index.keys import PACKS
from dver.remote.repair.lost_packs import lost_packs
from dver.remote.storage import Body, BytesBody, ObjectInfo, OnBytes

DAY = 86_400
NOW = 1_800_000_000


class Lagging(Spy):
    """A server whose lists leave out the `behind` keys that were put last."""

    def __init__(self, folder: Path, behind: int) -> None:
        super().__init__(DirectoryStorage(folder))
        self.behind = behind

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        put = list(dict.fromkeys(reversed(self.made("put"))))
        hidden = set(put[: self.behind])
        return iter([info for info in super().list(prefix) if info.key not in hidden])


class Shortening(Spy):
    """A server that keeps half of a pack, and says that all went well."""

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        if key.startswith(PACKS):
            content = b"".join(body.chunks())
            body = BytesBody(content[: len(content) // 2])
        return super().put(key, body, if_absent=if_absent, on_bytes=on_bytes)


def collect(clone: Clone, storage: Spy, roots: list[ObjectRef], at: int) -> None:
    remote_gc(lambda: roots, clone.store, clone.catalog(storage), grace=14 * DAY, now=lambda: at)


@pytest.mark.parametrize("behind", range(1, 7))
def test_lists_without_new_objects_lose_nothing(tmp_path: Path, behind: int) -> None:
    storage = Lagging(tmp_path / "remote", behind)
    clones = [Clone(tmp_path / name) for name in ("a", "b")]
    data = [files(20, seed=seed) for seed in range(6)]
    roots: list[ObjectRef] = []
    for number, dataset in enumerate(data):
        clone = clones[number % 2]
        root = put_dataset(clone.store, dataset, f"data{number}")
        roots.append(root)
        with suppress(RemoteError):  # "changed again and again": nothing is promised that is not there
            clone.push(storage, root)
        with suppress(RemoteError, MissingObjectError):  # it refuses where packs seem to be gone
            collect(clones[0], storage, roots, NOW + number * DAY)
    storage.behind = 0
    for number, root in enumerate(roots):
        clones[number % 2].push(storage, root)
    for day in (6, 30, 60):
        collect(clones[0], storage, roots, NOW + day * DAY)
    fresh = Clone(tmp_path / "fresh")
    assert fresh.fetch(storage, *roots).error() is None
    for root, dataset in zip(roots, data, strict=True):
        assert read_dataset(fresh.store, root.oid) == dataset


def test_a_list_without_packs_does_not_prove_their_loss(tmp_path: Path) -> None:
    storage, clone = Lagging(tmp_path / "remote", 5), Clone(tmp_path / "a")
    clone.push(storage, put_dataset(clone.store, files(20)))
    catalog = clone.catalog(storage)
    assert lost_packs(catalog) == frozenset()


def test_a_truncated_pack_is_noticed_by_its_size(tmp_path: Path) -> None:
    storage, clone = Shortening(DirectoryStorage(tmp_path / "remote")), Clone(tmp_path / "a")
    root = put_dataset(clone.store, files(20))
    clone.push(storage, root)
    catalog = clone.catalog(storage)
    catalog.refresh()
    assert len(lost_packs(catalog)) == 1
    fetched = Clone(tmp_path / "b").fetch(storage, root)
    assert fetched.error() is not None
