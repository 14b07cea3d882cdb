"""What format version 1 wrote is read for ever, and written the same.

The files in tests/fixtures/format-v1/ are never changed: should a test here fail, the code is wrong. Each is made from
the values below, so that both directions are known.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from datasets import Clone

from dver.core.oid import Oid
from dver.formats import experiment, lock, pack, pointer, recipe, remote_index, tree
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.formats.lock import Lock, LockedItem, LockedStage
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.pointer import Pointer
from dver.formats.recipe import Chunk
from dver.formats.remote_index import IndexRow, PackRef
from dver.formats.tree import Entry, Kind
from dver.store.objects.codec import Decoder

FROZEN = Path(__file__).parent.parent / "fixtures/format-v1"

HELLO = Oid.of(b"hello\n")
TEXT = b"all work and no play makes jack a dull boy\n" * 20
ENTRIES = [
    Entry(b"a name with spaces, \xc3\xa9 and \xff", Kind.FILE, HELLO, 6),
    Entry(b"empty", Kind.DIRECTORY, Oid.of(tree.encode_leaf([])), 0, 0),
    Entry(b"link", Kind.SYMLINK, Oid.of(b"../elsewhere"), 12),
    Entry(b"sub", Kind.DIRECTORY, Oid.of(b"a tree"), 123_456_789_012, 42),
    Entry(b"tool", Kind.EXECUTABLE, Oid.of(TEXT), len(TEXT)),
]
LARGE = [Entry(b"%05d.bin" % number, Kind.FILE, Oid.of(b"%d" % number), number) for number in range(10_001)]


def read(name: str) -> bytes:
    return (FROZEN / name).read_bytes()


def test_the_oid_of_known_bytes_stays_the_same() -> None:
    assert str(Oid.of(b"")) == "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("blob.dver", Pointer(ObjectKind.BLOB, HELLO, 6, executable=True)),
        ("tree.dver", Pointer(ObjectKind.TREE, HELLO, 123_456, files=42, remote="backup", push=False)),
    ],
)
def test_pointers_are_read_and_written_as_ever(name: str, value: Pointer) -> None:
    assert pointer.decode(read(name)) == value
    assert pointer.encode(value) == read(name)


LOCK = Lock(
    {
        "prepare": LockedStage(
            ("python clean.py", 'python split.py --by "day"'),
            deps=(
                LockedItem("a name with spaces, \u00e9", ObjectKind.BLOB, HELLO, 6),
                LockedItem("raw", ObjectKind.TREE, HELLO, 9, 2),
            ),
            outs=(LockedItem("run.sh", ObjectKind.BLOB, HELLO, 6, executable=True),),
            params={"params.yaml": {"on": [True, None, "yes"], "split.ratio": 0.2, "seeds": {"a": -1, "b": 1e-05}}},
        ),
        "train: 1": LockedStage("python train.py"),
    }
)


def test_locks_are_read_and_written_as_ever() -> None:
    assert lock.decode(read("stages.lock")) == LOCK
    assert lock.encode(LOCK) == read("stages.lock")


EXPERIMENTS = [
    Experiment(
        id="0123456789abcdef" * 2,
        name="größe 1",
        status=ExperimentStatus.FAILED,
        baseline="a" * 40,
        commit="b" * 40,
        updated=1_700_000_000_000_000_001,
        message="two\nlines",
        params={"params.yaml": {"lr": 0.1, "limit": math.inf, "big": 10**30, "layers": [1, None, "x"]}},
        metrics={"metrics.json": {"acc": 0.5}},
        data={"data/träin": "c" * 64},
        set=("params.yaml:lr=0.1",),
        targets=("train",),
        sweep="wide",
        trial=3,
        created=1.5,
        started=2.5,
        ended=3.5,
        host="node",
        user="anna",
        exit_code=3,
        error="stage 'train' failed: its command exited with code 3",
        attempt=2,
        pruned=True,
        removed=True,
    ),
    Experiment(id="f" * 32, name="x", status=ExperimentStatus.QUEUED, baseline="a" * 40, commit="a" * 40, updated=1),
]


def test_records_of_experiments_are_read_and_written_as_ever() -> None:
    assert experiment.decode_entry(read("experiments.txt")) == EXPERIMENTS
    assert experiment.encode_entry(EXPERIMENTS) == read("experiments.txt")


def test_a_pointer_that_a_person_edited_is_read_and_rewritten_as_ever() -> None:
    found = pointer.decode(read("edited.dver"))
    assert found == Pointer(ObjectKind.BLOB, HELLO, 6, desc="Greetings: short ones", meta={"by": ["anna", "bo"]})
    assert pointer.rewrite(read("edited.dver"), found) == read("edited.dver")


def test_trees_are_read_and_written_as_ever() -> None:
    assert tree.decode(read("leaf.tree")) == tree.Leaf(tuple(ENTRIES))
    assert tree.encode_leaf(ENTRIES) == read("leaf.tree")


def test_large_directories_are_read_and_written_as_ever() -> None:
    objects: dict[Oid, bytes] = {}
    root = tree.write_directory(LARGE, objects.__setitem__)
    assert objects[root] == read("sharded.tree")
    found = tree.decode(read("sharded.tree"))
    assert isinstance(found, tree.Sharded)
    assert [shard.entries for shard in found.shards] == [int(text) for text in read("shards.txt").split()]
    assert tree.read_directory(objects.__getitem__, root) == LARGE


def rows() -> list[Row]:
    content = read("small.pack")
    length, name = pack.decode_trailer(content[-pack.TRAILER_SIZE :])
    footer = content[-pack.TRAILER_SIZE - length : -pack.TRAILER_SIZE]
    assert name == Oid.of(footer)
    assert name.hex() == read("pack-name.txt").decode().strip()
    found = pack.decode_footer(footer)
    assert pack.encode_footer(found) == footer
    assert pack.encode_trailer(footer) == content[-pack.TRAILER_SIZE :]
    return found


def test_packs_are_read_as_ever() -> None:
    content = read("small.pack")
    pack.check_header(content[: len(pack.HEADER)])
    decoder = Decoder()
    found = {}
    for row in rows():
        payload = pack.check_frame(row, content[row.offset : row.end])
        found[row.oid] = (row.kind, row.codec, decoder.decode(row, payload))
    assert found == {
        HELLO: (ObjectKind.BLOB, Codec.RAW, b"hello\n"),
        Oid.of(TEXT): (ObjectKind.BLOB, Codec.ZSTD, TEXT),
        Oid.of(read("leaf.tree")): (ObjectKind.TREE, Codec.RAW, read("leaf.tree")),
    }


def test_frames_are_written_as_ever() -> None:
    content = read("small.pack")
    for row in rows():
        payload = content[row.offset + pack.FRAME_HEADER_SIZE : row.end]
        header, checksum = pack.frame_header(row.oid, row.kind, row.codec, row.raw_size, payload)
        assert header == content[row.offset :][: pack.FRAME_HEADER_SIZE]
        assert checksum == row.checksum


INDEXED_PACKS = tuple(sorted((PackRef(Oid(bytes(32)), 1000), PackRef(Oid.of(b"pack"), 5_000_000_000))))
INDEXED = [
    IndexRow(HELLO, 0, ObjectKind.BLOB, Codec.RAW, 16, 6, 6),
    IndexRow(Oid.of(TEXT), 1, ObjectKind.BLOB, Codec.ZSTD, 4_000_000_000, len(TEXT), 70),
    IndexRow(Oid.of(b"a tree"), 1, ObjectKind.TREE, Codec.RAW, 16, 300, 300),
]
CHUNKED = IndexRow(Oid.of(b"big"), 1, ObjectKind.BLOB, Codec.CHUNKED, 500, 3_000_000_000, 4000)
MANY = [IndexRow(Oid.of(b"%d" % n), 0, ObjectKind.BLOB, Codec.RAW, 16 + n % 100, 6, 6) for n in range(1500)]


def test_index_objects_of_version_1_are_read_as_ever() -> None:
    found = remote_index.decode(read("remote.index"))
    assert found.roots == tuple(sorted([HELLO, Oid.of(b"a tree")]))
    assert found.packs == INDEXED_PACKS
    assert found.objects == tuple(sorted(INDEXED))
    assert remote_index.name_of(read("remote.index")) == Oid.of(read("remote.index"))


def test_index_objects_are_read_and_written_as_ever() -> None:
    content = (FROZEN.parent / "format-v2/remote.index").read_bytes()
    found = remote_index.decode(content)
    assert found.roots == tuple(sorted([HELLO, Oid.of(b"a tree")]))
    assert found.packs == INDEXED_PACKS
    assert found.objects == tuple(sorted([*INDEXED, CHUNKED, *MANY]))
    assert remote_index.encode(found.roots, found.packs, found.objects) == content
    head = remote_index.decode_head(content[: remote_index.head_size(content)])
    assert len(head.buckets) == 4
    assert head.name == remote_index.name_of(content)


def test_recipes_are_read_and_written_as_ever() -> None:
    content = (FROZEN.parent / "format-v2/blob.recipe").read_bytes()
    chunks = (Chunk(Oid.of(b"first half, "), 12), Chunk(Oid.of(b"second half\n"), 12))
    assert recipe.decode(content).chunks == chunks
    assert recipe.encode(chunks) == content


def test_packs_with_chunked_blobs_are_read_as_ever(tmp_path: Path) -> None:
    content = (FROZEN.parent / "format-v2/chunked.pack").read_bytes()
    _, name = pack.decode_trailer(content[-pack.TRAILER_SIZE :])
    store = Clone(tmp_path).store
    store.packs.mkdir(parents=True)
    (store.packs / f"{name.hex()}.pack").write_bytes(content)
    assert store.read(Oid.of(b"first half, second half\n")) == b"first half, second half\n"
