"""The limit on the fragmentation of large blobs."""

from __future__ import annotations

import random
from itertools import pairwise

from dver.core.oid import Oid
from dver.formats.pack import FRAME_HEADER_SIZE, Codec, ObjectKind
from dver.remote.index.mirror import RemoteLocation
from dver.remote.packs.fragmentation import FREE, PER_READ, chunks_to_repeat
from dver.remote.packs.frame_download import GAP

CHUNK = 256 << 10


def oid(number: int) -> Oid:
    return Oid.of(b"%d" % number)


def place(pack: int, position: int, number: int) -> RemoteLocation:
    size = CHUNK - FRAME_HEADER_SIZE
    return RemoteLocation(oid(pack), position * CHUNK, oid(number), ObjectKind.BLOB, Codec.RAW, size, size)


def reads(places: list[RemoteLocation]) -> int:
    ordered = sorted(places)
    return 1 + sum(b.pack != a.pack or b.offset - a.end > GAP for a, b in pairwise(ordered))


def test_chunks_of_a_blob_in_one_piece_are_not_repeated() -> None:
    assert chunks_to_repeat([place(0, at, at) for at in range(100)], 100 * CHUNK) == set()


def test_a_few_pieces_are_allowed_for_any_size() -> None:
    assert chunks_to_repeat([place(pack, 0, pack) for pack in range(FREE)], FREE * CHUNK) == set()


def test_one_piece_too_many_joins_the_shorter_half() -> None:
    long = [place(pack, at, 1000 * pack + at) for pack in range(FREE // 2) for at in range(3)]
    short = [place(100 + pack, 0, 100_000 + pack) for pack in range(FREE)]
    assert chunks_to_repeat([*long, *short], 0) == {one.oid for one in short}


def test_a_small_gap_is_read_over() -> None:
    scattered = [place(0, at, at) for at in range(0, 400, 2)]
    assert chunks_to_repeat(scattered, 200 * CHUNK) == set()
    assert chunks_to_repeat([place(0, 4 * at, at) for at in range(200)], 200 * CHUNK) != set()


def test_after_hundreds_of_versions_a_blob_is_still_read_in_few_reads() -> None:
    """A file of which each version changes one chunk in a hundred, at random places."""
    chance = random.Random(0)
    count, changed, again = 1024, 0, 0
    version = {position: place(0, position, position) for position in range(count)}
    allowed = FREE + count * CHUNK // PER_READ
    for number in range(1, 301):
        edited = chance.sample(range(count), count // 100)
        kept = {position: one for position, one in version.items() if position not in edited}
        copied = chunks_to_repeat(kept.values(), count * CHUNK)
        sent = sorted([*edited, *(position for position, one in kept.items() if one.oid in copied)])
        changed += len(edited)
        again += len(copied)
        for position_in_pack, position in enumerate(sent):
            version[position] = place(number, position_in_pack, 10_000 * number + position)
        assert reads(list(version.values())) <= allowed + 1
    assert 0 < again < changed
