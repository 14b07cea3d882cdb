"""Large blobs that are kept as chunks in packs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from datasets import Clone

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Codec, ObjectKind
from dver.formats.recipe import Chunk
from dver.store.objects.bulk_reader import StoreReader
from dver.store.objects.chunking import MAXIMUM, MINIMUM
from dver.store.store import Store
from dver.store.trees.reachable import walk
from dver.store.writer import LARGE, StoreWriter

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Clone(tmp_path).store


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def put(store: Store, content: bytes) -> Oid:
    with StoreWriter(store) as writer:
        return writer.add_stream(content[at : at + 3_000_000] for at in range(0, len(content), 3_000_000))


def chunks_of(store: Store, oid: Oid) -> list[Chunk]:
    ((_, recipe),) = StoreReader(store).recipes([oid])
    return list(recipe.chunks)


def stored(store: Store) -> int:
    return sum(path.stat().st_size for path in store.packs.iterdir())


def test_a_large_blob_comes_back_from_its_chunks(store: Store) -> None:
    content = noise(9 * MIB + 1)
    oid = put(store, content)
    assert oid == Oid.of(content)
    assert store.read(oid) == b"".join(store.stream(oid)) == content
    (found,) = store.locate([oid])
    assert (found.codec, found.raw_size) == (Codec.CHUNKED, len(content))
    chunks = chunks_of(store, oid)
    assert all(MINIMUM <= chunk.size <= MAXIMUM for chunk in chunks[:-1])
    assert [store.read(chunk.oid) for chunk in chunks] == [
        content[at : at + chunk.size] for at, chunk in zip(_offsets(chunks), chunks, strict=True)
    ]


def _offsets(chunks: list[Chunk]) -> list[int]:
    return [sum(chunk.size for chunk in chunks[:number]) for number in range(len(chunks))]


@pytest.mark.parametrize("content", [b"", b"x", noise(MINIMUM)])
def test_a_blob_of_one_chunk_or_none_needs_no_recipe(store: Store, content: bytes) -> None:
    oid = put(store, content)
    (found,) = store.locate([oid])
    assert found.codec is not Codec.CHUNKED
    assert store.read(oid) == content


@pytest.mark.parametrize("size", [0, 1, LARGE, LARGE + 1, 5 * MIB])
def test_only_a_large_blob_is_cut_into_chunks(store: Store, size: int) -> None:
    content = noise(size)
    with StoreWriter(store) as writer:
        oid, counted = writer.add_blob(content[at : at + 300_000] for at in range(0, size, 300_000))
    (found,) = store.locate([oid])
    assert (oid, counted) == (Oid.of(content), size)
    assert (found.codec is Codec.CHUNKED) == (size > LARGE)
    assert store.read(oid) == content


def test_an_edit_costs_the_chunks_around_it(store: Store) -> None:
    content = noise(32 * MIB)
    put(store, content)
    before = stored(store)
    edited = content[: 8 * MIB] + noise(1000, 1) + content[8 * MIB :]
    assert store.read(put(store, edited)) == edited
    assert stored(store) - before < 3 * MAXIMUM


def test_the_same_content_costs_nothing(store: Store) -> None:
    put(store, noise(5 * MIB))
    before = stored(store)
    put(store, noise(5 * MIB))
    assert stored(store) == before


def test_a_chunk_and_a_small_file_of_the_same_content_are_one_object(store: Store) -> None:
    oid = put(store, noise(5 * MIB))
    chunk = chunks_of(store, oid)[0]
    before = stored(store)
    with StoreWriter(store) as writer:
        writer.add_blobs([(chunk.oid, noise(5 * MIB)[: chunk.size])])
    assert stored(store) == before


def test_what_compresses_is_compressed_chunk_by_chunk(store: Store) -> None:
    oid = put(store, noise(4 * MIB) + b"all work and no play\n" * 400_000)
    codecs = {found.codec for found in store.locate(chunk.oid for chunk in chunks_of(store, oid))}
    assert codecs == {Codec.RAW, Codec.ZSTD}
    assert stored(store) < 6 * MIB


def test_a_walk_reaches_the_chunks_after_their_blob(store: Store) -> None:
    oid = put(store, noise(5 * MIB))
    batches = list(walk([(oid, ObjectKind.BLOB)], StoreReader(store), lambda _, oids: set()))
    assert batches[0].oids == [oid]
    assert {one for batch in batches[1:] for one in batch.oids} == {chunk.oid for chunk in chunks_of(store, oid)}
    assert {batch.kind for batch in batches} == {ObjectKind.BLOB}


def test_a_blob_that_lacks_chunks_is_missing_by_its_path(store: Store) -> None:
    content = noise(70 * MIB)
    oid = put(store, content)
    root = ObjectRef(oid, ObjectKind.BLOB, b"big", len(content))
    assert store.find_missing([root]) == []
    chunk = chunks_of(store, oid)[0]
    (found,) = store.locate([chunk.oid])
    store.index.pack_path(found.pack).unlink()
    store.refresh()
    (lost,) = store.find_missing([root])
    assert (lost.path, lost.oid) == (b"big", oid)
    assert 0 < lost.size < len(content)
    with pytest.raises(MissingObjectError):
        store.read(oid)


def test_chunks_that_do_not_make_the_blob_are_not_handed_out(store: Store) -> None:
    one, other = noise(2 * MIB, 1), noise(2 * MIB, 2)
    liar = Oid.of(b"what was asked for")
    with StoreWriter(store) as writer:
        chunks = chunks_of(store, put(store, one)) + chunks_of(store, put(store, other))
        writer._add_recipe(liar, chunks)
    with pytest.raises(CorruptError, match=liar.short):
        list(store.stream(liar))


def test_a_flipped_bit_in_a_chunk_is_noticed(store: Store) -> None:
    oid = put(store, noise(5 * MIB))
    (found,) = store.locate([chunks_of(store, oid)[3].oid])
    path = store.index.pack_path(found.pack)
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[found.offset + 5000] ^= 4
    path.write_bytes(content)
    store.close()
    with pytest.raises(CorruptError):
        store.read(oid)


def test_a_flipped_bit_in_a_recipe_is_noticed(store: Store) -> None:
    oid = put(store, noise(5 * MIB))
    (found,) = store.locate([oid])
    path = store.index.pack_path(found.pack)
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[found.offset + 200] ^= 4
    path.write_bytes(content)
    store.close()
    with pytest.raises(CorruptError):
        list(StoreReader(store).recipes([oid]))
    with pytest.raises(CorruptError):
        store.read(oid)
