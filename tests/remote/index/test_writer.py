"""Indexes that are written in little memory."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest
from bigremote import made_up_rows

from dver.core.oid import Oid
from dver.formats import remote_index
from dver.formats.remote_index import PackRef
from dver.remote.index.writer import IndexWriter
from dver.store.objects.file_creation import ScratchDirectory

PACKS = sorted(PackRef(Oid.of(b"%d" % number), 32 << 20) for number in range(5))


@pytest.mark.parametrize("count", [0, 1, 512, 513, 25_000])
def test_a_writer_makes_the_bytes_and_the_name_of_the_index(tmp_path: Path, count: int) -> None:
    rows = list(made_up_rows(random.Random(1), count, range(5)))
    roots = [Oid.of(b"b"), Oid.of(b"a")]
    expected = remote_index.encode(roots, PACKS, rows)
    with IndexWriter(ScratchDirectory(tmp_path / "tmp")) as draft:
        draft.add(iter(rows))
        body = draft.body(roots, PACKS)
        assert b"".join(body.chunks()) == b"".join(body.chunks()) == expected
        assert body.size == len(expected)
        assert body.name == remote_index.name_of(expected)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_writer_of_many_rows_needs_little_memory(tmp_path: Path) -> None:
    with IndexWriter(ScratchDirectory(tmp_path / "tmp")) as draft:
        draft.add([])
        tracemalloc.start()
        draft.add(made_up_rows(random.Random(1), 60_000, range(5)))
        body = draft.body([], PACKS)
        assert body.size > 60_000 * remote_index.ROW_SIZE
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 8 << 20
