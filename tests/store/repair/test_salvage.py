"""What can be salvaged of a corrupt pack: whatever is broken, every good frame is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.core.oid import Oid
from dver.formats.pack import FRAME_HEADER_SIZE, HEADER, Codec, ObjectKind, Row
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.packs import PackReader, PackWriter
from dver.store.repair.salvage import read_frame, runs, salvage

CONTENTS = [b"one", b"two" * 100, b"three", b"FR in the middle" * 5]


@pytest.fixture
def pack(tmp_path: Path) -> tuple[Path, Oid, list[Row]]:
    """A pack with CONTENTS: its file, its name and its rows in order."""
    with PackWriter(ScratchDirectory(tmp_path / "tmp")) as writer:
        for content in CONTENTS:
            writer.add(Oid.of(content), ObjectKind.BLOB, Codec.RAW, len(content), content)
        rows = list(writer.rows)
        (tmp_path / "packs").mkdir()
        name = writer.seal()
        return writer.move_to(tmp_path / "packs", name), name, rows


def damage(path: Path, offset: int, *, length: int = 1) -> None:
    content = bytearray(path.read_bytes())
    for at in range(offset, offset + length):
        content[at] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(content)


def found(path: Path, name: Oid, remembered: list[Row] | None = None) -> tuple[list[bytes], list[Oid], bool]:
    """The contents of good frames, the lost objects, and whether these are all."""
    with PackReader(path) as reader:
        result = salvage(reader, name, remembered or [])
        frames = [read_frame(reader, row) for row in result.whole]
    contents = [frame[FRAME_HEADER_SIZE:] for frame in frames if frame is not None]
    return contents, [row.oid for row in result.lost], result.complete


def test_all_frames_of_a_good_pack_are_good(pack: tuple[Path, Oid, list[Row]]) -> None:
    path, name, _ = pack
    assert found(path, name) == (CONTENTS, [], True)


@pytest.mark.parametrize("at", [FRAME_HEADER_SIZE, FRAME_HEADER_SIZE + 2], ids=["first byte", "last byte"])
def test_a_corrupt_payload_costs_one_object(pack: tuple[Path, Oid, list[Row]], at: int) -> None:
    path, name, rows = pack
    damage(path, rows[2].offset + at)
    assert found(path, name) == ([CONTENTS[0], CONTENTS[1], CONTENTS[3]], [rows[2].oid], True)


def test_a_corrupt_frame_header_is_repaired_by_the_footer(pack: tuple[Path, Oid, list[Row]]) -> None:
    path, name, rows = pack
    damage(path, rows[1].offset, length=FRAME_HEADER_SIZE)
    assert found(path, name) == (CONTENTS, [], True)


def test_without_a_footer_all_frames_are_found_and_their_name_proves_it(pack: tuple[Path, Oid, list[Row]]) -> None:
    path, name, _ = pack
    damage(path, path.stat().st_size - 100)
    assert found(path, name) == (CONTENTS, [], True)


def test_without_a_footer_a_lost_frame_is_known_from_the_database_only(pack: tuple[Path, Oid, list[Row]]) -> None:
    path, name, rows = pack
    damage(path, path.stat().st_size - 100)
    damage(path, rows[1].offset + FRAME_HEADER_SIZE)
    good = [CONTENTS[0], CONTENTS[2], CONTENTS[3]]
    assert found(path, name) == (good, [], False)
    assert found(path, name, rows) == (good, [rows[1].oid], False)


def test_a_pack_that_was_cut_off_keeps_its_first_frames(pack: tuple[Path, Oid, list[Row]]) -> None:
    path, name, rows = pack
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(rows[2].end - 1)
    assert found(path, name) == (CONTENTS[:2], [], False)


def test_bad_objects_in_good_frames_are_lost(pack: tuple[Path, Oid, list[Row]]) -> None:
    path, name, rows = pack
    with PackReader(path) as reader:
        result = salvage(reader, name, (), frozenset({rows[0].oid}))
    assert [row.oid for row in result.lost] == [rows[0].oid]
    assert len(result.whole) == 3


def test_runs_are_adjacent_and_not_too_large(pack: tuple[Path, Oid, list[Row]]) -> None:
    rows = pack[2]
    assert rows[0].offset == len(HEADER)
    assert list(runs(rows)) == [rows]
    assert list(runs([rows[0], rows[2], rows[3]])) == [[rows[0]], [rows[2], rows[3]]]
    assert list(runs(rows, size=1)) == [[row] for row in rows]
    assert list(runs([])) == []
