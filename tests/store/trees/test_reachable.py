"""What a root reaches, and what of it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from datasets import Clone, files, put_dataset

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.recipe import Recipe
from dver.formats.tree import Entry, Kind, Leaf, Sharded, decode, encode_leaf, write_directory
from dver.store.objects.bulk_reader import StoreReader
from dver.store.store import Store
from dver.store.trees.reachable import ObjectBatch, describe_missing, find_missing, walk
from dver.store.writer import StoreWriter


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Clone(tmp_path).store


def nothing(_: ObjectKind, __: Sequence[Oid]) -> set[Oid]:
    return set()


def walked(store: Store, *roots: ObjectRef) -> list[ObjectBatch]:
    return list(walk([(root.oid, root.kind) for root in roots], StoreReader(store), nothing))


def drop_packs(store: Store) -> None:
    for pack in store.packs.iterdir():
        pack.unlink()
    store.refresh()


def test_a_walk_reaches_everything_once_and_trees_before_blobs(store: Store) -> None:
    same = {"a/x": b"same", "b/x": b"same", "c/deep/y": b"other", "z": b"same"}
    root = put_dataset(store, same)
    batches = walked(store, root, root)
    kinds = [batch.kind for batch in batches]
    assert kinds == sorted(kinds, key=lambda kind: kind is ObjectKind.BLOB)
    trees = [oid for batch in batches if batch.kind is ObjectKind.TREE for oid in batch.oids]
    blobs = [oid for batch in batches if batch.kind is ObjectKind.BLOB for oid in batch.oids]
    assert trees[0] == root.oid
    assert len(trees) == len(set(trees)) == 4  # the root, a and b which are one, c, c/deep
    assert sorted(blobs) == sorted([Oid.of(b"same"), Oid.of(b"other")])


def test_what_is_skipped_is_left_out_with_all_below_it(store: Store) -> None:
    root = put_dataset(store, {"a/x": b"in a", "b/y": b"in b"})
    skipped = next(entry.oid for entry in store.tree(root.oid) if entry.name == b"a")
    found = walk([(root.oid, root.kind)], StoreReader(store), lambda _, oids: {skipped} & set(oids))
    oids = [oid for batch in found for oid in batch.oids]
    assert skipped not in oids
    assert Oid.of(b"in a") not in oids
    assert Oid.of(b"in b") in oids


def test_skip_is_asked_in_bulk(store: Store) -> None:
    root = put_dataset(store, files(500))
    asked: list[int] = []

    def skip(_: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        asked.append(len(oids))
        return set()

    list(walk([(root.oid, root.kind)], StoreReader(store), skip))
    assert asked == [1, 50, 500]


def test_the_shards_of_a_large_directory_are_objects_too(store: Store) -> None:
    with StoreWriter(store) as writer:
        blob = Oid.of(b"same")
        writer.add_blobs([(blob, b"same")])
        entries = [Entry(b"%06d" % number, Kind.FILE, blob, 4) for number in range(12_000)]
        oid = write_directory(entries, writer.add_tree)
    shards = decode(store.read(oid))
    assert isinstance(shards, Sharded)
    trees = {one for batch in walked(store, ObjectRef(oid, ObjectKind.TREE)) for one in batch.oids}
    assert trees == {oid, blob, *(shard.oid for shard in shards.shards)}


def test_a_blob_with_the_bytes_of_a_tree_does_not_hide_the_tree(store: Store) -> None:
    inner = encode_leaf([Entry(b"leaf", Kind.FILE, Oid.of(b"content"), 7)])
    root = put_dataset(store, {"a-file": inner, "folder/leaf": b"content"})
    entries = {entry.name: entry for entry in store.tree(root.oid)}
    assert entries[b"a-file"].oid == entries[b"folder"].oid
    reached = {oid for batch in walked(store, root) for oid in batch.oids}
    assert Oid.of(b"content") in reached


def test_missing_blobs_are_named_by_path_and_size(store: Store) -> None:
    put_dataset(store, {"kept/one": b"one"})
    blobs = [store.read(Oid.of(b"one"))]
    drop_packs(store)
    with StoreWriter(store) as writer:
        leaf = [Entry(b"one", Kind.FILE, Oid.of(b"one"), 3), Entry(b"two", Kind.FILE, Oid.of(b"two!"), 4)]
        oid = write_directory(leaf, writer.add_tree)
        writer.add_blobs([(Oid.of(blob), blob) for blob in blobs])
    (lost,) = store.find_missing([ObjectRef(oid, ObjectKind.TREE, b"data/kept")])
    assert lost.path == b"data/kept/two"
    assert lost.oid == Oid.of(b"two!")
    assert lost.size == 4


def test_a_missing_tree_is_listed_alone(store: Store) -> None:
    root = put_dataset(store, {"a/x": b"x"})
    drop_packs(store)
    assert [one.path for one in store.find_missing([root])] == [b"data"]


def test_a_tree_that_is_present_vouches_for_the_rest_where_that_is_so(store: Store) -> None:
    root = put_dataset(store, {"a/x": b"x", "b/y": b"y"})
    inner = {entry.name: entry.oid for entry in store.tree(root.oid)}
    remote = {inner[b"a"]}
    lost = find_missing([root], StoreReader(store), lambda _, oids: remote & set(oids), closed=True)
    assert [one.path for one in lost] == [b"data", b"data/b", b"data/b/y"]


def test_a_damaged_tree_is_an_error_unless_the_caller_collects_them(store: Store) -> None:
    root = put_dataset(store, {"a": b"a"})
    for pack in store.packs.iterdir():
        pack.chmod(0o644)
        content = pack.read_bytes()
        pack.write_bytes(content.replace(b"DVTR", b"DVTX"))
    with pytest.raises(CorruptError):
        store.find_missing([root])
    damaged: set[Oid] = set()
    assert list(StoreReader(store, damaged).trees([root.oid])) == []
    assert damaged == {root.oid}


def test_complete_roots_are_remembered_until_a_pack_vanishes(store: Store) -> None:
    root = put_dataset(store, {"a": b"a"})
    assert store.index.complete([root.oid]) == set()
    store.index.mark_complete([root.oid])
    assert store.index.complete([root.oid, Oid.of(b"other")]) == {root.oid}
    drop_packs(store)
    assert store.index.complete([root.oid]) == set()


def test_only_the_first_few_missing_are_named() -> None:
    leaf = Leaf(tuple(Entry(b"f%02d" % number, Kind.FILE, Oid.of(b"%d" % number), 1) for number in range(13)))
    root = ObjectRef(Oid.of(b"tree"), ObjectKind.TREE, b"data")

    class OneLeaf:
        def trees(self, oids: Sequence[Oid]) -> list[tuple[Oid, Leaf | Sharded]]:
            return [(oid, leaf) for oid in oids]

        def recipes(self, oids: Sequence[Oid]) -> list[tuple[Oid, Recipe]]:
            return []

    lost = find_missing([root], OneLeaf(), lambda kind, oids: {*oids} if kind is root.kind else set())
    assert describe_missing(lost) == ", ".join(f"data/f{number:02}" for number in range(10)) + " and 3 more"
    assert describe_missing(lost[:1]) == "data/f00"
