"""Large indexes: one object costs a small part of them, most objects the whole."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from datasets import Clone, Spy, put_dataset

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import condemned, remote_index
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import IndexRow, PackRef, RemoteIndex
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.index.catalog import Catalog
from dver.remote.index.keys import condemned_key, index_key, pack_key
from dver.remote.index.reader import SMALL
from dver.remote.storage import BytesBody, OnBytes
from dver.remote.transfer.fetch import fetch
from dver.remote.transfer.fetch_plan import ObjectPath

ROWS = 60_000
PACKS = 30


class Counting(Spy):
    """Counts the bytes of answers, too."""

    received = 0

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        content = super().get(key, start, length, on_bytes=on_bytes)
        self.received += len(content)
        return content


@pytest.fixture
def spy(tmp_path: Path) -> Counting:
    return Counting(DirectoryStorage(tmp_path / "remote"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "b")


def noise(count: int = ROWS, name: str = "noise") -> list[Oid]:
    return [Oid.of(b"%s %d" % (name.encode(), number)) for number in range(count)]


def large_index(*, roots: list[Oid] = [], count: int = ROWS, first: int = 0) -> RemoteIndex:  # noqa: B006
    packs = sorted(PackRef(Oid.of(b"pack %d" % number), 32 << 20) for number in range(first, first + PACKS))
    rows = [
        IndexRow(oid, number % PACKS, ObjectKind.BLOB, Codec.RAW, 16 + number, 300, 300)
        for number, oid in enumerate(noise(count))
    ]
    return RemoteIndex(tuple(sorted(roots)), tuple(packs), tuple(sorted(rows)))


def put(spy: Spy, index: RemoteIndex) -> Oid:
    content = remote_index.encode(index.roots, index.packs, index.objects)
    name = remote_index.name_of(content)
    spy.inner.put(index_key(name), BytesBody(content))
    return name


def merged(spy: Spy, more: RemoteIndex) -> None:
    """Put all indexes of the remote, and `more`, into one, as a gc does."""
    found = [info.key for info in spy.inner.list("indexes/")]
    indexes = [more, *(remote_index.decode(spy.inner.get(key)) for key in found)]
    packs = sorted({ref for one in indexes for ref in one.packs})
    names = [ref.name for ref in packs]
    rows = {row.oid: row._replace(pack=names.index(one.packs[row.pack].name)) for one in indexes for row in one.objects}
    put(
        spy,
        RemoteIndex(tuple(sorted({root for one in indexes for root in one.roots})), tuple(packs), tuple(rows.values())),
    )
    for key in found:
        spy.inner.delete(key)


def test_one_small_file_of_a_large_remote_costs_little(tmp_path: Path, spy: Counting, clone: Clone) -> None:
    source = Clone(tmp_path / "a")
    dataset = {f"d{number % 7}/f{number}": b"%d" % number * 100 for number in range(500)}
    root = put_dataset(source.store, dataset)
    source.push(spy, root)
    merged(spy, large_index())
    spy.calls.clear()
    spy.received = 0
    want = ObjectPath(ObjectRef(root.oid, root.kind, b"data", root.size), (b"d3", b"f10"))
    assert fetch([want], clone.store, clone.catalog(spy)).error() is None
    assert clone.store.read(Oid.of(dataset["d3/f10"])) == dataset["d3/f10"]
    assert len(spy.calls) <= 10  # the list, the head, and for each of three objects a bucket and its frame
    assert spy.received < ROWS * remote_index.ROW_SIZE // 10


def test_rows_of_a_large_index_are_found(spy: Counting, clone: Clone) -> None:
    index = large_index(roots=[Oid.of(b"root")])
    put(spy, index)
    catalog = clone.catalog(spy)
    catalog.refresh()
    assert spy.received <= 64 << 10
    assert catalog.has_roots([Oid.of(b"root"), Oid.of(b"none")]) == {Oid.of(b"root")}
    some = [*noise()[:2], Oid.of(b"absent")]
    assert catalog.present(some) == set(some[:2])
    assert catalog.known(ObjectKind.TREE, some) == set()
    by_oid = {row.oid: row for row in index.objects}
    for found in catalog.locate(some):
        row = by_oid[found.oid]
        assert (found.pack, found.offset, found.raw_size) == (index.packs[row.pack].name, row.offset, row.raw_size)
    before = len(spy.calls)
    assert catalog.present(some) == set(some[:2])
    assert len(spy.calls) == before  # asked before
    assert clone.mirror.partials() != []


def test_a_query_for_most_rows_copies_the_whole_index(spy: Counting, clone: Clone) -> None:
    put(spy, large_index())
    catalog = clone.catalog(spy)
    catalog.refresh()
    wanted = noise()[::7]
    assert catalog.present([*wanted, Oid.of(b"absent")]) == set(wanted)
    assert clone.mirror.partials() == []
    assert len(spy.made("get")) <= 3
    clone.open()
    spy.calls.clear()
    again = clone.catalog(spy)
    again.refresh()
    assert again.present(noise()) == set(noise())
    assert spy.made("get") == []


def test_a_damaged_bucket_is_noticed_when_it_is_read(spy: Counting, clone: Clone) -> None:
    name = put(spy, large_index())
    content = bytearray(spy.inner.get(index_key(name)))
    content[-30_000] ^= 1
    spy.inner.put(index_key(name), BytesBody(bytes(content)))
    catalog = clone.catalog(spy)
    catalog.refresh()
    with pytest.raises(CorruptError, match="index"):
        catalog.present(noise())


def test_a_damaged_head_is_noticed_at_once(spy: Counting, clone: Clone) -> None:
    name = put(spy, large_index())
    content = bytearray(spy.inner.get(index_key(name)))
    content[200] ^= 1
    spy.inner.put(index_key(name), BytesBody(bytes(content)))
    with pytest.raises(CorruptError, match=index_key(name)):
        clone.catalog(spy).refresh()


def test_an_index_that_vanishes_while_it_is_read_causes_a_refresh(spy: Counting, clone: Clone) -> None:
    first = put(spy, large_index())
    catalog = clone.catalog(spy)
    catalog.refresh()
    spy.inner.delete(index_key(first))
    put(spy, large_index(first=100))
    some = noise()[:2]
    assert {found.pack for found in catalog.locate(some)} <= {Oid.of(b"pack %d" % n) for n in range(100, 200)}
    assert catalog.present(some) == set(some)


def small(texts: list[str], pack: str, *, roots: list[str] = []) -> RemoteIndex:  # noqa: B006
    rows = [
        IndexRow(Oid.of(text.encode()), 0, ObjectKind.BLOB, Codec.RAW, 16 + 100 * at, 5, 5)
        for at, text in enumerate(texts)
    ]
    ref = PackRef(Oid.of(pack.encode()), 10_000)
    return RemoteIndex(tuple(Oid.of(root.encode()) for root in roots), (ref,), tuple(sorted(rows)))


def test_of_several_packs_the_one_with_most_wanted_objects_is_chosen(spy: Counting, clone: Clone) -> None:
    put(spy, small(["a"], "lonely"))
    put(spy, small(["a", "b", "c"], "rich"))
    catalog = clone.catalog(spy)
    catalog.refresh()
    oids = [Oid.of(text.encode()) for text in "abc"]
    assert {found.pack for found in catalog.locate(oids)} == {Oid.of(b"rich")}
    assert len(catalog.locate(oids)) == 3


def condemn(spy: Spy, *, packs: list[str], indexes: list[Oid] = []) -> None:  # noqa: B006
    content = condemned.encode(1_700_000_000, [Oid.of(pack.encode()) for pack in packs], indexes)
    spy.inner.put(condemned_key(Oid.of(content)), BytesBody(content))


def test_condemned_data_does_not_count_for_pushes_and_comes_last_for_fetches(spy: Counting, clone: Clone) -> None:
    old = put(spy, small(["a", "b", "c"], "old", roots=["r"]))
    put(spy, small(["a"], "new", roots=["s"]))
    condemn(spy, packs=["old"], indexes=[old])
    catalog = clone.catalog(spy)
    catalog.refresh()
    a, b, c, r, s = (Oid.of(text.encode()) for text in "abcrs")
    assert catalog.present([a, b, c]) == catalog.known(ObjectKind.BLOB, [a, b, c]) == {a}
    assert catalog.has_roots([r, s]) == {s}
    assert {found.oid: found.pack for found in catalog.locate([a, b])} == {a: Oid.of(b"new"), b: Oid.of(b"old")}
    assert catalog.condemned == {Oid.of(b"old"), old}


def test_a_deleted_list_condemns_nothing(spy: Counting, clone: Clone) -> None:
    put(spy, small(["a"], "old", roots=["r"]))
    condemn(spy, packs=["old"])
    catalog: Catalog = clone.catalog(spy)
    catalog.refresh()
    before = catalog.state()
    assert catalog.present([Oid.of(b"a")]) == set()
    for info in list(spy.inner.list("indexes/")):
        if info.key.endswith(".condemned"):
            spy.inner.delete(info.key)
    catalog.refresh()
    assert catalog.state() != before
    assert catalog.present([Oid.of(b"a")]) == {Oid.of(b"a")}


def test_test_indexes_are_small_and_large() -> None:
    assert ROWS * remote_index.ROW_SIZE > 3 * SMALL
    assert pack_key(Oid(bytes(32))).startswith("packs/")


def test_rows_of_a_condemned_index_do_not_count_although_their_pack_stays(spy: Counting, clone: Clone) -> None:
    old = put(spy, small(["a", "b"], "pack"))
    put(spy, small(["b"], "pack", roots=["s"]))
    condemn(spy, packs=[], indexes=[old])
    catalog = clone.catalog(spy)
    catalog.refresh()
    a, b = Oid.of(b"a"), Oid.of(b"b")
    assert catalog.present([a, b]) == catalog.known(ObjectKind.BLOB, [a, b]) == {b}
    assert {found.oid for found in catalog.locate([a, b])} == {a, b}


def test_a_push_compares_with_the_contents_before_an_index_vanished(spy: Counting, clone: Clone) -> None:
    first = put(spy, large_index())
    catalog = clone.catalog(spy)
    catalog.refresh()
    before = catalog.contents
    spy.inner.delete(index_key(first))
    put(spy, large_index(first=100))
    some = noise()[:2]
    assert catalog.known(ObjectKind.BLOB, some) == set()
    assert len(catalog.locate(some)) == 2
    assert catalog.contents == before


def test_only_the_vanished_index_is_dropped(spy: Counting, clone: Clone) -> None:
    gone = put(spy, small(["a", "b"], "one", roots=["r"]))
    large = put(spy, large_index())
    catalog = clone.catalog(spy)
    catalog.refresh()
    assert len(catalog.present(noise())) == ROWS
    spy.inner.delete(index_key(gone))
    spy.calls.clear()
    catalog.refresh()
    assert catalog.state() == {large}
    assert catalog.present([Oid.of(b"a"), noise()[0]]) == {noise()[0]}
    assert catalog.has_roots([Oid.of(b"r")]) == set()
    assert spy.made("get") == []


def test_a_mirror_that_breaks_during_a_query_is_filled_again(spy: Counting, clone: Clone) -> None:
    put(spy, small(["a"], "one", roots=["r"]))
    put(spy, large_index())
    catalog = clone.catalog(spy)
    catalog.refresh()
    some = noise()[:3]
    for ask in (catalog.present, lambda oids: {found.oid for found in catalog.locate(oids)}):
        clone.store.database.recreate()
        assert ask([*some, Oid.of(b"a")]) == {*some, Oid.of(b"a")}
    clone.store.database.recreate()
    assert catalog.has_roots([Oid.of(b"r")]) == {Oid.of(b"r")}


@pytest.mark.parametrize("counts", [(0, 2**32 - 1, 0, 0), (23, 0, 0, 2**32 - 1), (0, 0, 50_000, 1)])
def test_a_large_index_that_promises_more_than_it_has_is_refused(
    spy: Counting, clone: Clone, counts: tuple[int, ...]
) -> None:
    content = remote_index.MAGIC + bytes((remote_index.VERSION,)) + struct.pack("<BIII", *counts) + bytes(2 * SMALL)
    name = Oid.of(b"lie")
    spy.inner.put(index_key(name), BytesBody(content))
    with pytest.raises(CorruptError, match=index_key(name)):
        clone.catalog(spy).refresh()
    assert spy.received <= 2 * len(content)
