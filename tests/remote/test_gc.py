"""Collecting garbage on a remote: what Git needs stays, whatever goes wrong and whoever pushes meanwhile."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.core.errors import RemoteError
from dver.remote.gc import RemoteGcResult, prepare_remote_gc, remote_gc
from dver.remote.gc_state import RemoteGcPlan
from dver.remote.local import LocalStorage
from dver.remote.mirror import INDEXES, PACKS
from dver.remote.storage import Body, Moved, Storage
from dver.store.closure import Root

MIB = 2**20
GRACE = 14 * 86_400
START = 1_800_000_000
CALLS = 11
"""How many calls of the gc in the scene below change something."""


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


class Unplugged(Spy):
    """Breaks off at one of the calls that change something, before or after it was carried out."""

    def __init__(self, inner: Storage, at: int, *, late: bool) -> None:
        super().__init__(inner)
        self.left = at
        self.late = late

    def put(self, key: str, body: Body, *, if_absent: bool = False, moved: Moved | None = None) -> bool:
        self._count(late=False)
        done = super().put(key, body, if_absent=if_absent, moved=moved)
        self._count(late=True)
        return done

    def delete(self, key: str) -> None:
        self._count(late=False)
        super().delete(key)
        self._count(late=True)

    def _count(self, *, late: bool) -> None:
        if late is self.late:
            self.left -= 1
            if self.left < 0:
                raise RemoteError("unplugged")


@dataclass
class Scene:
    """A remote on which a gc has everything to do, and what has to be left of it."""

    folder: Path
    clone: Clone
    needed: dict[Root, dict[str, bytes]]

    def storage(self) -> LocalStorage:
        return LocalStorage(self.folder / "remote")

    def check(self, name: str) -> None:
        fresh = Clone(self.folder / name)
        assert fresh.fetch(self.storage(), *self.needed).error() is None
        for root, dataset in self.needed.items():
            assert read_dataset(fresh.store, root.oid) == dataset

    def collect(self, storage: Storage, at: int) -> RemoteGcResult:
        return collect(self.clone, storage, *self.needed, at=at)

    def plan(self, at: int) -> RemoteGcPlan:
        catalog = self.clone.catalog(self.storage())
        return prepare_remote_gc(lambda: self.needed, self.clone.store, catalog, grace=GRACE, now=lambda: at).plan

    def check_clean(self, at: int) -> None:
        """No garbage is left, and nothing to do."""
        assert self.plan(at).empty
        assert self.plan(at).waiting_packs == ()
        assert len([key for key in keys(self.storage(), INDEXES) if key.endswith(".idx")]) == 1


def set_scene(folder: Path) -> Scene:
    clone, storage = Clone(folder / "a"), LocalStorage(folder / "remote")
    scene = Scene(folder, clone, {})

    def make(name: str, seed: int, count: int = 3, size: int = 4 * MIB, extra: dict[str, bytes] | None = None) -> Root:
        dataset = files(count, size=size // count, seed=seed) | (extra or {})
        root = put_dataset(clone.store, dataset, name)
        scene.needed[root] = dataset
        clone.push(storage, root)
        return root

    due = make("due", 1)
    back = make("back", 2)
    del scene.needed[due]
    # Both are condemned; one of them is needed again when its list is due.
    needed = scene.needed.pop(back)
    scene.collect(storage, START - GRACE)
    scene.needed[back] = needed
    freed = make("freed", 3, size=9 * MIB)
    needed = scene.needed.pop(freed)
    scene.collect(storage, START - 10)
    scene.needed[freed] = needed
    shared = files(2, size=MIB, seed=4)
    del scene.needed[make("mostly dead", 5, size=6 * MIB, extra=shared)]
    make("live in there", 6, count=1, size=10, extra=shared)
    for seed in range(7, 11):
        make(f"small {seed}", seed, size=1000)
    return scene


def test_the_scene_has_everything_to_do(tmp_path: Path) -> None:
    scene = set_scene(tmp_path)
    plan = scene.plan(START)
    assert plan.condemned_packs
    assert plan.condemned_indexes
    assert plan.copies
    assert plan.freed
    assert plan.merges
    assert plan.deleted_packs
    assert plan.deleted_indexes
    assert plan.deleted_lists
    spy = Spy(scene.storage())
    scene.collect(spy, START)
    assert len(spy.made("put") + spy.made("delete")) == CALLS
    scene.check("b")
    scene.collect(scene.storage(), START + GRACE)
    scene.check("c")
    scene.check_clean(START + GRACE)


@pytest.fixture(scope="module")
def scene_made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return set_scene(tmp_path_factory.mktemp("scene"))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("at", range(CALLS))
def test_whenever_a_gc_breaks_off_all_that_is_needed_is_there_and_the_next_one_goes_on(
    tmp_path: Path, scene_made: Scene, at: int, late: bool
) -> None:
    shutil.copytree(scene_made.folder, tmp_path, dirs_exist_ok=True)
    scene = Scene(tmp_path, Clone(tmp_path / "a"), scene_made.needed)
    with pytest.raises(RemoteError, match="unplugged"):
        scene.collect(Unplugged(scene.storage(), at, late=late), START)
    scene.check("b")
    for later in (1, 1 + GRACE, 2 + 2 * GRACE):
        scene.collect(scene.storage(), START + later)
        scene.check(f"c{later}")
    scene.check_clean(START + later)
