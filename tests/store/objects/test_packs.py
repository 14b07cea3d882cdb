"""Pack files: written once, complete under their name or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.pack import Codec, ObjectKind, Row
from dver.store.objects.codec import Decoder, Encoder
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.packs import PackReader, PackWriter, pack_file_name, parse_pack_file_name

CONTENTS = [b"", b"hello", b"text " * 500, os.urandom(2000)]


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Oid, list[Row]]:
    """A pack with some objects."""
    encoder = Encoder()
    with PackWriter(ScratchDirectory(tmp_path / "tmp")) as writer:
        for content in CONTENTS:
            codec, payload = encoder.encode(content)
            writer.add(Oid.of(content), ObjectKind.BLOB, codec, len(content), payload)
        name = writer.seal()
        path = writer.move_to(tmp_path, name)
        return path, name, sorted(writer.rows)


def test_a_pack_gives_back_what_was_put_in(written: tuple[Path, Oid, list[Row]]) -> None:
    path, name, rows = written
    assert path.name == pack_file_name(name)
    assert not path.stat().st_mode & 0o222
    decoder = Decoder()
    with PackReader(path) as reader:
        assert reader.rows(name) == rows
        for row in rows:
            payload = pack.check_frame(row, reader.read(row.offset, row.frame_size))
            assert Oid.of(decoder.decode(row, payload)) == row.oid
    assert {row.codec for row in rows} == {Codec.RAW, Codec.ZSTD}


def test_the_same_objects_in_the_same_order_make_the_same_pack(tmp_path: Path) -> None:
    names = []
    for _ in range(2):
        with PackWriter(ScratchDirectory(tmp_path)) as writer:
            writer.add(Oid.of(b"x"), ObjectKind.BLOB, Codec.RAW, 1, b"x")
            names.append(writer.seal())
    assert names[0] == names[1]


def test_a_pack_that_is_not_moved_leaves_nothing(tmp_path: Path) -> None:
    with PackWriter(ScratchDirectory(tmp_path)) as writer:
        writer.add(Oid.of(b"x"), ObjectKind.BLOB, Codec.RAW, 1, b"x")
        writer.seal()
    assert os.listdir(tmp_path) == []


def test_what_an_interruption_left_behind_the_last_whole_frame_is_cut_off(tmp_path: Path) -> None:
    with PackWriter(ScratchDirectory(tmp_path)) as writer:
        writer.add(Oid.of(b"x"), ObjectKind.BLOB, Codec.RAW, 1, b"x")
        writer._file.write(b"half a frame")  # as if Ctrl-C had come between header and payload
        name = writer.seal()
        path = writer.move_to(tmp_path, name)
    with PackReader(path) as reader:
        assert [row.oid for row in reader.rows(name)] == [Oid.of(b"x")]


def cut(content: bytes) -> bytes:
    return content[:-10]


def zeros(content: bytes) -> bytes:
    return bytes(len(content))


def flipped_footer(content: bytes) -> bytes:
    at = len(content) - pack.TRAILER_SIZE - 5
    return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]


def longer(content: bytes) -> bytes:
    return content + b"x"


def empty(content: bytes) -> bytes:
    return b""


def hole(content: bytes) -> bytes:
    return content[:20] + content[40:]


@pytest.mark.parametrize("damage", [cut, zeros, flipped_footer, longer, empty, hole])
def test_a_damaged_footer_is_noticed(damage: Callable[[bytes], bytes], written: tuple[Path, Oid, list[Row]]) -> None:
    path, name, _ = written
    path.chmod(0o644)
    path.write_bytes(damage(path.read_bytes()))
    with PackReader(path) as reader, pytest.raises(CorruptError):
        reader.rows(name)


def test_a_pack_under_another_packs_name_is_noticed(written: tuple[Path, Oid, list[Row]]) -> None:
    path, _, _ = written
    with PackReader(path) as reader, pytest.raises(CorruptError):
        reader.rows(Oid.of(b"another"))


def test_only_names_of_packs_are_taken_for_packs() -> None:
    name = Oid.of(b"x")
    assert parse_pack_file_name(pack_file_name(name)) == name
    for other in ("", ".pack", "x" * 64 + ".pack", name.hex(), name.hex() + ".tmp", name.hex()[1:] + ".pack"):
        assert parse_pack_file_name(other) is None
