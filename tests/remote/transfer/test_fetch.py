"""Getting what the store lacks: only that, only if it is what its hash says, and everything else in spite of losses."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Clone, Spy, files, put_dataset, read_dataset

from dver.core.errors import CorruptError, MissingObjectError, RemoteError, UsageError
from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import IndexRow, PackRef
from dver.formats.tree import Entry, Kind, write_directory
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.index.keys import INDEXES, index_key, pack_key
from dver.remote.packs.frame_download import GAP, RANGE, group_ranges
from dver.remote.storage import BytesBody, OnBytes, Storage
from dver.remote.transfer.fetch import DownloadResult, fetch, fetch_planned
from dver.remote.transfer.fetch_plan import plan_fetch
from dver.store.objects.loose import LinkMode
from dver.store.writer import StoreWriter

MIB = 2**20


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """An empty clone, to fetch into."""
    return Clone(tmp_path / "b")


@pytest.fixture
def source(tmp_path: Path) -> Clone:
    """The clone that pushed."""
    return Clone(tmp_path / "a")


def push_dataset(source: Clone, storage: Storage, dataset: dict[str, bytes]) -> ObjectRef:
    root = put_dataset(source.store, dataset)
    source.push(storage, root)
    return root


def where(source: Clone, content: bytes) -> tuple[str, int, int]:
    """The key of the pack on the remote that `content` lies in, and where its frame begins and ends."""
    (found,) = source.mirror.locate([Oid.of(content)])
    return pack_key(found.pack), found.offset, found.end


def rewrite(spy: Spy, key: str, change: Callable[[bytes], bytes]) -> None:
    spy.inner.put(key, BytesBody(change(spy.inner.get(key))))


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]


# -- what is fetched


def test_fetching_again_sends_no_request(spy: Spy, source: Clone, clone: Clone) -> None:
    root = push_dataset(source, spy, files(50))
    assert clone.fetch(spy, root).objects == 56
    spy.calls.clear()
    assert clone.fetch(spy, root) == DownloadResult()
    clone.open()
    assert clone.fetch(spy, root) == DownloadResult()
    assert spy.calls == []


def test_what_is_in_the_store_already_needs_no_remote(spy: Spy, source: Clone) -> None:
    root = put_dataset(source.store, files(50))
    assert source.fetch(spy, root) == DownloadResult()
    assert spy.calls == []


def test_a_fetch_takes_few_requests(spy: Spy, source: Clone, clone: Clone) -> None:
    root = push_dataset(source, spy, files(500))
    spy.calls.clear()
    clone.fetch(spy, root)
    assert len(spy.calls) <= 6  # the list, the index, three levels of trees, the blobs


def test_only_what_changed_is_fetched(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = files(300)
    clone.fetch(spy, push_dataset(source, spy, dataset))
    changed = push_dataset(source, spy, dataset | {"d000/f00003": b"changed"})
    result = clone.fetch(spy, changed)
    assert result.objects == 3
    assert result.size < 4_000
    assert read_dataset(clone.store, changed.oid) == dataset | {"d000/f00003": b"changed"}


def test_one_file_is_fetched_alone(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = files(100)
    root = push_dataset(source, spy, dataset)
    result = clone.fetch(spy, root, sub="d003/f00031")
    assert result.objects == 3  # two trees on the way, and the file
    assert clone.store.read(Oid.of(dataset["d003/f00031"])) == dataset["d003/f00031"]
    assert clone.store.present(map(Oid.of, dataset.values())) == {Oid.of(dataset["d003/f00031"])}


def test_one_subfolder_is_fetched_alone_and_the_rest_later(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = files(100)
    root = push_dataset(source, spy, dataset)
    assert clone.fetch(spy, root, sub="d003").objects == 12
    assert clone.fetch(spy, root, sub="d003") == DownloadResult()
    assert clone.fetch(spy, root).error() is None
    assert read_dataset(clone.store, root.oid) == dataset


@pytest.mark.parametrize("sub", ["d003/none", "none", "d003/f00031/below"])
def test_a_place_that_does_not_exist_is_the_users_mistake(spy: Spy, source: Clone, clone: Clone, sub: str) -> None:
    root = push_dataset(source, spy, files(100))
    with pytest.raises(UsageError, match=f"data/{sub}"):
        clone.fetch(spy, root, sub=sub)


def test_one_file_of_a_sharded_directory_needs_one_shard(spy: Spy, source: Clone, clone: Clone) -> None:
    with StoreWriter(source.store) as writer:
        writer.add_blobs([(Oid.of(b"%d" % (number % 50)), b"%d" % (number % 50)) for number in range(50)])
        entries = [Entry(b"%06d" % number, Kind.FILE, Oid.of(b"%d" % (number % 50)), 2) for number in range(12_000)]
        root = ObjectRef(write_directory(entries, writer.add_tree), ObjectKind.TREE, b"data")
    source.push(spy, root)
    assert clone.fetch(spy, root, sub="007777").objects == 3
    assert clone.store.read(Oid.of(b"27")) == b"27"
    assert clone.fetch(spy, root).error() is None
    assert clone.store.tree(root.oid) == entries


@pytest.mark.parametrize("mode", [LinkMode.COPY, LinkMode.SYMLINK])
@pytest.mark.parametrize("content", [bytes(20 * MIB), random.Random(0).randbytes(20 * MIB + 1)])
def test_large_blobs_are_streamed(spy: Spy, source: Clone, clone: Clone, mode: LinkMode, content: bytes) -> None:
    with StoreWriter(source.store) as writer:
        oid = writer.add_stream([content])
    root = ObjectRef(oid, ObjectKind.BLOB, b"big", len(content))
    source.push(spy, root)
    want = ObjectRef(oid, ObjectKind.BLOB, b"big", len(content))
    result = fetch([want], clone.store, clone.catalog(spy), link_mode=mode)
    assert result.error() is None
    assert b"".join(clone.store.stream(oid)) == content
    assert clone.store.loose.present([oid]) == ({oid} if mode is LinkMode.SYMLINK else set())
    assert list(clone.store.scratch.folder.glob("*")) == []


def test_medium_blobs_become_loose_where_the_workspace_links_to_them(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = files(3, size=2 * MIB)
    root = push_dataset(source, spy, dataset)
    want = ObjectRef(root.oid, root.kind, root.path)
    assert fetch([want], clone.store, clone.catalog(spy), link_mode=LinkMode.SYMLINK).error() is None
    oids = set(map(Oid.of, dataset.values()))
    assert clone.store.loose.present(oids) == oids


def test_a_dry_run_downloads_no_blob(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = files(100)
    root = push_dataset(source, spy, dataset)
    plan = plan_fetch([ObjectRef(root.oid, root.kind, root.path)], clone.store, clone.catalog(spy))
    assert (plan.objects, plan.size) == (100, 30_000)
    assert clone.store.present(map(Oid.of, dataset.values())) == set()
    assert fetch_planned(plan, clone.store, clone.catalog(spy)).error() is None
    assert read_dataset(clone.store, root.oid) == dataset


# -- damage on the remote


def test_a_flipped_bit_is_reported_and_not_delivered(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = files(100)
    root = push_dataset(source, spy, dataset)
    bad = dataset["d003/f00031"]
    key, start, end = where(source, bad)
    rewrite(spy, key, lambda content: flipped(content, (start + end) // 2))
    result = clone.fetch(spy, root)
    assert [one.path for one in result.corrupt] == [b"data/d003/f00031"]
    assert result.missing == ()
    error = result.error()
    assert isinstance(error, CorruptError)
    assert "data/d003/f00031" in error.what
    assert clone.store.present(map(Oid.of, dataset.values())) == set(map(Oid.of, dataset.values())) - {Oid.of(bad)}
    rewrite(spy, key, lambda content: flipped(content, (start + end) // 2))
    assert clone.fetch(spy, root).objects == 1
    assert read_dataset(clone.store, root.oid) == dataset


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_bit_flipped_in_a_frames_header_is_noticed(spy: Spy, source: Clone, clone: Clone, at: int) -> None:
    root = push_dataset(source, spy, {"only": b"content"})
    key, start, _ = where(source, b"content")
    rewrite(spy, key, lambda content: flipped(content, start + at))
    assert [one.path for one in clone.fetch(spy, root).corrupt] == [b"data/only"]


def test_a_damaged_tree_is_named_and_its_siblings_are_fetched(spy: Spy, source: Clone, clone: Clone) -> None:
    root = push_dataset(source, spy, {"a/x": b"in a", "b/y": b"in b"})
    inner = {entry.name: entry.oid for entry in source.store.tree(root.oid)}
    (found,) = source.mirror.locate([inner[b"a"]])
    rewrite(spy, pack_key(found.pack), lambda content: flipped(content, found.end - 1))
    result = clone.fetch(spy, root)
    assert [one.path for one in result.corrupt] == [b"data/a"]
    assert clone.store.read(Oid.of(b"in b")) == b"in b"


def test_a_truncated_pack_costs_what_it_held_alone(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = files(100)
    root = push_dataset(source, spy, dataset)
    key, _, end = where(source, dataset["d009/f00099"])
    rewrite(spy, key, lambda content: content[: end - 10])
    result = clone.fetch(spy, root)
    assert len(result.corrupt) == 1
    assert result.objects == 110


@pytest.mark.parametrize("damage", ["flip", "truncate", "zeros"])
@pytest.mark.parametrize("mode", [LinkMode.COPY, LinkMode.SYMLINK])
def test_a_damaged_large_blob_is_not_delivered(
    spy: Spy, source: Clone, clone: Clone, mode: LinkMode, damage: str
) -> None:
    content = random.Random(0).randbytes(16 * MIB)
    with StoreWriter(source.store) as writer:
        oid = writer.add_stream([content])
    source.push(spy, ObjectRef(oid, ObjectKind.BLOB, b"big"))
    changes: dict[str, Callable[[bytes], bytes]] = {
        "flip": lambda old: flipped(old, len(old) // 2),
        "truncate": lambda old: old[: len(old) // 2],
        "zeros": lambda old: bytes(len(old)),
    }
    rewrite(spy, where(source, content)[0], changes[damage])
    result = fetch([ObjectRef(oid, ObjectKind.BLOB, b"big")], clone.store, clone.catalog(spy), link_mode=mode)
    assert [one.path for one in result.corrupt] == [b"big"]
    assert oid not in clone.store
    assert [path for path in clone.store.scratch.folder.glob("*") if path.suffix != ".part"] == []


def test_a_pack_that_is_gone_is_told_with_the_paths(spy: Spy, source: Clone, clone: Clone) -> None:
    push_dataset(source, spy, {"kept": b"kept"})
    root = push_dataset(source, spy, {"kept": b"kept", "lost": b"lost"})
    tree_pack = pack_key(source.mirror.locate([root.oid])[0].pack)
    key, _, _ = where(source, b"kept")
    assert key != tree_pack
    spy.inner.delete(key)
    result = clone.fetch(spy, root)
    assert [one.path for one in result.missing] == [b"data/kept"]
    assert isinstance(result.error(), MissingObjectError)
    assert clone.store.read(Oid.of(b"lost")) == b"lost"


def test_a_replaced_index_is_an_error(spy: Spy, source: Clone, clone: Clone) -> None:
    root = push_dataset(source, spy, files(10))
    (info,) = spy.inner.list(INDEXES)
    rewrite(spy, info.key, lambda content: flipped(content, 40))
    with pytest.raises(CorruptError, match="index"):
        clone.fetch(spy, root)


def test_what_nobody_pushed_is_missing_by_its_path(spy: Spy, source: Clone, clone: Clone) -> None:
    pushed = push_dataset(source, spy, files(20))
    unpushed = put_dataset(source.store, {"x": b"never pushed"}, "other")
    result = clone.fetch(spy, pushed, unpushed)
    assert [one.path for one in result.missing] == [b"other"]
    assert clone.fetch(spy, pushed) == DownloadResult()


def test_an_index_that_lies_about_an_object_is_found_out(spy: Spy, source: Clone, clone: Clone) -> None:
    """Somebody who can write to the bucket lists one object in place of another."""
    push_dataset(source, spy, {"evil": b"evil content"})
    (found,) = source.mirror.locate([Oid.of(b"evil content")])
    victim = Oid.of(b"good content")
    row = IndexRow(victim, 0, ObjectKind.BLOB, found.codec, found.offset, found.raw_size, found.stored_size)
    content = remote_index.encode([], [PackRef(found.pack, source.mirror.packs()[found.pack])], [row])
    spy.put(index_key(remote_index.name_of(content)), BytesBody(content))
    result = clone.fetch(spy, ObjectRef(victim, ObjectKind.BLOB, b"good"))
    assert [one.path for one in result.corrupt] == [b"good"]
    assert victim not in clone.store


def test_an_index_that_promises_a_huge_object_does_not_exhaust_memory(spy: Spy, clone: Clone) -> None:
    victim = Oid.of(b"x")
    size = 2**50
    row = IndexRow(victim, 0, ObjectKind.BLOB, Codec.RAW, 100, size, size)
    content = remote_index.encode([], [PackRef(victim, 2**52)], [row])
    spy.put(index_key(remote_index.name_of(content)), BytesBody(content))
    spy.put(pack_key(victim), BytesBody(bytes(1000)))
    for kind in ObjectKind:
        result = clone.fetch(spy, ObjectRef(victim, kind, b"x"))
        assert [one.path for one in (*result.corrupt, *result.missing)] == [b"x"]


# -- damage in the store


def test_a_damaged_tree_in_the_store_is_fetched_again(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = {"a/x": b"x"}
    root = push_dataset(source, spy, dataset)
    clone.fetch(spy, root, sub="a/x")
    for pack in clone.store.packs.iterdir():
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(b"DVTR", b"DVTX"))
    assert clone.fetch(spy, root).error() is None
    assert read_dataset(clone.store, root.oid) == dataset


def test_a_blob_known_to_be_damaged_is_replaced(spy: Spy, source: Clone, clone: Clone) -> None:
    dataset = {"x": b"some content"}
    root = push_dataset(source, spy, dataset)
    clone.fetch(spy, root)
    for pack in clone.store.packs.iterdir():
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(b"some content", b"evil content"))
    clone.open()
    bad = Oid.of(b"some content")
    want = ObjectRef(root.oid, root.kind, root.path)
    assert fetch([want], clone.store, clone.catalog(spy), damaged=[bad]).error() is None
    assert read_dataset(clone.store, root.oid) == dataset


# -- interruptions


@pytest.mark.parametrize("failure", [RemoteError("unplugged"), KeyboardInterrupt()])
def test_what_came_before_an_interruption_is_not_fetched_again(
    spy: Spy, source: Clone, clone: Clone, failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = files(30, size=MIB)
    root = push_dataset(source, spy, dataset)
    real = spy.get
    gets: list[str] = []

    def get(key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        if key.startswith("packs/"):
            gets.append(key)
        if len(gets) > 6:
            raise failure
        return real(key, start, length, on_bytes=on_bytes)

    monkeypatch.setattr(spy, "get", get)
    with pytest.raises(type(failure)):
        clone.fetch(spy, root)
    monkeypatch.undo()
    clone.open()
    kept = clone.store.present(map(Oid.of, dataset.values()))
    assert kept
    assert clone.fetch(spy, root).objects == 30 - len(kept)
    assert read_dataset(clone.store, root.oid) == dataset


# -- ranges


def test_neighbours_share_a_request_and_distant_ones_do_not(source: Clone, spy: Spy) -> None:
    push_dataset(source, spy, files(600, size=20_000))
    located = source.mirror.locate(map(Oid.of, files(600, size=20_000).values()))
    parts = list(group_ranges(located))
    assert [one for part in parts for one in part.frames] == located
    assert len(parts) == 3
    assert all(part.end - part.start <= RANGE for part in parts)
    near, far = located[::2], located[::30]
    assert len(list(group_ranges(near))) == 3
    assert len(list(group_ranges(far))) == len(far)
    assert 20_000 < GAP < 29 * 20_000
    assert list(group_ranges([])) == []
