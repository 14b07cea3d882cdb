"""Collecting garbage on a remote: what Git needs stays, whatever goes wrong and whoever pushes meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.remote.gc import RemoteGcResult, remote_gc
from dver.remote.local import LocalStorage
from dver.remote.mirror import PACKS
from dver.remote.storage import Storage
from dver.store.closure import Root

MIB = 2**20
GRACE = 14 * 86_400
START = 1_800_000_000


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(LocalStorage(tmp_path / "remote"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "a")


def collect(clone: Clone, storage: Storage, *roots: Root, at: int = START, grace: int = GRACE) -> RemoteGcResult:
    return remote_gc(lambda: roots, clone.store, clone.catalog(storage), grace=grace, now=lambda: at)


def keys(storage: Storage, prefix: str = "") -> set[str]:
    return {info.key for info in storage.list(prefix)}


def check_fetch(folder: Path, storage: Storage, root: Root, dataset: dict[str, bytes]) -> None:
    """A clone that has nothing gets all."""
    fresh = Clone(folder)
    assert fresh.fetch(storage, root).error() is None
    assert read_dataset(fresh.store, root.oid) == dataset


def test_garbage_goes_in_two_phases_and_the_rest_can_be_fetched(tmp_path: Path, storage: Storage, clone: Clone) -> None:
    kept, dropped = files(60, size=300_000, seed=1), files(60, size=300_000, seed=2)
    keep, drop = put_dataset(clone.store, kept, "keep"), put_dataset(clone.store, dropped, "drop")
    clone.push(storage, keep)
    clone.push(storage, drop)
    before = len(keys(storage, PACKS))
    first = collect(clone, storage, keep)
    assert first.condemned_packs >= 1
    assert first.deleted_packs == 0
    check_fetch(tmp_path / "b", storage, drop, dropped)
    assert collect(clone, storage, keep, at=START + GRACE - 1).deleted_packs == 0
    second = collect(clone, storage, keep, at=START + GRACE)
    assert second.deleted_packs == first.condemned_packs
    assert len(keys(storage, PACKS)) < before
    check_fetch(tmp_path / "c", storage, keep, kept)
    assert Clone(tmp_path / "d").fetch(storage, drop).error() is not None
