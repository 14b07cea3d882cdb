"""Tables of a directory are merged in blocks, which the next version of the directory needs again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dver.core.oid import Oid
from dver.profile_cache.table_profiles import blocks_of


def files_of(numbers: Sequence[int]) -> list[tuple[bytes, bytes]]:
    return [(b"%06d" % number, Oid.of(b"%d" % number).hex().encode()) for number in numbers]


@pytest.mark.parametrize(("files", "most"), [(80, 4), (200, 8), (1000, 32), (5000, 128)])
def test_there_are_enough_blocks_for_parts_of_about_the_same_size(files: int, most: int) -> None:
    blocks = list(blocks_of(files_of(range(files))))
    assert len(blocks) >= 35
    assert max(map(len, blocks)) <= most
    assert all(len(block) >= most // 4 for block in blocks[:-1])


def test_few_files_are_not_merged_first() -> None:
    assert {len(block) for block in blocks_of(files_of(range(79)))} == {1}
    assert list(blocks_of([])) == []


@pytest.mark.parametrize("place", [0, 300, 999])
def test_a_new_file_changes_few_blocks(place: int) -> None:
    before = list(blocks_of(files_of(range(1000))))
    after = list(blocks_of(files_of([*range(place), 1_000_000, *range(place, 1000)])))
    assert [file for block in after for file in block if file[0] != b"1000000"] == files_of(range(1000))
    assert len(set(after) - set(before)) <= 3
