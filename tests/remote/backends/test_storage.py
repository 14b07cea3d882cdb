"""The conformance suite of storages."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from protocol_servers import DIRECTORIES

from dver.core.errors import RemoteError
from dver.remote.backends import s3, s3_multipart
from dver.remote.backends.s3 import S3Storage
from dver.remote.storage import BytesBody, FileBody, MissingKey, ObjectInfo, Storage, checked_key, regrouped

MIB = 2**20


@dataclass
class Source:
    """A body made of pieces; counts how often it is read, and raises `failure` after `healthy` pieces."""

    pieces: list[bytes]
    healthy: int = 10**9
    failure: Exception = field(default_factory=lambda: ZeroDivisionError("the body fails"))
    claimed: int | None = None
    reads: int = 0

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces)) if self.claimed is None else self.claimed

    def chunks(self) -> Iterator[bytes]:
        self.reads += 1
        for number, piece in enumerate(self.pieces):
            if number == self.healthy:
                raise self.failure
            yield piece


def keys(storage: Storage, prefix: str = "") -> set[str]:
    return {info.key for info in storage.list(prefix)}


def noise(size: int) -> bytes:
    """Random bytes that do not end with a line break, which the emulator of gs takes off."""
    return os.urandom(size - 1) + b"."


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multipart uploads from 6 MiB on, so that they are tested without moving much."""
    monkeypatch.setattr(s3, "SINGLE_PUT", 6 * MIB)
    monkeypatch.setattr(s3_multipart, "PART", 5 * MIB)


def test_get_returns_what_put_stored(readable: Storage) -> None:
    assert readable.put("packs/one.pack", BytesBody(b"content")) is True
    assert readable.get("packs/one.pack") == b"content"
    assert readable.stat("packs/one.pack") == ObjectInfo("packs/one.pack", 7)


def test_an_empty_object_is_an_object(readable: Storage) -> None:
    readable.put("empty", BytesBody(b""))
    assert readable.get("empty") == b""
    assert readable.get("empty", 0, 10) == b""
    assert readable.stat("empty") == ObjectInfo("empty", 0)
    assert list(readable.list()) == [ObjectInfo("empty", 0)]


def test_a_second_put_replaces_the_first(readable: Storage) -> None:
    readable.put("a/key", BytesBody(b"first and longer"))
    assert readable.put("a/key", BytesBody(b"second")) is True
    assert readable.get("a/key") == b"second"


def test_put_if_absent_keeps_an_existing_object(storage: Storage) -> None:
    assert storage.put("key", BytesBody(b"first"), if_absent=True) is True
    assert storage.put("key", BytesBody(b"second"), if_absent=True) is False
    assert storage.get("key") == b"first"


def test_racing_puts_if_absent_have_one_winner_where_the_remote_can_tell(
    storage: Storage, request: pytest.FixtureRequest
) -> None:
    conditional = storage.probe().conditional_put
    # A WebDAV server locks a name while it replaces it, and the others try again later.
    racers = 4 if request.node.callspec.params["storage"] in DIRECTORIES else 16
    barrier = threading.Barrier(racers)

    def race(number: int) -> bool:
        barrier.wait()
        return storage.put("prize", BytesBody(b"%02d" % number * 1000), if_absent=True)

    with ThreadPoolExecutor(racers) as pool:
        won = list(pool.map(race, range(racers)))
    content = storage.get("prize")
    winners = [number for number in range(racers) if won[number]]
    assert winners
    assert content in [b"%02d" % number * 1000 for number in winners]
    if conditional:
        assert len(winners) == 1


def test_ranges_are_cut_like_slices(readable: Storage) -> None:
    readable.put("digits", BytesBody(b"0123456789"))
    expected = {
        (0, None): b"0123456789",
        (0, 4): b"0123",
        (3, 4): b"3456",
        (3, None): b"3456789",
        (9, 1): b"9",
        (0, 10): b"0123456789",
        (5, 100): b"56789",
        (0, 100): b"0123456789",
        (10, 5): b"",
        (10, None): b"",
        (1000, 5): b"",
        (4, 0): b"",
    }
    assert {(start, length): readable.get("digits", start, length) for start, length in expected} == expected


def test_a_range_that_cannot_be_is_refused(readable: Storage) -> None:
    for start, length in ((-1, None), (0, -1)):
        with pytest.raises(ValueError, match="not a range"):
            readable.get("digits", start, length)


def test_a_missing_key_is_said_to_be_missing(readable: Storage) -> None:
    for start, length in ((0, None), (3, 4), (0, 0)):
        with pytest.raises(MissingKey) as caught:
            readable.get("packs/none", start, length)
        assert caught.value.key == "packs/none"
        assert readable.url in caught.value.what
        assert caught.value.fix


def test_a_folder_of_keys_is_not_an_object(readable: Storage) -> None:
    readable.put("folder/key", BytesBody(b"x"))
    assert readable.stat("folder") is None
    with pytest.raises(MissingKey):
        readable.get("folder")
    assert keys(readable) == {"folder/key"}


def test_a_key_below_an_object_is_missing(readable: Storage) -> None:
    readable.put("key", BytesBody(b"x"))
    assert readable.stat("key/below") is None
    readable.delete("key/below")
    with pytest.raises(MissingKey):
        readable.get("key/below")


def test_stat_of_a_missing_object_is_none(readable: Storage) -> None:
    assert readable.stat("nothing") is None


def test_a_deleted_object_is_missing_and_may_be_deleted_again(storage: Storage) -> None:
    storage.put("key", BytesBody(b"x"))
    storage.delete("key")
    assert storage.stat("key") is None
    assert list(storage.list()) == []
    storage.delete("key")
    storage.delete("never/was")


def test_list_of_an_empty_remote_is_empty(readable: Storage) -> None:
    assert list(readable.list()) == []
    assert list(readable.list("packs/")) == []


def test_list_takes_a_plain_prefix(readable: Storage) -> None:
    for key in ("packs/aa/1", "packs/ab/2", "packs/ab/22", "packs2/3", "index/4", "top"):
        readable.put(key, BytesBody(key.encode()))
    assert keys(readable) == {"packs/aa/1", "packs/ab/2", "packs/ab/22", "packs2/3", "index/4", "top"}
    assert keys(readable, "packs/") == {"packs/aa/1", "packs/ab/2", "packs/ab/22"}
    assert keys(readable, "packs/a") == {"packs/aa/1", "packs/ab/2", "packs/ab/22"}
    assert keys(readable, "packs/ab/2") == {"packs/ab/2", "packs/ab/22"}
    assert keys(readable, "packs") == {"packs/aa/1", "packs/ab/2", "packs/ab/22", "packs2/3"}
    assert keys(readable, "to") == {"top"}
    assert keys(readable, "none/") == set()
    assert {info.size for info in readable.list("index/")} == {7}


@pytest.mark.long
def test_list_goes_on_after_the_first_thousand(readable: Storage, request: pytest.FixtureRequest) -> None:
    # The others have no pages: directories, and the emulator of gs, which answers all at once.
    pages = request.node.callspec.params["readable"] not in (*DIRECTORIES, "gs")
    expected = {f"many/{number:04d}" for number in range(1050 if pages else 60)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: readable.put(key, BytesBody(b".")), expected))
    listed = [info.key for info in readable.list("many/")]
    assert len(listed) == len(expected)
    assert set(listed) == expected


def test_keys_may_hold_any_printable_character(any_name: Storage) -> None:
    names = ("a b", "a#b", "a?b=c", "x?versionId=3", "a%20b", "a+b", "a&b=c", "[x]*?", "äß/ü", "e\u0301")
    for name in (*names, "'\"<>", "end ", "~", "{a}"):
        key = f"nasty/{name}"
        any_name.put(key, BytesBody(key.encode()))
        assert any_name.get(key) == key.encode()
        assert keys(any_name) == {key}
        assert any_name.put(key, BytesBody(b""), if_absent=True) is False
        any_name.delete(key)
        assert keys(any_name) == set()


def test_an_invalid_key_is_refused(readable: Storage) -> None:
    for key in ("", "/abs", "a//b", "a/", "..", "a/../b", "./a", "a\nb", "a\0b", "a\\b", ".dver-x/y"):
        for call in (readable.get, readable.stat, readable.delete, lambda key: readable.put(key, BytesBody(b""))):
            with pytest.raises(ValueError, match="not a key"):
                call(key)


def test_a_body_of_twenty_megabytes_arrives_whole(readable: Storage, small_parts: None) -> None:
    pieces = [noise(MIB + number) for number in range(20)]
    source = Source(pieces)
    readable.put("large", source)
    content = b"".join(pieces)
    assert readable.get("large") == content
    assert readable.get("large", 7 * MIB, 3 * MIB) == content[7 * MIB : 10 * MIB]
    assert keys(readable) == {"large"}
    assert readable.put("large", source, if_absent=True) is False
    assert readable.put("other", source, if_absent=True) is True


@pytest.mark.parametrize("megabytes", [1, 20])
def test_transferred_bytes_are_reported(storage: Storage, small_parts: None, megabytes: int) -> None:
    sent: list[int] = []
    got: list[int] = []
    storage.put("big", Source([noise(MIB)] * megabytes), on_bytes=sent.append)
    storage.get("big", 1, on_bytes=got.append)
    assert (sum(sent), sum(got)) == (megabytes * MIB, megabytes * MIB - 1)


def test_a_file_is_a_body(storage: Storage, tmp_path: Path) -> None:
    content = noise(9 * MIB)
    (tmp_path / "body").write_bytes(content)
    storage.put("file", FileBody(tmp_path / "body"))
    assert storage.get("file") == content


@pytest.mark.parametrize("megabytes", [2, 20])
def test_a_body_that_fails_half_way_leaves_nothing(storage: Storage, small_parts: None, megabytes: int) -> None:
    source = Source([noise(MIB)] * megabytes, healthy=megabytes // 2)
    with pytest.raises(ZeroDivisionError):
        storage.put("half", source)
    assert storage.stat("half") is None
    assert list(storage.list()) == []
    storage.put("half", Source(source.pieces))
    assert storage.stat("half") == ObjectInfo("half", megabytes * MIB)


def test_an_error_of_the_bodys_own_file_is_not_blamed_on_the_remote(storage: Storage) -> None:
    failure = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output"):
        storage.put("key", Source([b"a", b"b"], healthy=1, failure=failure))
    assert storage.stat("key") is None


def test_a_failing_body_keeps_the_object_before(storage: Storage) -> None:
    storage.put("key", BytesBody(b"old"))
    with pytest.raises(ZeroDivisionError):
        storage.put("key", Source([b"new", b"er"], healthy=1))
    assert storage.get("key") == b"old"


def test_a_body_that_changes_its_length_is_refused(storage: Storage) -> None:
    for claimed in (0, 3, 5, 7):
        with pytest.raises(RemoteError) as caught:
            storage.put("key", Source([b"abc", b"def"], claimed=claimed))
        assert "changed" in (caught.value.why or "")
        assert storage.stat("key") is None


def test_many_threads_at_once(readable: Storage) -> None:
    def work(number: int) -> bool:
        content = number.to_bytes(2, "big") * 5000
        readable.put(f"t/{number % 7}/{number}", BytesBody(content))
        return readable.get(f"t/{number % 7}/{number}", 5000, 3000) == content[5000:8000]

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(work, range(60)))
    assert len(keys(readable, "t/")) == 60


def test_probe_finds_a_writable_remote_and_leaves_nothing(storage: Storage) -> None:
    assert storage.probe().writable
    assert list(storage.list()) == []


def test_probe_knows_which_remotes_have_conditional_writes(storage: Storage, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["storage"]
    assert storage.probe().conditional_put is (kind in ("file", "s3-moto"))


def test_failed_multipart_uploads_leave_no_parts(s3_storage: S3Storage, small_parts: None) -> None:
    source = Source([os.urandom(MIB)] * 14, healthy=13)
    with pytest.raises(ZeroDivisionError):
        s3_storage.put("half", source)
    assert list(s3_storage.unfinished()) == []


def test_a_killed_upload_is_resumed(s3_storage: S3Storage, small_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source([os.urandom(MIB) for _ in range(23)])
    with monkeypatch.context() as killed:
        killed.setattr(s3_multipart, "abandon", lambda *upload: None)
        with pytest.raises(ZeroDivisionError):
            s3_storage.put("large", Source(source.pieces, healthy=18))
    (left,) = s3_storage.unfinished()
    assert left.key == "large"
    assert left.begun < time.time() + 60
    begun: list[int] = []
    real = s3_multipart.MultipartPut._begin_part

    def count(put: s3_multipart.MultipartPut, request: dict[str, int], piece: memoryview) -> object:
        begun.append(request["PartNumber"])
        return real(put, request, piece)

    monkeypatch.setattr(s3_multipart.MultipartPut, "_begin_part", count)
    told: list[int] = []
    assert s3_storage.put("large", source, on_bytes=told.append) is True
    assert s3_storage.get("large") == b"".join(source.pieces)
    assert 3 in begun or 4 in begun
    assert 1 not in begun
    assert sum(told) == 23 * MIB
    assert s3_storage.unfinished() == []


def test_parts_of_something_else_are_sent_anew(
    s3_storage: S3Storage, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(s3_multipart, "abandon", lambda *upload: None)
        with pytest.raises(ZeroDivisionError):
            s3_storage.put("large", Source([os.urandom(MIB)] * 30, healthy=25))
    source = Source([os.urandom(MIB) for _ in range(12)])
    s3_storage.put("large", source)
    assert s3_storage.get("large") == b"".join(source.pieces)


def test_where_no_upload_was_begun_none_is_unfinished(s3_storage: S3Storage) -> None:
    assert s3_storage.unfinished() == []


def test_an_unfinished_upload_can_be_abandoned(
    s3_storage: S3Storage, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(s3_multipart, "abandon", lambda *upload: None)
        with pytest.raises(ZeroDivisionError):
            s3_storage.put("large", Source([os.urandom(MIB)] * 14, healthy=13))
    (left,) = s3_storage.unfinished()
    s3_storage.abandon(left)
    s3_storage.abandon(left)
    assert s3_storage.unfinished() == []


def test_pieces_are_regrouped_without_loss() -> None:
    chunks = [b"a" * 3, b"", b"b" * 10, b"c"]
    assert [bytes(piece) for piece in regrouped(chunks, 4)] == [b"aaab", b"bbbb", b"bbbb", b"bc"]
    assert list(regrouped([], 4)) == []


def test_checked_key_gives_the_key_back() -> None:
    same: Callable[[str], str] = checked_key
    assert same("packs/ab/cd.pack") == "packs/ab/cd.pack"
