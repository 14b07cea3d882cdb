"""Large blobs on their way: what is sent and fetched of them, and what they are put together from."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Clone, Spy

from dver.core.errors import CorruptError, RemoteError
from dver.core.oid import Oid
from dver.formats import recipe
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import IndexRow, PackRef, RemoteIndex
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.index.keys import PACKS, pack_key
from dver.remote.packs.frame_download import group_ranges
from dver.remote.storage import FileBody, OnBytes
from dver.remote.transfer.blob_assembly import Assembly
from dver.remote.transfer.fetch import DownloadResult, fetch
from dver.remote.transfer.fetch_plan import plan_fetch
from dver.remote.transfer.push_plan import plan_push
from dver.store.objects.chunking import MAXIMUM
from dver.store.objects.file_creation import DAY, ScratchDirectory
from dver.store.objects.incomplete_blobs import IncompleteBlob, clear_incomplete_blobs
from dver.store.objects.loose import LinkMode
from dver.store.objects.packs import PackWriter
from dver.store.writer import StoreWriter

MIB = 1 << 20
MODES = [LinkMode.COPY, LinkMode.SYMLINK]


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def spy(tmp_path: Path) -> Spy:
    return Spy(DirectoryStorage(tmp_path / "remote"))


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> LinkMode:
    """As chunks, or as loose files."""
    found: LinkMode = request.param
    return found


@pytest.fixture
def source(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "a")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "b")


def put(clone: Clone, content: bytes, mode: LinkMode) -> ObjectRef:
    file = clone.folder / "file"
    file.write_bytes(content)
    with StoreWriter(clone.store) as writer, file.open("rb") as opened:
        oid = writer.add_large(opened.fileno(), mode, path=bytes(file))
    assert clone.store.loose.present([oid]) == ({oid} if mode is LinkMode.SYMLINK else set())
    return ObjectRef(oid, ObjectKind.BLOB, b"big", len(content))


def get(clone: Clone, spy: Spy, root: ObjectRef, mode: LinkMode, **options: object) -> DownloadResult:
    want = ObjectRef(root.oid, root.kind, root.path, root.size)
    return fetch([want], clone.store, clone.catalog(spy), link_mode=mode, **options)


def on_remote(spy: Spy) -> int:
    return sum(info.size for info in spy.inner.list())


def parts(clone: Clone) -> list[Path]:
    return list(clone.store.scratch.folder.glob("*.part"))


# -- what is sent


def test_a_large_blob_goes_as_chunks_and_comes_back(spy: Spy, source: Clone, clone: Clone, mode: LinkMode) -> None:
    content = noise(20 * MIB) + bytes(5 * MIB)
    root = put(source, content, mode)
    source.push(spy, root)
    (found,) = source.mirror.locate([root.oid])
    assert found.codec is Codec.CHUNKED
    assert on_remote(spy) < 21 * MIB
    assert get(clone, spy, root, mode).error() is None
    assert clone.store.read(root.oid) == content
    assert clone.store.loose.present([root.oid]) == ({root.oid} if mode is LinkMode.SYMLINK else set())
    spy.calls.clear()
    assert get(clone, spy, root, mode) == DownloadResult()
    assert spy.calls == []


def test_an_edit_sends_the_chunks_around_it(spy: Spy, source: Clone, mode: LinkMode) -> None:
    content = noise(32 * MIB)
    source.push(spy, put(source, content, mode))
    before = on_remote(spy)
    source.push(spy, put(source, content[: 8 * MIB] + noise(1000, 1) + content[8 * MIB :], mode))
    assert on_remote(spy) - before < 3 * MAXIMUM


def test_chunks_of_other_files_and_other_clones_are_not_sent_again(
    spy: Spy, source: Clone, clone: Clone, mode: LinkMode
) -> None:
    shared = noise(16 * MIB)
    source.push(spy, put(source, shared, mode))
    before = on_remote(spy)
    clone.push(spy, put(clone, noise(2 * MIB, 1) + shared + noise(2 * MIB, 2), mode))
    assert on_remote(spy) - before < 4 * MIB + 3 * MAXIMUM


def test_chunks_that_two_blobs_of_one_push_share_are_sent_once(spy: Spy, source: Clone, mode: LinkMode) -> None:
    shared = noise(16 * MIB)
    source.push(spy, *[put(source, noise(100_000, seed) + shared, mode) for seed in (1, 2, 3)])
    assert on_remote(spy) < 18 * MIB


def test_a_plan_says_what_will_be_sent(spy: Spy, source: Clone, mode: LinkMode) -> None:
    root = put(source, noise(10 * MIB), mode)
    plan = plan_push([root], source.store, source.catalog(spy))
    assert spy.calls == []
    result = source.push(spy, root)
    assert result.objects == plan.objects > 10
    assert 0 < result.size - plan.size < 2000 + 100 * plan.objects  # the index, which is not planned


def test_a_damaged_loose_blob_is_not_sent(spy: Spy, source: Clone) -> None:
    root = put(source, noise(10 * MIB), LinkMode.SYMLINK)
    path = source.store.loose.path(root.oid)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(5 * MIB)
        file.write(b"?")
    with pytest.raises(CorruptError, match=root.oid.short):
        source.push(spy, root)
    assert list(spy.inner.list()) == []


def test_a_scattered_blob_is_put_together_again(spy: Spy, source: Clone, clone: Clone) -> None:
    """Versions that each change other chunks: what is pushed stays readable in few reads."""
    chance = random.Random(0)
    content = bytearray(noise(24 * MIB))
    reads = []
    root = None
    for version in range(40):
        for place in chance.sample(range(24), 2):
            content[place * MIB : place * MIB + 1000] = noise(1000, 100 * version + place)
        root = put(source, bytes(content), LinkMode.COPY)
        source.push(spy, root)
        ((_, made),) = source.store.recipes([root.oid])
        assert isinstance(made, recipe.Recipe)
        reads.append(len(list(group_ranges(source.mirror.locate(made.oids)))))
    assert root is not None
    assert max(reads) <= 16 + 24 // 2 + 4
    assert get(clone, spy, root, LinkMode.COPY).error() is None
    assert clone.store.read(root.oid) == content


# -- what is fetched


def test_a_later_version_is_put_together_from_the_earlier_one(
    spy: Spy, source: Clone, clone: Clone, mode: LinkMode
) -> None:
    content = noise(32 * MIB)
    first = put(source, content, mode)
    source.push(spy, first)
    edited = content[: 8 * MIB] + noise(1000, 1) + content[8 * MIB :]
    second = put(source, edited, mode)
    source.push(spy, second)
    get(clone, spy, first, mode)
    clone.open()
    result = get(clone, spy, second, mode)
    assert result.error() is None
    assert result.size < 3 * MAXIMUM
    assert clone.store.read(second.oid) == edited


def test_what_was_pushed_from_here_is_not_fetched_back(spy: Spy, source: Clone, clone: Clone, mode: LinkMode) -> None:
    content = noise(16 * MIB)
    source.push(spy, put(source, content, mode))
    edited = content + noise(2 * MIB, 1)
    theirs = put(clone, edited, mode)
    clone.push(spy, theirs)
    assert get(source, spy, theirs, mode).size < 2 * MIB + 3 * MAXIMUM
    assert source.store.read(theirs.oid) == edited


def test_chunks_of_loose_blobs_serve_a_store_that_keeps_chunks(spy: Spy, source: Clone, clone: Clone) -> None:
    content = noise(16 * MIB)
    first, second = put(source, content, LinkMode.COPY), put(source, content + b"more", LinkMode.COPY)
    source.push(spy, first, second)
    get(clone, spy, first, LinkMode.SYMLINK)
    assert get(clone, spy, second, LinkMode.COPY).size < 3 * MAXIMUM
    assert clone.store.read(second.oid) == content + b"more"


@pytest.mark.parametrize("size", [6 * MIB, 12 * MIB, 20 * MIB])
def test_a_version_that_was_edited_in_place_begins_as_the_one_before(
    spy: Spy, source: Clone, clone: Clone, size: int
) -> None:
    content = noise(12 * MIB)
    edited = (content[: 4 * MIB] + noise(1000, 1) + content[4 * MIB + 1000 :] + noise(8 * MIB, 2))[:size]
    first, second = put(source, content, LinkMode.SYMLINK), put(source, edited, LinkMode.SYMLINK)
    source.push(spy, first, second)
    get(clone, spy, first, LinkMode.SYMLINK)
    assert get(clone, spy, second, LinkMode.SYMLINK).error() is None
    assert clone.store.read(second.oid) == edited
    assert clone.store.read(first.oid) == content


class Failing:
    """Fails the `n`-th read of a pack."""

    def __init__(self, spy: Spy, after: int, failure: BaseException) -> None:
        self.get: Callable[..., bytes] = spy.get
        self.left = after
        self.failure = failure

    def __call__(
        self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None
    ) -> bytes:
        if key.startswith(PACKS):
            self.left -= 1
            if self.left < 0:
                raise self.failure
        return self.get(key, start, length, on_bytes=on_bytes)


@pytest.mark.parametrize("failure", [RemoteError("unplugged"), KeyboardInterrupt()])
def test_what_came_of_a_blob_before_an_interruption_is_kept(
    spy: Spy, source: Clone, clone: Clone, mode: LinkMode, failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = noise(64 * MIB)
    root = put(source, content, mode)
    source.push(spy, root)
    monkeypatch.setattr(spy, "get", Failing(spy, 6, failure))
    with pytest.raises(type(failure)):
        get(clone, spy, root, mode)
    monkeypatch.undo()
    assert root.oid not in clone.store
    assert len(parts(clone)) == (mode is LinkMode.SYMLINK)
    clone.open()
    result = get(clone, spy, root, mode)
    assert result.error() is None
    assert result.size < 60 * MIB
    assert clone.store.read(root.oid) == content
    assert parts(clone) == []


def test_a_part_that_holds_something_else_is_filled_anew(spy: Spy, source: Clone, clone: Clone) -> None:
    content = noise(8 * MIB)
    root = put(source, content, LinkMode.COPY)
    source.push(spy, root)
    plan = plan_fetch([ObjectRef(root.oid, root.kind)], clone.store, clone.catalog(spy), link_mode=LinkMode.SYMLINK)
    get(clone, spy, root, LinkMode.SYMLINK)
    with IncompleteBlob(clone.store.scratch, *plan.assemblies[0]) as part:
        part.write(0, b"nonsense" * 10_000)
    clone.store.loose.path(root.oid).unlink()
    assert get(clone, spy, root, LinkMode.SYMLINK, damaged=()).error() is None
    assert clone.store.read(root.oid) == content


def first_assembly(spy: Spy, source: Clone, clone: Clone, content: bytes) -> Assembly:
    root = put(source, content, LinkMode.COPY)
    source.push(spy, root)
    plan = plan_fetch([ObjectRef(root.oid, root.kind)], clone.store, clone.catalog(spy), link_mode=LinkMode.SYMLINK)
    return plan.assemblies[0]


def test_two_who_put_the_same_together_do_not_get_into_each_others_way(spy: Spy, source: Clone, clone: Clone) -> None:
    content = noise(8 * MIB)
    one = first_assembly(spy, source, clone, content)
    with IncompleteBlob(clone.store.scratch, *one) as first, IncompleteBlob(clone.store.scratch, *one) as second:
        first.write(0, content)
        second.write(0, content)
        first.finish(clone.store.loose)
        with IncompleteBlob(clone.store.scratch, *one):  # which begins again where the first one was
            second.finish(clone.store.loose)
    assert clone.store.read(one.oid) == content
    assert len(parts(clone)) == 1


def test_a_part_is_taken_over_from_a_process_that_was_killed_and_not_from_one_that_lives(
    spy: Spy, source: Clone, clone: Clone
) -> None:
    content = noise(8 * MIB)
    one = first_assembly(spy, source, clone, content)
    with IncompleteBlob(clone.store.scratch, *one) as part:
        part.write(0, content[:MIB])
        (alive,) = parts(clone)
        with IncompleteBlob(clone.store.scratch, *one) as other:
            assert sum(chunk.size for _, chunk in other.missing_chunks()) == len(content)
        ended = subprocess.Popen(["true"])
        ended.wait()
        dead = alive.rename(alive.with_name(alive.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")))
        for path in set(parts(clone)) - {dead}:
            path.unlink()
        with IncompleteBlob(clone.store.scratch, *one) as other:
            assert sum(chunk.size for _, chunk in other.missing_chunks()) < len(content)
        assert not dead.exists()


def test_a_part_of_another_container_is_never_taken_over(
    spy: Spy, source: Clone, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process id means another process here, or none."""
    content = noise(8 * MIB)
    one = first_assembly(spy, source, clone, content)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("dver.store.objects.incomplete_blobs.os.getpid", lambda: 999_999_999)
        elsewhere.setattr("dver.store.objects.incomplete_blobs._space", lambda: "0" * 8)
        theirs = IncompleteBlob(clone.store.scratch, *one)
    with theirs:
        theirs.write(0, content[:MIB])
        with IncompleteBlob(clone.store.scratch, *one) as ours:
            assert sum(chunk.size for _, chunk in ours.missing_chunks()) == len(content)
            assert theirs.path.exists()


def test_a_part_that_nobody_goes_on_with_is_cleared_after_a_day(spy: Spy, source: Clone, clone: Clone) -> None:
    one = first_assembly(spy, source, clone, noise(8 * MIB))
    with IncompleteBlob(clone.store.scratch, *one):
        pass
    (left,) = parts(clone)
    clear_incomplete_blobs(clone.store.scratch)
    assert left.exists()
    os.utime(left, (0, time.time() - DAY - 1))
    clear_incomplete_blobs(clone.store.scratch)
    assert not left.exists()


# -- damage and lies


def test_a_chunk_that_is_damaged_in_the_store_is_fetched_again(spy: Spy, source: Clone, clone: Clone) -> None:
    content = noise(8 * MIB)
    root = put(source, content, LinkMode.COPY)
    source.push(spy, root)
    get(clone, spy, root, LinkMode.COPY)
    (pack, *_) = sorted(clone.store.packs.iterdir(), key=lambda path: -path.stat().st_size)
    pack.chmod(0o644)
    damaged = bytearray(pack.read_bytes())
    damaged[3 * MIB] ^= 1
    pack.write_bytes(damaged)
    clone.open()
    with pytest.raises(CorruptError):
        clone.store.read(root.oid)
    assert get(clone, spy, root, LinkMode.COPY, damaged=[root.oid]).error() is None
    assert clone.store.read(root.oid) == content


def test_a_recipe_that_lies_is_found_out(spy: Spy, clone: Clone, tmp_path: Path, mode: LinkMode) -> None:
    """Somebody who can write to the bucket lists other chunks in the recipe of a blob."""
    good, evil = noise(2 * MIB, 1), noise(2 * MIB, 2)
    halves = [evil[:MIB], evil[MIB:]]
    with PackWriter(ScratchDirectory(tmp_path)) as writer:
        for half in halves:
            writer.add(Oid.of(half), ObjectKind.BLOB, Codec.RAW, MIB, half)
        payload = recipe.encode([recipe.Chunk(Oid.of(half), MIB) for half in halves])
        writer.add(Oid.of(good), ObjectKind.BLOB, Codec.CHUNKED, 2 * MIB, payload)
        name = writer.seal()
        spy.put(pack_key(name), FileBody(writer.path))
        ref = PackRef(name, FileBody(writer.path).size)
        rows = [
            IndexRow(row.oid, 0, row.kind, row.codec, row.offset, row.raw_size, row.stored_size) for row in writer.rows
        ]
    clone.catalog(spy).publish(RemoteIndex((), (ref,), tuple(sorted(rows))))
    clone.open()
    result = get(clone, spy, ObjectRef(Oid.of(good), ObjectKind.BLOB, b"big", 2 * MIB), mode)
    assert [one.path for one in result.corrupt] == [b"big"]
    assert Oid.of(good) not in clone.store
    assert parts(clone) == []
