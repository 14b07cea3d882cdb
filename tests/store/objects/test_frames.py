from __future__ import annotations

import pytest

from dver.core.oid import Oid
from dver.formats.pack import FRAME_HEADER_SIZE, Codec, ObjectKind
from dver.store.objects.frames import ObjectLocation, location_of, neighbours

MIB = 1 << 20


def frames(*sizes: int, pack: int = 1, start: int = 16) -> list[ObjectLocation]:
    """Adjacent frames with payloads of these sizes."""
    found: list[ObjectLocation] = []
    for size in sizes:
        oid = Oid.of(b"%d %d" % (pack, start))
        found.append(ObjectLocation(pack, start, oid, ObjectKind.BLOB, Codec.RAW, size, size))
        start = found[-1].end
    return found


def counts(found: list[ObjectLocation]) -> list[int]:
    runs = list(neighbours(found))
    assert [one for run in runs for one in run] == found
    return [len(run) for run in runs]


@pytest.mark.parametrize(
    ("found", "runs"),
    [
        ([], []),
        (frames(5), [1]),
        (frames(5, 6, 7), [3]),
        ([*frames(5, 6), *frames(7, start=10_000)], [2, 1]),
        ([*frames(5), *frames(5, start=16 + 5 + FRAME_HEADER_SIZE, pack=2)], [1, 1]),
        (frames(5, 6)[::-1], [1, 1]),
        (frames(3 * MIB, MIB // 2, MIB), [2, 1]),
        (frames(9 * MIB, 1), [1, 1]),
        (frames(1, 9 * MIB), [1, 1]),
    ],
)
def test_adjacent_frames_of_one_pack_are_one_run_of_limited_size(found: list[ObjectLocation], runs: list[int]) -> None:
    assert counts(found) == runs


def test_a_location_and_its_row_convert_into_each_other() -> None:
    (one,) = frames(5, pack=3)
    assert location_of(3, one.row()) == one
    assert (one.row().end, one.row().checksum) == (one.end, 0)
