"""Sending what a remote lacks: complete, verified, and again after any interruption."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.core.errors import CorruptError, DverError, MissingObjectError, RemoteError
from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.index.keys import INDEXES, PACKS, pack_key
from dver.remote.packs.upload_bodies import PackFrames
from dver.remote.storage import Storage
from dver.remote.transfer.push import push
from dver.remote.transfer.push_plan import NewPack, PushPlan, WholePack, missing_on_remote, plan_push
from dver.store.objects.loose import LinkMode
from dver.store.store import Store
from dver.store.writer import StoreWriter

MIB = 2**20


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "a")


def keys(storage: Storage, prefix: str = "") -> set[str]:
    return {info.key for info in storage.list(prefix)}


def put_loose(store: Store, tmp_path: Path, content: bytes) -> ObjectRef:
    """A loose blob, as `cache.link = symlink` makes it."""
    source = tmp_path / "source"
    source.write_bytes(content)
    with StoreWriter(store) as writer, source.open("rb") as file:
        oid = writer.add_large(file.fileno(), LinkMode.SYMLINK, path=bytes(source))
    assert store.loose.present([oid])
    return ObjectRef(oid, ObjectKind.BLOB, b"big", len(content))


def shapes(plan: PushPlan) -> list[object]:
    """What a plan would send, whatever the numbers that packs have in the database."""
    return [_sources(upload) if isinstance(upload, NewPack) else upload for upload in plan.uploads]


def _sources(upload: NewPack) -> list[object]:
    return [
        [one.oid for one in source.found] if isinstance(source, PackFrames) else source for source in upload.sources
    ]


def flip(path: Path, at: int) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


# -- what is sent


def test_what_was_pushed_can_be_fetched(tmp_path: Path, storage: Storage, clone: Clone) -> None:
    dataset = files(200) | {"text": b"to be compressed " * 1000, "empty": b""}
    root = put_dataset(clone.store, dataset)
    result = clone.push(storage, root)
    assert (result.roots, result.packs) == (1, 1)
    assert result.objects == len(dataset) + 21
    other = Clone(tmp_path / "b")
    assert other.fetch(storage, root).error() is None
    assert read_dataset(other.store, root.oid) == dataset


def test_a_second_push_makes_one_request(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(100))
    clone.push(spy, root)
    spy.calls.clear()
    assert clone.push(spy, root).objects == 0
    assert spy.calls == [("list", INDEXES)]


def test_only_what_changed_is_sent(spy: Spy, clone: Clone) -> None:
    first = files(300)
    clone.push(spy, put_dataset(clone.store, first))
    changed = put_dataset(clone.store, first | {"d000/f00003": b"changed"})
    result = clone.push(spy, changed)
    assert result.objects == 3  # the blob, its folder, the root
    assert result.size < 4_000


def test_many_small_packs_go_as_one(spy: Spy, clone: Clone) -> None:
    roots = [put_dataset(clone.store, {"x": b"%d" % number}, f"data{number}") for number in range(20)]
    assert clone.push(spy, *roots).packs == 1
    assert len(keys(spy)) == 3  # pack, index, listing


def test_a_pack_that_is_wanted_whole_goes_under_its_own_name(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(10, size=MIB))
    (pack,) = clone.store.packs.iterdir()
    clone.push(spy, root)
    assert keys(spy, PACKS) == {f"packs/{pack.name}"}
    assert spy.inner.get(f"packs/{pack.name}") == pack.read_bytes()


def test_a_root_whose_content_is_there_already_gets_an_index_alone(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, {"a/x": b"x"})
    clone.push(spy, root)
    inner = next(entry.oid for entry in clone.store.tree(root.oid))
    result = clone.push(spy, ObjectRef(inner, ObjectKind.TREE, b"a"))
    assert (result.roots, result.packs, result.objects) == (1, 0, 0)
    assert clone.mirror.has_roots([inner]) == {inner}
    assert len(keys(spy, INDEXES)) == 2


@pytest.mark.parametrize("content", [bytes(3 * MIB), random.Random(0).randbytes(3 * MIB)])
def test_loose_blobs_are_pushed_and_come_back(tmp_path: Path, spy: Spy, clone: Clone, content: bytes) -> None:
    root = put_loose(clone.store, tmp_path, content)
    clone.push(spy, root)
    other = Clone(tmp_path / "b")
    assert other.fetch(spy, root).error() is None
    assert other.store.read(root.oid) == content


# -- the plan


def test_a_plan_is_the_same_after_the_database_was_deleted(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    roots = [
        put_dataset(clone.store, files(60, size=MIB // 4, seed=1), "whole"),
        put_dataset(clone.store, files(20, seed=2), "part"),
        put_loose(clone.store, tmp_path, bytes(2 * MIB)),
    ]
    before = plan_push(roots, clone.store, clone.catalog(spy))
    clone.store.database.close()
    (clone.folder / "index.db").unlink()
    clone.open()
    after = plan_push(roots, clone.store, clone.catalog(spy))

    assert [type(upload) for upload in before.uploads] == [WholePack, NewPack]
    assert shapes(after) == shapes(before)
    assert after.size == before.size


def test_planning_sends_nothing(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(10))
    assert plan_push([root], clone.store, clone.catalog(spy)).objects == 12
    assert spy.calls == []


def test_trees_come_before_blobs(spy: Spy, clone: Clone) -> None:
    plan = plan_push([put_dataset(clone.store, files(50))], clone.store, clone.catalog(spy))
    (upload,) = plan.uploads
    assert isinstance(upload, NewPack)
    kinds = [found.kind for source in upload.sources if isinstance(source, PackFrames) for found in source.found]
    assert kinds == sorted(kinds, reverse=True)


# -- what is not


def test_missing_objects_are_named_before_anything_is_sent(spy: Spy, clone: Clone) -> None:
    from dver.formats.tree import Entry, Kind, write_directory

    with StoreWriter(clone.store) as writer:
        entries = [Entry(b"f%02d" % number, Kind.FILE, Oid.of(b"%d" % number), 1) for number in range(12)]
        oid = write_directory(entries, writer.add_tree)
    with pytest.raises(MissingObjectError, match=r"data/f00, .*data/f09 and 2 more"):
        clone.push(spy, ObjectRef(oid, ObjectKind.TREE, b"data"))
    assert spy.made("put") == []


def test_what_the_store_lacks_but_the_remote_has_is_no_obstacle(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    dataset = files(50)
    root = put_dataset(clone.store, dataset)
    clone.push(spy, root)
    other = Clone(tmp_path / "b")
    other.fetch(spy, root, sub="d001")
    changed = put_dataset(clone.store, dataset | {"new": b"new"})
    for pack in clone.store.packs.iterdir():
        if pack.stat().st_size < 3_000:
            (other.store.packs / pack.name).write_bytes(pack.read_bytes())
    other.store.refresh()
    assert other.push(spy, changed).objects == 2


def damage_payload(clone: Clone) -> None:
    for pack in clone.store.packs.iterdir():
        flip(pack, pack.stat().st_size // 3)


def damage_loose(clone: Clone) -> None:
    for oid in list(clone.store.loose.all()):
        flip(clone.store.loose.path(oid), MIB)


@pytest.mark.parametrize(
    ("make", "damage"),
    [
        (lambda clone, tmp: put_dataset(clone.store, files(40)), damage_payload),  # rebuilt
        (lambda clone, tmp: put_dataset(clone.store, files(10, size=MIB)), damage_payload),  # verbatim
        (lambda clone, tmp: put_loose(clone.store, tmp, random.Random(0).randbytes(2 * MIB)), damage_loose),
    ],
)
def test_a_flipped_bit_does_not_travel(
    tmp_path: Path,
    spy: Spy,
    clone: Clone,
    make: Callable[[Clone, Path], ObjectRef],
    damage: Callable[[Clone], None],
) -> None:
    root = make(clone, tmp_path)
    damage(clone)
    with pytest.raises(CorruptError, match=r"object [0-9a-f]{12}"):
        clone.push(spy, root)
    assert keys(spy) == set()
    assert list(clone.store.scratch.folder.iterdir()) == []


def test_a_flipped_bit_in_a_chunk_does_not_travel(spy: Spy, clone: Clone) -> None:
    with StoreWriter(clone.store) as writer:
        oid = writer.add_stream([random.Random(0).randbytes(16 * MIB)])
    damage_payload(clone)
    with pytest.raises(CorruptError):
        clone.push(spy, ObjectRef(oid, ObjectKind.BLOB, b"big"))
    assert keys(spy) == set()


def test_one_bad_pack_stops_the_others_and_is_what_the_error_tells(spy: Spy, clone: Clone) -> None:
    roots = [put_dataset(clone.store, files(10, size=MIB, seed=seed), f"d{seed}") for seed in range(4)]
    last = max(clone.store.packs.iterdir())
    flip(last, 5 * MIB)
    with pytest.raises(CorruptError, match=r"object [0-9a-f]{12}"):
        clone.push(spy, *roots)
    assert keys(spy, INDEXES) == set()


# -- interruptions


@pytest.mark.parametrize("after", [0, 1, 3, 4])
@pytest.mark.parametrize("failure", [RemoteError("unplugged"), KeyboardInterrupt()])
def test_an_interrupted_push_completes_when_run_again(
    tmp_path: Path, spy: Spy, clone: Clone, after: int, failure: BaseException
) -> None:
    roots = [put_dataset(clone.store, files(9, size=MIB, seed=seed), f"d{seed}") for seed in range(4)]
    spy.fail_put_after, spy.failure = after, failure
    with pytest.raises(type(failure)):
        clone.push(spy, *roots, jobs=1)
    assert keys(spy, INDEXES) == set()
    spy.fail_put_after = None
    clone.open()
    result = clone.push(spy, *roots)
    assert result.packs == 4 - after
    assert len(spy.made("put")) == len(set(spy.made("put"))) == 6
    other = Clone(tmp_path / "b")
    assert other.fetch(spy, *roots).error() is None


def test_packs_that_are_made_anew_have_the_same_name_when_tried_again(spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(40))
    spy.fail_put_after, spy.failure = 1, RemoteError("unplugged")
    with pytest.raises(RemoteError):
        clone.push(spy, root)
    spy.fail_put_after = None
    clone.open()
    assert clone.push(spy, root).packs == 0
    assert len(keys(spy, PACKS)) == 1


def test_a_pack_that_is_there_with_another_size_is_sent_again(tmp_path: Path, spy: Spy, clone: Clone) -> None:
    root = put_dataset(clone.store, files(9, size=MIB))
    (pack,) = clone.store.packs.iterdir()
    target = tmp_path / "remote" / "packs" / pack.name
    target.parent.mkdir(parents=True)
    target.write_bytes(b"half")
    assert clone.push(spy, root).packs == 1
    assert target.read_bytes() == pack.read_bytes()


def test_two_pushes_at_once_both_succeed(tmp_path: Path, storage: Storage) -> None:
    clones = [Clone(tmp_path / "a"), Clone(tmp_path / "b")]
    shared = files(30)
    roots = [put_dataset(one.store, shared | {"own": b"%d" % at}) for at, one in enumerate(clones)]
    # Both have looked at the remote before either writes: each believes that all of it is missing.
    plans = [plan_push([root], one.store, one.catalog(storage)) for one, root in zip(clones, roots, strict=True)]
    barrier = threading.Barrier(2)
    errors: list[DverError] = []

    def run(at: int) -> None:
        clones[at].open()  # a connection of this thread's own
        barrier.wait()
        try:
            push(plans[at], clones[at].store, clones[at].catalog(storage))
        except DverError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(at,)) for at in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    third = Clone(tmp_path / "c")
    assert third.fetch(storage, *roots).error() is None
    for at, root in enumerate(roots):
        assert read_dataset(third.store, root.oid) == shared | {"own": b"%d" % at}


# -- has everybody pushed?


def test_what_is_not_on_the_remote_is_listed_by_path(spy: Spy, clone: Clone) -> None:
    dataset = {"a/x": b"x", "b/y": b"y"}
    root = put_dataset(clone.store, dataset)
    clone.push(spy, root)
    changed = put_dataset(clone.store, dataset | {"b/z": b"z"})
    assert missing_on_remote([root], clone.store, clone.catalog(spy)) == []
    lost = missing_on_remote([root, changed], clone.store, clone.catalog(spy))
    assert [one.path for one in lost] == [b"data", b"data/b", b"data/b/z"]
    assert pack_key(root.oid).startswith(PACKS)
