"""The probe of `dver remote check`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import FaultyS3, S3Server
from webserver import Web, running

from dver.core.errors import RemoteError
from dver.remote.backends import s3, s3_multipart
from dver.remote.backends.connect import connect
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.backends.s3 import S3Storage
from dver.remote.index.listing_file import refresh_listing
from dver.remote.probe import probe_remote
from dver.remote.retry import RetryPolicy
from dver.remote.settings import parse
from dver.remote.storage import BytesBody, Storage, UnfinishedUpload


class Breaking:
    """A body that breaks off."""

    size = 8 * 2**20

    def chunks(self) -> Iterator[bytes]:
        yield bytes(2**20)
        raise ZeroDivisionError


def test_all_that_can_be_written_is_measured_and_left_as_it_was(storage: Storage) -> None:
    storage.put("indexes/one.idx", BytesBody(b"index"))
    found = probe_remote(storage)
    assert found.writable
    assert found.deletable
    assert found.ranges
    assert found.indexes == 1
    assert found.latency > 0
    assert found.upload_rate
    assert found.download_rate
    assert [info.key for info in storage.list()] == ["indexes/one.idx"]


def test_a_servers_clock_is_compared(s3_storage: S3Storage) -> None:
    skew = probe_remote(s3_storage).clock_skew
    assert skew is not None
    assert abs(skew) < 60


def test_a_clock_that_is_wrong_is_noticed(s3_storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    list(s3_storage.list())  # signed by the right time
    monkeypatch.setattr(time, "time", lambda: real() - 7200)
    skew = probe_remote(s3_storage).clock_skew
    assert skew is not None
    assert 7000 < skew < 7400


def test_a_remote_that_can_only_be_read_is_examined_by_reading() -> None:
    with running(Web({"x/indexes/a.idx": bytes(600_000)}, lists="s3")) as web:
        found = probe_remote(connect(parse("pub", {"url": f"{web.url}/x"}), base=Path("/")))
        assert (found.writable, found.deletable, found.ranges, found.indexes) == (False, False, True, 1)
        assert found.upload_rate is None
        assert found.download_rate
        web.ranges = False
        assert probe_remote(connect(parse("pub", {"url": f"{web.url}/x"}), base=Path("/"))).ranges is False


def test_an_empty_remote_that_can_only_be_read_tells_little(tmp_path: Path) -> None:
    behind = DirectoryStorage(tmp_path)
    refresh_listing(behind)
    with running(Web({"x/catalog": behind.get("catalog")})) as web:
        found = probe_remote(connect(parse("pub", {"url": f"{web.url}/x"}), base=Path("/")))
        assert (found.ranges, found.download_rate, found.indexes) == (None, None, 0)


def test_where_deleting_is_not_allowed_nothing_large_is_written(faulty_s3: FaultyS3) -> None:
    faulty_s3.standing["DELETE"] = "denied"
    found = probe_remote(S3Storage(parse("origin", faulty_s3.table()), policy=RetryPolicy(attempts=2, base=0.01)))
    assert (found.writable, found.deletable) == (True, False)
    assert sum(map(len, faulty_s3.objects.values())) < 100


def test_where_writing_is_not_allowed_reading_is_still_examined(faulty_s3: FaultyS3) -> None:
    faulty_s3.standing["PUT"] = "denied"
    found = probe_remote(S3Storage(parse("origin", faulty_s3.table())))
    assert (found.writable, found.deletable, found.conditional_put) == (False, False, False)


def test_old_uploads_are_deleted_only_on_request(s3_storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    left = [UnfinishedUpload("old", "1", now - 3 * 86400), UnfinishedUpload("at work", "2", now - 60)]
    dropped: list[UnfinishedUpload] = []
    monkeypatch.setattr(S3Storage, "unfinished", lambda storage: left)
    monkeypatch.setattr(S3Storage, "abandon", lambda storage, upload: dropped.append(upload))
    found = probe_remote(s3_storage)
    assert (found.unfinished, found.abandoned, dropped) == (2, 0, [])
    assert found.oldest_upload == pytest.approx(3 * 86400, abs=60)
    found = probe_remote(s3_storage, abort_uploads=True)
    assert (found.unfinished, found.abandoned, dropped) == (1, 1, left[:1])


def test_files_of_a_killed_put_are_reported_and_deleted(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    storage.put("key", BytesBody(b"x"))
    old = tmp_path / ".dver-tmp/.dver-put-1-aa"
    old.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert probe_remote(storage).unfinished == 1
    assert probe_remote(storage, abort_uploads=True).abandoned == 1
    assert not old.exists()


def test_a_server_that_returns_other_bytes_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = DirectoryStorage.get
    monkeypatch.setattr(DirectoryStorage, "get", lambda *args, **more: real(*args, **more)[::-1])
    with pytest.raises(RemoteError, match="other bytes"):
        probe_remote(DirectoryStorage(tmp_path))
    assert list(DirectoryStorage(tmp_path).list()) == []


def test_a_real_unfinished_upload_is_counted(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "SINGLE_PUT", 2**20)
    storage = S3Storage(parse("origin", moto_server.table()))
    with monkeypatch.context() as killed:
        killed.setattr(s3_multipart, "abandon", lambda *upload: None)
        with pytest.raises(ZeroDivisionError):
            storage.put("large", Breaking())
    assert probe_remote(storage).unfinished == 1
