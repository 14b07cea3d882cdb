"""A gc of a remote keeps all data that Git references, after failures and beside pushes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.core.errors import CorruptError, MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.condemned import Condemned, decode, encode
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.remote_index import RemoteIndex
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.gc import read_state
from dver.remote.gc.collection import RemoteGcResult, prepare_remote_gc, remote_gc
from dver.remote.gc.plan import SEVERAL, condemned_list_name
from dver.remote.gc.read_state import list_packs
from dver.remote.gc.state import RemoteGcPlan
from dver.remote.index.keys import INDEXES, PACKS, condemned_key, index_key
from dver.remote.storage import Body, BytesBody, OnBytes, Storage
from dver.store.objects.loose import LinkMode
from dver.store.writer import StoreWriter

MIB = 2**20
GRACE = 14 * 86_400
START = 1_800_000_000
CALLS = 11
"""How many calls of the gc in the scene below change something."""


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "a")


def collect(clone: Clone, storage: Storage, *roots: ObjectRef, at: int = START, grace: int = GRACE) -> RemoteGcResult:
    return remote_gc(lambda: roots, clone.store, clone.catalog(storage), grace=grace, now=lambda: at)


def keys(storage: Storage, prefix: str = "") -> set[str]:
    return {info.key for info in storage.list(prefix)}


def check_fetch(folder: Path, storage: Storage, root: ObjectRef, dataset: dict[str, bytes]) -> None:
    """A clone that has nothing gets all."""
    fresh = Clone(folder)
    assert fresh.fetch(storage, root).error() is None
    assert read_dataset(fresh.store, root.oid) == dataset


def test_garbage_is_deleted_in_two_phases_and_the_rest_can_be_fetched(
    tmp_path: Path, storage: Storage, clone: Clone
) -> None:
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

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        self._count(late=False)
        done = super().put(key, body, if_absent=if_absent, on_bytes=on_bytes)
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
    needed: dict[ObjectRef, dict[str, bytes]]

    def storage(self) -> DirectoryStorage:
        return DirectoryStorage(self.folder / "remote")

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
    clone, storage = Clone(folder / "a"), DirectoryStorage(folder / "remote")
    scene = Scene(folder, clone, {})

    def make(
        name: str, seed: int, count: int = 3, size: int = 4 * MIB, extra: dict[str, bytes] | None = None
    ) -> ObjectRef:
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
@pytest.mark.parametrize("at", range(CALLS - 1))  # the last one is the listing's, which no gc fails for
def test_a_gc_that_ends_at_any_request_loses_nothing_and_the_next_one_completes(
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


# -- what a pusher sees


def condemn(storage: Storage, *, packs: Iterable[Oid] = (), indexes: Iterable[Oid] = (), at: int = START) -> None:
    one = Condemned(at, tuple(sorted(packs)), tuple(sorted(indexes)), GRACE)
    storage.put(condemned_key(condemned_list_name(one)), BytesBody(encode(at, one.packs, one.indexes, grace=GRACE)))


def test_condemned_data_is_pushed_again_under_another_name(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    dataset = files(10, size=MIB)
    root = put_dataset(clone.store, dataset)
    clone.push(spy, root)
    before = keys(spy)
    collect(clone, spy)
    result = clone.push(spy, root)
    assert result.objects >= len(dataset)
    fresh = keys(spy, PACKS) - before
    assert len(fresh) == result.packs > 0
    assert clone.push(spy, root).roots == 0
    collect(clone, spy, root, at=START + GRACE)
    assert keys(spy, PACKS) == fresh
    check_fetch(tmp_path / "b", spy, root, dataset)


def test_an_index_that_is_newer_than_a_list_does_not_free_condemned_packs(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, {"x": b"x"})
    clone.push(spy, root)
    (pack,) = list_packs(spy)
    condemn(spy, packs=[pack])
    catalog = clone.catalog(spy)
    catalog.refresh()
    assert catalog.present([root.oid]) == set()
    # Another clone has planned its push before the list was there, and lists the pack as well.
    other = Oid.of(b"another root")
    (index,) = (remote_index.decode(spy.get(key)) for key in keys(spy, INDEXES) if key.endswith(".idx"))
    catalog.publish(RemoteIndex((other,), index.packs, index.objects))
    catalog.refresh()
    assert catalog.present([root.oid]) == set()
    assert catalog.known(ObjectKind.TREE, [root.oid]) == set()


def index_names(storage: Storage) -> set[Oid]:
    return {Oid(bytes.fromhex(key[len(INDEXES) : -4])) for key in keys(storage, INDEXES) if key.endswith(".idx")}


def test_a_condemned_index_is_written_again_under_another_name(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, {"x": b"x"})
    clone.push(spy, root)
    (old,) = index_names(spy)
    condemn(spy, indexes=[old])
    assert clone.push(spy, root).roots == 1
    assert len(index_names(spy) - {old}) == 1
    assert clone.push(spy, root).roots == 0
    collect(clone, spy, root, at=START + GRACE)
    assert old not in index_names(spy)
    assert len(names_of_visible(spy)) == 1
    check_fetch(tmp_path / "b", spy, root, {"x": b"x"})


def test_a_merged_index_never_gets_a_condemned_name(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    """One object has one merged index that may name it as its root: with another object gone, it comes up again."""
    content = Oid.of(b"x")
    with StoreWriter(clone.store) as writer:
        writer.add_blobs([(content, b"x")])
    root = ObjectRef(content, ObjectKind.BLOB, b"x", 1)
    clone.push(spy, root)
    (first,) = index_names(spy)
    (pack,) = list_packs(spy)
    condemn(spy, indexes=[first])
    for day in range(3):
        collect(clone, spy, root, at=START + 1 + day)
        assert len(index_names(spy) - {first}) == 1
    catalog = Clone(tmp_path / "b").catalog(spy)
    catalog.refresh()
    assert catalog.has_roots([content]) == {content}
    collect(clone, spy, root, at=START + 2 * GRACE)
    assert pack not in list_packs(spy)
    assert first not in index_names(spy)
    assert Clone(tmp_path / "c").fetch(spy, root).error() is None


def test_two_gcs_with_the_same_plan_write_indexes_with_different_names(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    datasets = [files(40, size=100 + number) for number in range(SEVERAL)]
    roots = [put_dataset(clone.store, dataset, f"d{number}") for number, dataset in enumerate(datasets)]
    for root in roots:
        clone.push(spy, root)
    shutil.copytree(tmp_path / "remote", tmp_path / "same")
    same = DirectoryStorage(tmp_path / "same")
    for storage in (spy, same):
        collect(clone, storage, *roots)
    merged = [names_of_visible(storage) for storage in (spy, same)]
    assert [len(one) for one in merged] == [1, 1]
    assert merged[0] != merged[1]


def names_of_visible(storage: Storage) -> set[Oid]:
    lists = [decode(storage.get(key)) for key in keys(storage, INDEXES) if key.endswith(".condemned")]
    return index_names(storage) - {name for one in lists for name in one.indexes}


def test_a_merged_index_is_condemned_and_kept_if_others_changed_the_remote(tmp_path: Path, clone: Clone) -> None:
    """Another may have built on it, or have written the very same."""
    roots = [put_dataset(clone.store, files(3, size=100 + number), f"d{number}") for number in range(SEVERAL)]
    inner = DirectoryStorage(tmp_path / "remote")
    for root in roots:
        clone.push(inner, root)
    before = index_names(inner)

    class Overtaken(Spy):
        def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
            put = super().put(key, body, if_absent=if_absent, on_bytes=on_bytes)
            if len(self.made("put")) == 1 and key.endswith(".idx"):
                condemn(inner, indexes=[Oid.of(b"what another gc condemned")])
            return put

    spy = Overtaken(inner)
    collect(clone, spy, *roots)
    (overtaken,) = (key for key in spy.made("put")[:1])
    assert spy.made("delete") == []
    assert overtaken in keys(inner)
    (visible,) = names_of_visible(inner)
    assert index_key(visible) != overtaken
    assert visible not in before


def test_a_reader_still_finds_condemned_objects(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    dataset = files(10)
    root = put_dataset(clone.store, dataset)
    clone.push(spy, root)
    collect(clone, spy)
    check_fetch(tmp_path / "b", spy, root, dataset)


# -- refusals


def test_missing_objects_that_an_index_promises_stop_a_gc(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(10))
    clone.push(spy, root)
    for key in keys(spy, PACKS):
        spy.delete(key)
    before = keys(spy)
    with pytest.raises(MissingObjectError, match="missing on the remote"):
        collect(clone, spy, root)
    assert keys(spy) == before


def test_a_root_without_its_objects_stops_a_gc(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(10))
    clone.push(spy, root)
    for key in keys(spy, INDEXES):
        spy.delete(key)
    clone.catalog(spy).publish(RemoteIndex((root.oid,), (), ()))
    with pytest.raises(MissingObjectError, match="missing on the remote"):
        collect(clone, spy, root)


def test_objects_that_were_never_pushed_do_not_stop_a_gc(spy: Spy, clone: Clone) -> None:
    pushed, local = put_dataset(clone.store, files(10)), put_dataset(clone.store, files(5, seed=9), "local")
    clone.push(spy, pushed)
    nowhere = ObjectRef(Oid.of(b"of another clone"), ObjectKind.TREE, b"elsewhere")
    assert collect(clone, spy, pushed, local, nowhere) == RemoteGcResult()


def test_a_damaged_tree_stops_a_gc(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(10))
    clone.push(spy, root)
    (key,) = keys(spy, PACKS)
    content = bytearray(spy.get(key))
    content[100] ^= 1
    spy.put(key, BytesBody(bytes(content)))
    with pytest.raises(CorruptError, match="objects below it are unknown"):
        collect(Clone(tmp_path / "b"), spy, root)
    assert keys(spy, PACKS) == {key}


def test_a_damaged_frame_is_not_copied(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    roots = [put_dataset(clone.store, {"x": b"%d" % number * 100}, str(number)) for number in range(SEVERAL)]
    for root in roots:
        clone.push(spy, root)
    key = min(keys(spy, PACKS))
    content = bytearray(spy.get(key))
    content[-300] ^= 1  # in the last frame, that of the blob
    spy.put(key, BytesBody(bytes(content)))
    before = keys(spy)
    with pytest.raises(CorruptError, match="nothing was deleted"):
        collect(clone, spy, *roots)
    assert keys(spy, INDEXES) == {one for one in before if one.startswith(INDEXES)}


def test_a_damaged_index_stops_a_gc(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(10))
    clone.push(spy, root)
    (key,) = keys(spy, INDEXES)
    content = bytearray(spy.get(key))
    content[-20] ^= 1
    spy.put(key, BytesBody(bytes(content)))
    with pytest.raises(CorruptError, match="is damaged"):
        collect(clone, spy, root)


def test_a_clone_with_an_empty_store_can_collect(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    kept, dropped = files(10, size=MIB), files(10, size=MIB, seed=2)
    keep, drop = put_dataset(clone.store, kept, "keep"), put_dataset(clone.store, dropped, "drop")
    clone.push(spy, keep)
    clone.push(spy, drop)
    bare = Clone(tmp_path / "bare")
    collect(bare, spy, keep)
    assert collect(bare, spy, keep, at=START + GRACE).deleted_packs > 0
    check_fetch(tmp_path / "b", spy, keep, kept)


def test_chunks_of_a_large_file_stay_although_this_clone_has_it_as_a_loose_blob(
    tmp_path: Path, spy: Spy, clone: Clone
) -> None:
    content = random.Random(5).randbytes(6 * MIB)
    source = tmp_path / "source"
    source.write_bytes(content)
    with StoreWriter(clone.store) as writer, source.open("rb") as file:
        oid = writer.add_large(file.fileno(), LinkMode.SYMLINK, path=bytes(source))
    assert clone.store.loose.present([oid])
    root = ObjectRef(oid, ObjectKind.BLOB, b"big", len(content))
    clone.push(spy, root)
    small = [put_dataset(clone.store, {"x": b"%d" % number}, str(number)) for number in range(SEVERAL)]
    for one in small:
        clone.push(spy, one)
    for at in (START, START + GRACE):
        collect(clone, spy, root, *small, at=at)
    fresh = Clone(tmp_path / "b")
    assert fresh.fetch(spy, root).error() is None
    assert fresh.store.read(oid) == content


def test_indexes_that_do_not_fit_in_memory_are_read_from_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spy: Spy, clone: Clone
) -> None:
    monkeypatch.setattr(read_state, "_IN_MEMORY", 1000)
    dataset = files(40)
    keep = put_dataset(clone.store, dataset, "keep")
    clone.push(spy, keep)
    clone.push(spy, put_dataset(clone.store, files(40, seed=2), "drop"))
    collect(clone, spy, keep)
    assert collect(clone, spy, keep, at=START + GRACE).deleted_packs > 0
    check_fetch(tmp_path / "b", spy, keep, dataset)
    assert list(clone.store.root.glob("tmp/*")) == []
