"""Which file is read for the hash of a reflink: two files with different bytes stand for the source and its clone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dver.core.oid import Oid
from dver.store import writer

LONG_AGO_NS = 3_600 * 1_000_000_000


def hash_of_clone(folder: Path, *, now: int) -> Oid:
    with open(folder / "source", "rb") as source, open(folder / "clone", "rb") as clone:
        before = os.fstat(source.fileno())
        return writer._hash_of_clone(source.fileno(), clone.fileno(), before, now).oid()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").write_bytes(b"what the workspace has")
    (tmp_path / "clone").write_bytes(b"what the store keeps")
    return tmp_path


def test_a_source_that_did_not_change_stands_for_its_clone(folder: Path) -> None:
    assert hash_of_clone(folder, now=time.time_ns() + LONG_AGO_NS) == Oid.of(b"what the workspace has")


def test_after_a_recent_change_the_clone_itself_is_read(folder: Path) -> None:
    assert hash_of_clone(folder, now=time.time_ns()) == Oid.of(b"what the store keeps")


def test_if_the_source_changes_meanwhile_the_clone_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = writer.read_pieces

    def overtaken(fd: int):
        yield from pieces(fd)
        if os.fstat(fd).st_size == len(b"what the workspace has"):
            (folder / "source").write_bytes(b"what somebody has just written")

    monkeypatch.setattr(writer, "read_pieces", overtaken)
    assert hash_of_clone(folder, now=time.time_ns() + LONG_AGO_NS) == Oid.of(b"what the store keeps")
