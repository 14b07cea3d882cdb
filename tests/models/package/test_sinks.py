"""Packages as directories and as tar files."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import unpack

from dver.core.errors import CorruptError
from dver.models.package.sinks import DirectorySink, PackageSink, PackageWriter, TarSink

ODD = os.fsdecode(b"odd \xff\n name")


def fill(sink: PackageSink) -> PackageWriter:
    writer = PackageWriter(sink)
    writer.file("a/b/model.bin", iter([b"one", b"", b"two"]), 6)
    writer.file("a/run.sh", b"#!/bin/sh\n", executable=True)
    writer.file(ODD, iter([b"x" * 100_000] * 90), None)
    writer.link("a/link", b"b/model.bin")
    writer.directory("a/empty")
    return writer


def tar_bytes(stamp: int = 1_700_000_000) -> bytes:
    file = io.BytesIO()
    sink = TarSink(file, stamp)
    fill(sink)
    sink.close()
    return file.getvalue()


def test_a_directory_and_an_unpacked_tar_file_have_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    writer = fill(DirectorySink(os.fsencode(tmp_path / "plain")))
    with tarfile.open(fileobj=io.BytesIO(tar_bytes())) as tar:
        unpack(tar, tmp_path / "unpacked")
    for top in (tmp_path / "plain", tmp_path / "unpacked"):
        assert (top / "a/b/model.bin").read_bytes() == b"onetwo"
        assert (top / ODD).stat().st_size == 9_000_000
        assert os.readlink(top / "a/link") == "b/model.bin"
        assert os.access(top / "a/run.sh", os.X_OK)
        assert list((top / "a/empty").iterdir()) == []
    assert writer.files["a/b/model.bin"].sha256 == hashlib.sha256(b"onetwo").hexdigest()


def test_a_tar_file_has_the_same_bytes_each_time_and_names_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    first = tar_bytes()
    monkeypatch.setattr(time, "time", lambda: 5.0)
    old = os.umask(0o077)
    try:
        assert tar_bytes() == first
    finally:
        os.umask(old)
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in tar} == {(0, 0, "", "", 1_700_000_000)}


def test_content_of_another_size_is_refused() -> None:
    sink = TarSink(io.BytesIO(), 0)
    with pytest.raises(CorruptError, match="fewer bytes"):
        sink.file("short", [b"abc"], 4)
    with pytest.raises(CorruptError, match="more bytes"):
        TarSink(io.BytesIO(), 0).file("long", [b"abc"], 2)


def test_the_check_after_the_last_piece_is_made() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"abc"
        raise CorruptError("wrong content")

    with pytest.raises(CorruptError, match="wrong content"):
        TarSink(io.BytesIO(), 0).file("model", pieces(), 3)
