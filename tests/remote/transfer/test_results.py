"""The results of pushes and fetches."""

from __future__ import annotations

import pytest

from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.oid import Oid
from dver.remote.transfer.fetch import DownloadResult
from dver.remote.transfer.push import UploadResult
from dver.store.trees.reachable import MissingObject

MISSING = (MissingObject(b"data/a", Oid.of(b"a"), 1),)
CORRUPT = (MissingObject(b"data/b", Oid.of(b"b"), 1),)


def test_a_complete_download_has_no_error() -> None:
    assert DownloadResult(files=3, objects=4, size=100).error() is None


@pytest.mark.parametrize(
    ("result", "expected", "why"),
    [
        (DownloadResult(missing=MISSING), MissingObjectError, "never pushed"),
        (DownloadResult(missing=MISSING, is_remote_empty=True), MissingObjectError, "the remote is empty"),
        (DownloadResult(corrupt=CORRUPT), CorruptError, "do not match their hashes"),
        (DownloadResult(missing=MISSING, corrupt=CORRUPT), CorruptError, "do not match their hashes"),
    ],
)
def test_an_incomplete_download_has_an_error(result: DownloadResult, expected: type[DverError], why: str) -> None:
    error = result.error()
    assert type(error) is expected
    assert why in str(error.why)
    assert error.fix is not None
    for one in (*result.missing, *result.corrupt):
        assert one.path.decode() in error.what


def test_two_rounds_of_a_push_add_up() -> None:
    first = UploadResult("origin", "/r", roots=1, files=5, objects=9, packs=2, size=1000)
    again = UploadResult(roots=1, files=2, objects=3, packs=1, size=200)
    assert first.plus(again) == UploadResult("origin", "/r", roots=1, files=5, objects=12, packs=3, size=1200)
