"""The store: what is put in is found again, by this process and the next, and nothing wrong is ever handed out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.core.platform.blocks import reflink
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry, Kind, encode_leaf, write_directory
from dver.store.object_index import ObjectIndex
from dver.store.objects.database import Database
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.loose import LinkMode, LooseBlobs, can_reflink
from dver.store.objects.packs import PackWriter
from dver.store.store import Store
from dver.store.writer import LARGE, StoreWriter


def open_store(folder: Path, *, database: str = "index.db") -> Store:
    return Store(folder / "store", Database(folder / database))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    yield made
    made.close()


def blobs(*contents: bytes) -> list[tuple[Oid, bytes]]:
    return [(Oid.of(content), content) for content in contents]


SOME = [b"", b"one", b"two" * 1000, os.urandom(5000)]


def keep(store: Store, *contents: bytes) -> None:
    with StoreWriter(store) as writer:
        writer.add_blobs(blobs(*contents))


def packs(store: Store) -> list[Path]:
    return sorted(store.packs.iterdir())


def test_what_is_kept_is_found_again_by_this_process_and_the_next(store: Store, tmp_path: Path) -> None:
    keep(store, *SOME)
    for one in (store, open_store(tmp_path), open_store(tmp_path, database="another.db")):
        assert one.present([Oid.of(content) for content in SOME]) == {Oid.of(content) for content in SOME}
        for content in SOME:
            assert one.read(Oid.of(content)) == content
            assert b"".join(one.stream(Oid.of(content))) == content
        assert Oid.of(b"not here") not in one


def test_what_was_never_kept_is_missing_with_a_remedy(store: Store) -> None:
    for act in (store.read, store.stream, store.tree):
        with pytest.raises(MissingObjectError) as caught:
            act(Oid.of(b"not here"))
        assert caught.value.fix


def test_nothing_is_kept_twice(store: Store) -> None:
    keep(store, *SOME)
    before = packs(store)
    keep(store, *SOME)
    with StoreWriter(store) as writer:
        writer.add_blobs(blobs(b"one", b"one"))
        writer.add_blobs(blobs(b"one"))
    assert packs(store) == before


def test_an_error_leaves_no_object_half_kept_and_no_temporary_file(store: Store) -> None:
    def failing() -> None:
        with StoreWriter(store) as writer:
            writer.add_blobs(blobs(b"one"))
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        failing()
    assert list(store.scratch.folder.iterdir()) == []
    keep(store, b"one")
    assert store.read(Oid.of(b"one")) == b"one"


def test_after_ctrl_c_what_was_kept_stays(store: Store) -> None:
    def interrupted() -> None:
        with StoreWriter(store) as writer:
            writer.add_blobs(blobs(b"one"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store.read(Oid.of(b"one")) == b"one"
    assert list(store.scratch.folder.iterdir()) == []


@pytest.mark.parametrize("step", [(ObjectIndex, "register"), (PackWriter, "move_to")], ids=["register", "move"])
def test_ctrl_c_while_a_pack_is_placed_is_an_interruption(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def interrupted() -> None:
        with StoreWriter(store) as writer, monkeypatch.context() as patch:
            writer.add_blobs(blobs(b"one"))
            patch.setattr(*step, interrupt)
            writer.finish()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(store.scratch.folder.iterdir()) == []
    keep(store, b"one")
    assert store.read(Oid.of(b"one")) == b"one"


def test_another_process_s_pack_is_found_after_a_refresh(store: Store, tmp_path: Path) -> None:
    keep(store, b"one")
    other = open_store(tmp_path, database="another.db")
    keep(other, b"two")
    store.refresh()
    assert store.read(Oid.of(b"two")) == b"two"


def test_a_pack_that_vanishes_takes_its_objects_along(store: Store) -> None:
    keep(store, b"one")
    (first,) = packs(store)
    keep(store, b"two")
    store.index.mark_complete([Oid.of(b"root")])
    first.unlink()
    store.refresh()
    assert store.present([Oid.of(b"one"), Oid.of(b"two")]) == {Oid.of(b"two")}
    assert store.index.complete([Oid.of(b"root")]) == set(), "nobody knows what it lacks now"


def test_another_store_under_the_same_database_is_looked_at_anew(store: Store, tmp_path: Path) -> None:
    keep(store, b"one")
    elsewhere = Store(tmp_path / "elsewhere", store.database)
    assert Oid.of(b"one") not in elsewhere
    assert Oid.of(b"one") in Store(store.root, store.database)


def test_a_directory_of_any_size_is_read_back(store: Store) -> None:
    entries = [Entry(b"%06d" % number, Kind.FILE, Oid.of(b""), 0) for number in range(11_000)]
    with StoreWriter(store) as writer:
        oid = write_directory(entries, writer.add_tree)
    assert store.tree(oid) == entries


def test_a_blob_that_has_the_bytes_of_a_tree_is_both(store: Store) -> None:
    content = encode_leaf([Entry(b"x", Kind.FILE, Oid.of(b""), 0)])
    keep(store, content)
    assert store.read(Oid.of(content)) == content
    assert [entry.name for entry in store.tree(Oid.of(content))] == [b"x"]


def test_every_flipped_bit_of_a_frame_in_the_store_is_noticed(store: Store) -> None:
    keep(store, b"text " * 20)
    (path,) = packs(store)
    content = path.read_bytes()
    path.chmod(0o644)
    (found,) = store.locate([Oid.of(b"text " * 20)])
    for bit in range(8 * found.offset, 8 * found.end, 7):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        store.close()
        if 8 * (found.offset + 52) <= bit < 8 * (found.offset + 60):
            continue  # the frame's own checksum: the content is compared with its oid all the same
        with pytest.raises(CorruptError):
            store.read(found.oid)


def test_one_damaged_object_does_not_hide_its_neighbours(store: Store) -> None:
    contents = [b"object number %d" % number for number in range(20)]
    keep(store, *contents)
    (path,) = packs(store)
    located = store.locate([Oid.of(content) for content in contents])
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(located[7].end - 1)
        file.write(b"?")
    store.close()
    read = dict(store.read_all(located))
    assert [found for found, content in read.items() if isinstance(content, CorruptError)] == [located[7]]


@pytest.mark.parametrize("mode", list(LinkMode))
def test_large_blobs_are_kept_whatever_the_mode(mode: LinkMode, store: Store, tmp_path: Path) -> None:
    content = os.urandom(LARGE + 1) + b"text" * 100_000
    file = tmp_path / "large"
    file.write_bytes(content)
    with StoreWriter(store) as writer, file.open("rb") as opened:
        oid = writer.add_large(opened.fileno(), mode, path=os.fsencode(file))
    assert oid == Oid.of(content)
    assert b"".join(store.stream(oid)) == content
    assert store.read(oid) == content
    loose = store.loose.present([oid])
    shares = mode.shares_file or (mode is not LinkMode.COPY and can_reflink(ScratchDirectory(tmp_path)))
    assert bool(loose) is shares
    assert list(store.scratch.folder.iterdir()) == []
    assert file.read_bytes() == content
    assert (file.stat().st_nlink > 1) is (mode is LinkMode.HARDLINK)


def test_trees_lie_side_by_side_in_their_pack(store: Store) -> None:
    trees = [encode_leaf([Entry(b"%d" % number, Kind.FILE, Oid.of(b""), 0)]) for number in range(5)]
    with StoreWriter(store) as writer:
        for number, content in enumerate(trees):
            writer.add_blobs(blobs(b"blob %d" % number))
            writer.add_tree(Oid.of(content), content)
            assert writer.missing([Oid.of(content)]) == set()
    located = store.locate([Oid.of(content) for content in trees])
    assert [a.end for a in located[:-1]] == [b.offset for b in located[1:]]
    assert {found.kind for found in located} == {ObjectKind.TREE}


def test_loose_blobs_are_verified_listed_and_read_only(tmp_path: Path) -> None:
    loose = LooseBlobs(tmp_path / "loose")
    assert list(loose.all()) == []
    (tmp_path / "file").write_bytes(b"content")
    oid = Oid.of(b"content")
    loose.adopt(tmp_path / "file", oid)
    assert list(loose.all()) == [oid]
    assert loose.present([oid, Oid.of(b"x")]) == {oid}
    assert not loose.path(oid).stat().st_mode & 0o222
    loose.verify(oid)
    loose.path(oid).chmod(0o644)
    loose.path(oid).write_bytes(b"contenT")
    with pytest.raises(CorruptError):
        loose.verify(oid)


def test_a_reflink_is_a_copy_or_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x" * 10_000)
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("x+b") as target:
        done = reflink(source.fileno(), target.fileno(), tmp_path / "target")
        assert done is can_reflink(ScratchDirectory(tmp_path))
        assert target.read() == (b"x" * 10_000 if done else b"")
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]
