"""The mirror of a remote, and its refresh."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import IndexRow, PackRef
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.index.catalog import Catalog
from dver.remote.index.keys import INDEXES, index_key, pack_key, parse_index_key
from dver.remote.index.mirror import Mirror
from dver.remote.storage import BytesBody, Storage


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


def oid(text: str) -> Oid:
    return Oid.of(text.encode())


def put_index(storage: Storage, *texts: str, roots: tuple[str, ...] = ()) -> Oid:
    """An index that lists `texts`, as if they lay in one pack, one after the other."""
    rows = [IndexRow(oid(text), 0, ObjectKind.BLOB, Codec.RAW, 100 + 100 * at, 5, 5) for at, text in enumerate(texts)]
    content = remote_index.encode([oid(root) for root in roots], [PackRef(oid("".join(texts)), 10_000)], rows)
    storage.put(index_key(remote_index.name_of(content)), BytesBody(content))
    return remote_index.name_of(content)


def test_a_refresh_reads_each_index_once(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    names = [put_index(spy, "one", "two", roots=("r",)), put_index(spy, "three")]
    clone.catalog(spy).refresh()
    clone.open()
    clone.catalog(spy).refresh()
    assert sorted(spy.made("get")) == sorted(map(index_key, names))
    assert spy.made("list") == [INDEXES, INDEXES]
    wanted = [oid("one"), oid("three"), oid("four")]
    assert clone.mirror.present(wanted) == {oid("one"), oid("three")}
    assert clone.mirror.known(ObjectKind.TREE, wanted) == set()
    assert clone.mirror.has_roots([oid("r"), oid("one")]) == {oid("r")}


def test_objects_are_located_by_pack_and_offset(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    put_index(spy, "one", "two", "three")
    put_index(spy, "four")
    clone.catalog(spy).refresh()
    found = clone.mirror.locate(map(oid, ["four", "three", "two", "one", "none"]))
    assert [(one.pack, one.offset) for one in found] == sorted((one.pack, one.offset) for one in found)
    assert {one.oid for one in found} == set(map(oid, ["one", "two", "three", "four"]))
    assert {clone.mirror.packs()[one.pack] for one in found} == {10_000}


def test_two_remotes_are_not_mixed_up(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    put_index(spy, "one", roots=("one",))
    clone.catalog(spy).refresh()
    other = Mirror(clone.store.database, "another remote")
    assert other.present([oid("one")]) == set()
    Catalog(other, Spy(DirectoryStorage(tmp_path / "empty"))).refresh()
    assert clone.mirror.present([oid("one")]) == {oid("one")}


def test_a_vanished_index_is_dropped_with_its_rows(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    gone = put_index(spy, "one", "both", roots=("r",))
    put_index(spy, "two", "both")
    clone.catalog(spy).refresh()
    spy.delete(index_key(gone))
    clone.catalog(spy).refresh()
    assert clone.mirror.present(map(oid, ["one", "two", "both"])) == {oid("two"), oid("both")}
    assert clone.mirror.has_roots([oid("r")]) == set()


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_index_is_named_after_the_others_are_read(tmp_path: Path, spy: Spy, damage: bytes | None) -> None:
    clone = Clone(tmp_path / "a")
    bad = put_index(spy, "one")
    put_index(spy, "two")
    content = spy.get(index_key(bad))
    flipped = content[:-1] + bytes((content[-1] ^ 1,))
    spy.put(index_key(bad), BytesBody(flipped if damage is None else damage))
    with pytest.raises(CorruptError) as caught:
        clone.catalog(spy).refresh()
    assert index_key(bad) in caught.value.what
    assert clone.mirror.present(map(oid, ["one", "two"])) == {oid("two")}


def test_an_index_with_the_right_name_and_invalid_content_is_refused(tmp_path: Path, spy: Spy) -> None:
    outside = IndexRow(oid("one"), 0, ObjectKind.BLOB, Codec.RAW, 100, 5, 5)
    content = remote_index.encode([], [PackRef(oid("pack"), 50)], [outside])
    spy.put(index_key(remote_index.name_of(content)), BytesBody(content))
    clone = Clone(tmp_path / "a")
    with pytest.raises(CorruptError):
        clone.catalog(spy).refresh()
    assert clone.mirror.present([oid("one")]) == set()


def test_an_index_of_a_newer_version_says_upgrade(tmp_path: Path, spy: Spy) -> None:
    content = remote_index.encode([], [], [])
    content = content[:4] + bytes((remote_index.VERSION + 1,)) + content[5:]
    spy.put(index_key(Oid.of(content)), BytesBody(content))
    with pytest.raises(CorruptError) as caught:
        Clone(tmp_path / "a").catalog(spy).refresh()
    assert caught.value.fix == "upgrade dver"


def test_other_files_on_the_remote_are_ignored(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    for key in ("indexes/README", f"indexes/{'0' * 64}", f"indexes/{'g' * 64}.idx", "packs/x", "notes.txt"):
        spy.put(key, BytesBody(b"mine"))
    clone.catalog(spy).refresh()
    assert spy.made("get") == []


def test_names_and_keys_correspond() -> None:
    assert parse_index_key(index_key(oid("x"))) == oid("x")
    assert parse_index_key(pack_key(oid("x"))) is None
    assert parse_index_key(index_key(oid("x")).upper()) is None


def test_a_deleted_database_costs_only_a_download(tmp_path: Path, spy: Spy) -> None:
    clone = Clone(tmp_path / "a")
    root = put_dataset(clone.store, files(30))
    clone.push(spy, root)
    clone.store.database.close()
    (tmp_path / "a" / "index.db").unlink()
    clone.open()
    before = len(spy.made("put"))
    assert clone.push(spy, root).objects == 0
    assert len(spy.made("put")) == before
