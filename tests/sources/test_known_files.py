"""The cache of content that this clone stored for files at URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.core.oid import Oid
from dver.remote.urls.url_info import UrlFile
from dver.sources.known_files import KnownFiles, is_precise

URL = "s3://bucket/raw"
FILE = UrlFile(b"caf\xe9", f"{URL}/caf\udce9", 4, "etag:x")
OTHER = UrlFile(b"b", f"{URL}/b", 4, "etag:y")
OID = Oid.of(b"text")


def test_content_is_known_while_the_fingerprint_is_the_same(tmp_path: Path) -> None:
    with KnownFiles(tmp_path, URL) as known:
        assert known.oid(FILE) is None
        known.add(FILE, OID)
    again = KnownFiles(tmp_path, URL)
    assert again.oid(FILE) == OID
    assert again.oid(FILE._replace(fingerprint="etag:other")) is None
    assert again.oid(FILE._replace(size=5)) is None
    assert KnownFiles(tmp_path, "s3://bucket/other").oid(FILE) is None


def test_a_size_alone_proves_nothing(tmp_path: Path) -> None:
    assert [is_precise(text) for text in ("etag:x", "mtime:1.0 size:4", "size:4", None)] == [True, True, False, False]
    by_size = FILE._replace(fingerprint="size:4")
    with KnownFiles(tmp_path, URL) as known:
        known.add(by_size, OID)
        assert known.oid(by_size) is None


def test_what_was_added_before_an_error_is_kept(tmp_path: Path) -> None:
    def interrupted() -> None:
        with KnownFiles(tmp_path, URL) as known:
            known.add(FILE, OID)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert KnownFiles(tmp_path, URL).oid(FILE) == OID


def test_files_that_are_gone_are_forgotten_and_damaged_lines_skipped(tmp_path: Path) -> None:
    with KnownFiles(tmp_path, URL) as known:
        known.add(FILE, OID)
        known.add(OTHER, OID)
        known.keep_only([OTHER])
    (path,) = tmp_path.iterdir()
    path.write_bytes(b'["a"]\n\xff\n[1, 2, 3, 4, 5]\n' + path.read_bytes() + b'["cut')
    again = KnownFiles(tmp_path, URL)
    assert (again.oid(FILE), again.oid(OTHER)) == (None, OID)
