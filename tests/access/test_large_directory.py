"""Lists of directories with more entries than are decoded at once."""

from __future__ import annotations

import os
import random
from pathlib import Path

import fsspec
import pytest
from workspaces import Project

from dver.access.files import FileInfo, FileKind
from dver.access.large_directory import LargeDirectory, infos_of
from dver.access.repositories import open_files
from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats.pack import ObjectKind
from dver.formats.pointer import Pointer, encode
from dver.formats.tree import Entry, Kind, Shard, Sharded, decode, encode_leaf, totals, write_directory
from dver.store.writer import StoreWriter

KINDS = (Kind.FILE, Kind.EXECUTABLE, Kind.SYMLINK, Kind.DIRECTORY)
SHOWN: dict[Kind, FileKind] = dict(zip(KINDS, ("file", "file", "link", "directory"), strict=True))
ENTRIES = [
    Entry(b"%06d" % number + (b"\xff" if number % 7 == 0 else "ä".encode()), KINDS[number % 4], Oid.of(b"x"), number)
    for number in range(30_000)
]


def encoded(entries: list[Entry]) -> tuple[Oid, dict[Oid, bytes]]:
    """The oid and the tree objects of a directory."""
    found: dict[Oid, bytes] = {}
    return write_directory(entries, found.__setitem__), found


@pytest.fixture
def listing() -> LargeDirectory:
    """The directory `data` with ENTRIES."""
    oid, objects = encoded(ENTRIES)
    top = decode(objects[oid])
    assert isinstance(top, Sharded)
    return LargeDirectory("data/", oid, top.shards, [objects[shard.oid] for shard in top.shards])


def test_it_is_the_list_of_all_entries(listing: LargeDirectory) -> None:
    expected = [
        FileInfo(
            f"data/{os.fsdecode(one.name)}",
            SHOWN[one.kind],
            one.size,
            one.oid,
            one.kind is Kind.EXECUTABLE,
            tracked=True,
        )
        for one in ENTRIES
    ]
    assert list(listing) == expected
    assert listing.paths() == [one.path for one in expected]
    assert len(listing) == len(ENTRIES)


def test_it_has_single_items_and_slices(listing: LargeDirectory) -> None:
    whole = list(listing)
    for at in [0, 1, -1, 29_999, *random.Random(1).sample(range(30_000), 50)]:
        assert listing[at] == whole[at]
    assert listing[9_990:10_010:3] == whole[9_990:10_010:3]
    assert listing[-2:] == whole[-2:]
    with pytest.raises(IndexError):
        listing[30_000]
    assert whole[20_000] in listing
    assert repr(listing) == "<30,000 files in data/>"


def test_an_empty_directory_has_no_files() -> None:
    assert list(infos_of("data/", [])) == []


def test_shards_that_are_not_those_of_the_directory_are_corrupt() -> None:
    oid, objects = encoded(ENTRIES)
    top = decode(objects[oid])
    assert isinstance(top, Sharded)
    contents = [objects[shard.oid] for shard in top.shards]
    with pytest.raises(CorruptError, match="other contents"):
        list(LargeDirectory("", oid, top.shards, contents[::-1]))
    lying = [shard._replace(size=1) for shard in top.shards]
    with pytest.raises(CorruptError, match="other contents"):
        list(LargeDirectory("", oid, lying, contents))
    swapped = [top.shards[1], top.shards[0], *top.shards[2:]]
    with pytest.raises(CorruptError, match="not sorted"):
        list(LargeDirectory("", oid, swapped, [contents[1], contents[0], *contents[2:]]))


def test_shards_that_are_cut_elsewhere_are_corrupt() -> None:
    first, second = ENTRIES[:100], ENTRIES[100:200]
    contents = [encode_leaf(first), encode_leaf(second)]
    shards = [
        Shard(part[0].name, Oid.of(content), *totals(part), len(part))
        for part, content in zip((first, second), contents, strict=True)
    ]
    with pytest.raises(CorruptError, match="wrong names"):
        list(LargeDirectory("", Oid.of(b""), shards, contents))


def test_a_project_lists_a_large_directory(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    with project.opened() as repo:
        with StoreWriter(repo.store) as writer:
            oid = write_directory(ENTRIES, writer.add_tree)
        pointer = Pointer(ObjectKind.TREE, oid, sum(one.size for one in ENTRIES), len(ENTRIES))
        (project.root / "data.dver").write_bytes(encode(pointer))
    files = open_files(project.root)
    assert [one.path for one in files.ls("data")][:2] == [f"data/{os.fsdecode(one.name)}" for one in ENTRIES[:2]]
    assert len(files.ls("data")) == 30_000
    names = fsspec.filesystem("dver", repo=project.root).ls("data", detail=False)
    assert names == [one.path for one in files.ls("data")]
