"""Trees: one encoding, shards, names that must not exist."""

from __future__ import annotations

from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given
from strategies import damaged, entries

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import tree
from dver.formats.tree import (
    LEAF_MAX,
    SHARD_MAX,
    Entry,
    Kind,
    Leaf,
    Shard,
    Sharded,
    cut,
    decode,
    encode_leaf,
    encode_sharded,
    forbidden_name,
    read_directory,
    write_directory,
)

EMPTY = Oid.of(b"")


def encoded(found: Leaf | Sharded) -> bytes:
    return encode_leaf(found.entries) if isinstance(found, Leaf) else encode_sharded(found.shards)


def many(count: int, *, stem: str = "file") -> list[Entry]:
    return [Entry(f"{stem}-{number:07}".encode(), Kind.FILE, EMPTY, 0) for number in range(count)]


def kept(listed: list[Entry]) -> tuple[Oid, dict[Oid, bytes]]:
    """The directory's root, and all tree objects."""
    objects: dict[Oid, bytes] = {}
    root = write_directory(listed, objects.__setitem__)
    return root, objects


@given(entries())
def test_a_leaf_survives_encoding(listed: list[Entry]) -> None:
    encoded = encode_leaf(listed)
    found = decode(encoded)
    assert found == Leaf(tuple(listed))
    assert tree.oids_of_leaf(encoded) == [entry.oid for entry in listed]


@given(damaged(entries().map(encode_leaf)))
def test_a_damaged_leaf_is_refused_or_is_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        assert encoded(decode(content)) == content


SHARDS = [Shard(b"a", EMPTY, 5, 6000, 6000), Shard(b"m", Oid.of(b"x"), 7, 9000, 9000)]


@given(damaged(entries().map(lambda _: encode_sharded(SHARDS))))
def test_a_damaged_list_of_shards_is_refused_or_is_another_valid_one(content: bytes) -> None:
    with suppress(CorruptError):
        assert encoded(decode(content)) == content


def test_a_list_of_shards_survives_encoding() -> None:
    assert decode(encode_sharded(SHARDS)) == Sharded(tuple(SHARDS))


@pytest.mark.parametrize("count", [0, 1, LEAF_MAX, LEAF_MAX + 1, 40_000])
def test_a_directory_of_any_size_survives(count: int) -> None:
    listed = many(count)
    root, objects = kept(listed)
    assert read_directory(objects.__getitem__, root) == listed
    assert (len(objects) == 1) is (count <= LEAF_MAX)


def test_what_versions_of_a_large_directory_have_in_common_is_read_once() -> None:
    listed = many(40_000)
    changed = [*listed[:-1], listed[-1]._replace(size=listed[-1].size + 1)]
    (old, objects), (new, others) = kept(listed), kept(changed)
    read: list[Oid] = []

    def reading(oid: Oid) -> bytes:
        read.append(oid)
        return {**objects, **others}[oid]

    shards: dict[Oid, Leaf] = {}
    assert read_directory(reading, old, shards) == listed
    assert read_directory(reading, new, shards) == changed
    assert sorted(read) == sorted({*objects, *others})


def test_one_new_file_in_a_large_directory_costs_one_shard_and_the_list() -> None:
    listed = many(40_000)
    _, before = kept(listed)
    _, after = kept(sorted([*listed, Entry(b"file-0020000b", Kind.FILE, Oid.of(b"new"), 3)]))
    assert len(after.keys() - before.keys()) == 2


def test_the_shards_do_not_depend_on_how_the_directory_came_about() -> None:
    listed = many(20_000)
    assert kept(listed) == kept(list(reversed(listed))[::-1])


def test_no_shard_is_longer_than_the_limit_whatever_the_names() -> None:
    runs = [len(run) for run in cut([entry for entry in many(60_000) if tree.xxh3_64_intdigest(entry.name) & 0xFFF])]
    assert max(runs) == SHARD_MAX


BAD_NAMES = [b"", b".", b"..", b"a/b", b"/etc", b"a\0b", b"x" * 256, b".git", b".GIT", b".Git", b"git~1", b"GIT~1"]
# NTFS ignores dots, spaces and a stream at the end, and takes a backslash for a slash; HFS+ ignores the unseen.
BAD_NAMES += [
    b".git.",
    b".git . .",
    b".GIT ",
    b"git~1.",
    b".git::$INDEX_ALLOCATION",
    b".git:x",
    b".git\\hooks",
    b"a\\.git",
]
BAD_NAMES += [".g\u200cit".encode(), "\ufeff.git".encode(), ".gi\u202et\u206f".encode(), ".Git\u200f.".encode()]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_tree_with_a_name_that_leads_elsewhere_is_refused(name: bytes) -> None:
    assert forbidden_name(name)
    with pytest.raises(CorruptError):
        decode(encode_leaf([Entry(name, Kind.FILE, EMPTY, 0)]))
    good = [Entry(b"aaa", Kind.FILE, EMPTY, 0), Entry(name, Kind.FILE, EMPTY, 0), Entry(b"zzz", Kind.FILE, EMPTY, 0)]
    with pytest.raises(CorruptError):
        decode(encode_leaf(sorted(good)))


@pytest.mark.parametrize(
    "name",
    [
        b".gitignore",
        b"git",
        b".gitx",
        b".git.x",
        b"git~2",
        "g\u200cit".encode(),
        b"a\\b",
        b"...",
        b"a..b",
        b"\xff",
        b"x" * 255,
        b"a\nb",
        b" ",
    ],
)
def test_names_that_only_look_odd_are_fine(name: bytes) -> None:
    assert forbidden_name(name) is None
    assert decode(encode_leaf([Entry(name, Kind.FILE, EMPTY, 0)]))


def test_names_must_be_sorted_and_each_be_there_once() -> None:
    one = Entry(b"a", Kind.FILE, EMPTY, 0)
    for listed in ([one, one], [one._replace(name=b"b"), one]):
        with pytest.raises(CorruptError, match="sorted"):
            decode(encode_leaf(listed))


def test_sizes_beyond_any_disk_are_refused() -> None:
    half = Entry(b"a", Kind.FILE, EMPTY, 2**62)
    with pytest.raises(CorruptError):
        decode(encode_leaf([half, half._replace(name=b"b")]))
    crowd = Entry(b"a", Kind.DIRECTORY, EMPTY, 0, 2**63)
    with pytest.raises(CorruptError):
        decode(encode_leaf([crowd]))


def test_a_count_that_promises_more_than_there_is_costs_no_memory() -> None:
    for form in (0, 1):
        with pytest.raises(CorruptError, match="truncated"):
            decode(tree.MAGIC + bytes((tree.VERSION,)) + pack("<BI", form, 0xFFFFFFFF))


def test_a_newer_version_is_refused_with_the_remedy() -> None:
    with pytest.raises(CorruptError) as caught:
        decode(tree.MAGIC + bytes((tree.VERSION + 1,)) + bytes(100))
    assert caught.value.fix == "upgrade dver"


def refuses(listed: list[Shard], objects: dict[Oid, bytes]) -> None:
    content = encode_sharded(listed)
    with pytest.raises(CorruptError):
        read_directory({**objects, Oid.of(content): content}.__getitem__, Oid.of(content))


def test_lists_that_lie_about_their_shards_are_refused() -> None:
    root, objects = kept(many(20_000))
    found = decode(objects[root])
    assert isinstance(found, Sharded)
    first, *rest = found.shards
    empty = encode_leaf([])
    objects[Oid.of(empty)] = empty
    refuses([Shard(b"a", Oid.of(empty), 0, 0, 0), first, *rest], objects)
    refuses([first._replace(entries=first.entries + 1), *rest], objects)
    refuses([first._replace(size=first.size + 1), *rest], objects)
    refuses([first._replace(files=2**62), *rest], objects)
    refuses([first._replace(first=b"a"), *rest], objects)
    refuses([first._replace(oid=root), *rest], objects)
    refuses([first, first._replace(first=b"g"), *rest], objects)


def test_shards_that_are_cut_elsewhere_are_refused() -> None:
    listed = many(20_000)
    halves = [listed[:10_000], listed[10_000:]]
    objects = {Oid.of(content): content for content in map(encode_leaf, halves)}
    refuses([Shard(h[0].name, Oid.of(encode_leaf(h)), 0, 10_000, 10_000) for h in halves], objects)


def test_a_leaf_that_should_have_been_shards_is_refused() -> None:
    content = encode_leaf(many(LEAF_MAX + 1))
    with pytest.raises(CorruptError, match="shards"):
        read_directory({Oid.of(content): content}.__getitem__, Oid.of(content))
