"""A clone that needs a few objects of a large remote reads a small part of its index."""

from __future__ import annotations

from pathlib import Path

import pytest
from bigremote import Counted, make_big_remote, make_flat_remote
from datasets import Clone

from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry, Kind, write_directory
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.transfer.fetch import fetch
from dver.remote.transfer.fetch_plan import ObjectPath
from dver.store.writer import StoreWriter

OBJECTS = 200_000


@pytest.fixture
def big(tmp_path: Path) -> tuple[Counted, ObjectPath, Oid]:
    """A remote of many objects, a file of it that is wanted, and its oid."""
    made = make_big_remote(tmp_path / "remote", OBJECTS, scratch=tmp_path / "scratch")
    parts = tuple(made.wanted.encode().split(b"/"))
    want = ObjectPath(made.root, parts)
    return Counted(DirectoryStorage(tmp_path / "remote")), want, Oid.of(made.content)


def test_one_file_of_a_large_remote_costs_little(tmp_path: Path, big: tuple[Counted, ObjectPath, Oid]) -> None:
    storage, want, oid = big
    clone = Clone(tmp_path / "a")
    result = fetch([want], clone.store, clone.catalog(storage))
    assert result.error() is None
    assert len(clone.store.read(oid)) == 10_000
    assert storage.requests <= 15
    assert storage.received < 2 * 2**20


def test_rows_are_downloaded_only_once(tmp_path: Path, big: tuple[Counted, ObjectPath, Oid]) -> None:
    storage, want, oid = big
    clone = Clone(tmp_path / "a")
    fetch([want], clone.store, clone.catalog(storage))
    clone.open()
    before = storage.requests
    catalog = clone.catalog(storage)
    assert {one.oid for one in catalog.locate([want.tree.oid, oid])} == {want.tree.oid, oid}
    assert storage.requests == before


def test_a_clone_that_needs_most_of_a_large_index_copies_it(
    tmp_path: Path, big: tuple[Counted, ObjectPath, Oid]
) -> None:
    storage, _, _ = big
    clone = Clone(tmp_path / "a")
    catalog = clone.catalog(storage)
    catalog.refresh()
    before = storage.requests
    asked = [Oid.of(b"%d" % number) for number in range(2000)]
    assert catalog.present(asked) == set()
    assert storage.requests - before <= 30
    after = storage.requests
    assert catalog.present([Oid.of(b"-%d" % number) for number in range(2000)]) == set()
    assert storage.requests == after


def test_one_new_file_in_a_large_flat_directory_adds_a_shard_and_their_list(tmp_path: Path) -> None:
    flat = make_flat_remote(tmp_path / "remote", 60_000, scratch=tmp_path / "scratch")
    storage = Counted(DirectoryStorage(tmp_path / "remote"))
    clone = Clone(tmp_path / "a")
    content = b"new" * 1000
    entries = sorted([*flat.entries, Entry(b"00012345.new", Kind.FILE, Oid.of(content), len(content))])
    with StoreWriter(clone.store) as writer:
        writer.add_blobs([(Oid.of(content), content)])
        oid = write_directory(entries, writer.add_tree)
    result = clone.push(storage, ObjectRef(oid, ObjectKind.TREE, b"flat"))
    assert result.objects == 3  # the file, its shard, the list of shards
    assert storage.sent < 2**20
