"""Repairs of a remote that are interrupted, or run beside pushes, gcs and other repairs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.core.errors import RemoteError
from dver.core.oid import Oid
from dver.formats.condemned import Condemned
from dver.formats.objectref import ObjectRef
from dver.formats.pack import FRAME_HEADER_SIZE, HEADER
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.gc.collection import remote_gc
from dver.remote.index.condemned_lists import put_condemned_list
from dver.remote.index.keys import INDEX_SUFFIX, PACKS, condemned_key, index_key, repository_key
from dver.remote.repair.check import check_remote
from dver.remote.repair.repair_remote import RepairResult, repair_remote
from dver.remote.storage import Body, BytesBody, OnBytes, Storage
from dver.remote.transfer.push import push
from dver.remote.transfer.push_plan import plan_push
from dver.store.objects.packs import parse_pack_file_name
from dver.store.repair.good_copies import StoreSource

OLD = files(20)
NEW = OLD | files(5, seed=1, folder="new/")


class Killed(Exception):
    """Ends a repair where a kill would."""


class Interrupted(Spy):
    """A storage that ends the process at the write number `left`, before it happens."""

    def __init__(self, inner: Storage, left: int) -> None:
        super().__init__(inner)
        self.left = left

    def _count(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        self._count()
        return super().put(key, body, if_absent=if_absent, on_bytes=on_bytes)

    def delete(self, key: str) -> None:
        self._count()
        super().delete(key)


class Overtaken(Spy):
    """A storage on which another clone completes a repair right before an index is put."""

    def __init__(self, inner: Storage, other: Clone) -> None:
        super().__init__(inner)
        self.other: Clone | None = other

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        if key.endswith(INDEX_SUFFIX) and self.other is not None:
            other, self.other = self.other, None
            repair(other, self.inner)
        return super().put(key, body, if_absent=if_absent, on_bytes=on_bytes)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


@pytest.fixture
def remote(tmp_path: Path, clone: Clone) -> Path:
    """A remote with two versions of a dataset, and a flipped bit in each of its packs."""
    path = tmp_path / "remote"
    for dataset in (OLD, NEW):
        clone.push(DirectoryStorage(path), put_dataset(clone.store, dataset))
    for pack in sorted((path / "packs").iterdir()):
        content = bytearray(pack.read_bytes())
        content[len(HEADER) + FRAME_HEADER_SIZE] ^= 1
        pack.unlink()
        pack.write_bytes(content)
    return path


def root_of(clone: Clone, dataset: dict[str, bytes]) -> ObjectRef:
    return put_dataset(clone.store, dataset)


def repair(clone: Clone, storage: Storage, *, with_copies: bool = True) -> RepairResult:
    report = check_remote(storage, clone.store, jobs=1)
    names = {parse_pack_file_name(one.file.removeprefix(PACKS)) for one in report.damages}
    packs = {name for name in names if name is not None}
    sources = [StoreSource("the store", clone.store.root)] if with_copies else []
    return repair_remote(report.inventory, packs, sources, clone.store, clone.catalog(storage, jobs=1))


def assert_whole(folder: Path, storage: Storage, root: ObjectRef, dataset: dict[str, bytes]) -> None:
    fresh = Clone(folder)
    assert fresh.fetch(storage, root).error() is None
    assert read_dataset(fresh.store, root.oid) == dataset


def test_a_repair_that_is_killed_at_any_write_is_completed_by_the_next(
    tmp_path: Path, clone: Clone, remote: Path
) -> None:
    roots = [(root_of(clone, dataset), dataset) for dataset in (OLD, NEW)]
    damaged = tmp_path / "damaged"
    shutil.copytree(remote, damaged)
    for writes in range(100):
        shutil.rmtree(remote)
        shutil.copytree(damaged, remote)
        killed = False
        try:
            repair(clone, Interrupted(DirectoryStorage(remote), writes))
        except Killed:
            killed = True
        storage = DirectoryStorage(remote)
        repair(clone, storage)
        assert not check_remote(storage, clone.store, jobs=1).damages, writes
        for number, (root, dataset) in enumerate(roots):
            assert_whole(tmp_path / f"fresh-{writes}-{number}", storage, root, dataset)
        if not killed:
            break
    assert not killed
    assert writes > 2


def test_a_push_that_relies_on_a_withdrawn_pack_uploads_its_objects_again(
    tmp_path: Path, clone: Clone, remote: Path
) -> None:
    storage = DirectoryStorage(remote)
    dataset = NEW | {"more": b"more"}
    root = root_of(clone, dataset)
    catalog = clone.catalog(storage)
    catalog.refresh()
    plan = plan_push([root], clone.store, catalog)
    repaired = repair(Clone(tmp_path / "other"), storage, with_copies=False)
    assert repaired.delisted > 0
    push(plan, clone.store, catalog)
    assert_whole(tmp_path / "fresh", storage, root, dataset)


def test_of_two_repairs_at_once_one_ends_with_an_error_and_nothing_is_lost(
    tmp_path: Path, clone: Clone, remote: Path
) -> None:
    other = Clone(tmp_path / "other")
    root_of(other, NEW)
    root_of(other, OLD)
    storage = DirectoryStorage(remote)
    with pytest.raises(RemoteError, match="changed during"):
        repair(clone, Overtaken(storage, other))
    assert not check_remote(storage, clone.store, jobs=1).damages
    assert_whole(tmp_path / "fresh", storage, root_of(clone, NEW), NEW)


def test_a_gc_after_a_repair_deletes_the_withdrawn_packs_and_nothing_else(
    tmp_path: Path, clone: Clone, remote: Path
) -> None:
    storage = DirectoryStorage(remote)
    roots = [root_of(clone, OLD), root_of(clone, NEW)]
    damaged = sorted((remote / "packs").iterdir())
    repair(clone, storage)
    for _ in range(2):
        remote_gc(lambda: roots, clone.store, clone.catalog(storage), grace=0, now=time.time)
    assert not any(path.exists() for path in damaged)
    assert_whole(tmp_path / "fresh", storage, roots[1], NEW)


def test_trees_that_a_repair_has_delisted_are_not_reported_as_damage(tmp_path: Path, clone: Clone) -> None:
    storage = DirectoryStorage(tmp_path / "remote")
    clone.push(storage, root_of(clone, OLD))
    (first,) = (tmp_path / "remote/packs").iterdir()
    clone.push(storage, root_of(clone, NEW))
    first.unlink()
    assert repair(Clone(tmp_path / "other"), storage, with_copies=False).delisted > len(OLD)
    assert not check_remote(storage, clone.store, jobs=1).damages
    clone.push(storage, root_of(clone, NEW))
    assert_whole(tmp_path / "fresh", storage, root_of(clone, NEW), NEW)


def test_an_object_whose_other_copy_is_condemned_is_copied_to_a_new_pack(
    tmp_path: Path, clone: Clone, remote: Path
) -> None:
    """A gc has copied the live objects of all packs; then the new ones are lost."""
    shutil.rmtree(remote)
    storage = DirectoryStorage(remote)
    roots = [root_of(clone, dataset) for dataset in (OLD, NEW)]
    for root in roots:
        clone.push(storage, root)
    for number in range(4):  # small packs, so that the gc merges them
        roots.append(root_of(clone, {"x": b"%d" % number}))
        clone.push(storage, roots[-1])
    before = set((remote / "packs").iterdir())
    remote_gc(lambda: roots, clone.store, clone.catalog(storage), grace=10**6, now=time.time)
    for pack in set((remote / "packs").iterdir()) - before:
        pack.unlink()
    assert repair(Clone(tmp_path / "other"), storage, with_copies=False).delisted == 0
    for _ in range(2):
        remote_gc(lambda: roots, clone.store, clone.catalog(storage), grace=0, now=time.time)
    assert_whole(tmp_path / "fresh", storage, roots[1], NEW)


@pytest.mark.parametrize("key", [condemned_key, repository_key, index_key])
def test_damaged_metadata_is_deleted(clone: Clone, remote: Path, key: Callable[[Oid], str]) -> None:
    storage = DirectoryStorage(remote)
    storage.put(key(Oid.of(b"")), BytesBody(b"garbage"))
    repair(clone, storage)
    assert storage.stat(key(Oid.of(b""))) is None
    assert not check_remote(storage, clone.store, jobs=1).damages


def test_a_condemned_pack_that_a_visible_index_lists_is_checked_and_restored(tmp_path: Path, clone: Clone) -> None:
    """A gc may condemn the packs of a push that has not written its index yet."""
    storage = DirectoryStorage(tmp_path / "remote")
    root = root_of(clone, OLD)
    clone.push(storage, root)
    (pack,) = (tmp_path / "remote/packs").iterdir()
    name = parse_pack_file_name(pack.name)
    assert name is not None
    put_condemned_list(Condemned(int(time.time()), (name,), (), grace=10**6), storage)
    assert not check_remote(storage, clone.store, jobs=1).damages
    pack.unlink()
    assert check_remote(storage, clone.store, jobs=1).damages
    repair(clone, storage)
    assert not check_remote(storage, clone.store, jobs=1).damages
    assert_whole(tmp_path / "fresh", storage, root, OLD)
