"""Files with holes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dver.core.sparse_files import write_sparsely

HOLE = bytes(1 << 20)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"a"],
        [b"\0"],
        [HOLE],
        [b"a" + HOLE + b"b"],
        [HOLE + b"a", HOLE, b"b" + HOLE],
        [b"\0" + b"a" * 100_000 + HOLE, b"", b"c"],
    ],
)
def test_the_content_is_what_was_given(tmp_path: Path, pieces: list[bytes]) -> None:
    with open(tmp_path / "file", "wb") as file:
        write_sparsely(file.fileno(), pieces)
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_zeros_take_no_space_where_the_disk_can(tmp_path: Path) -> None:
    with open(tmp_path / "probe", "wb") as file:
        os.ftruncate(file.fileno(), 8 << 20)
    with open(tmp_path / "file", "wb") as file:
        write_sparsely(file.fileno(), [b"begin", bytes(8 << 20), b"end"])
    probe, made = ((tmp_path / name).stat().st_blocks for name in ("probe", "file"))
    assert made <= probe + 512
