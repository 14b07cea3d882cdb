"""Failures of S3 servers, directories and plugins: retries, error messages, memory."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path

import pytest
import servers
from fsspec.implementations.memory import MemoryFileSystem
from servers import FaultyS3, S3Server, free_port, tls_of

from dver.core.errors import LocalIOError, RemoteError, RepositoryError
from dver.remote.backends.connect import connect
from dver.remote.backends.directory import DirectoryStorage
from dver.remote.backends.fsspec import FsspecStorage
from dver.remote.backends.s3 import S3Storage
from dver.remote.failures import TransientError, UnreachableError, parse_retry_after
from dver.remote.retry import Retrier, RetryPolicy
from dver.remote.settings import RemoteSettings, parse
from dver.remote.storage import BytesBody, Capabilities, MissingKey, Storage

MIB = 2**20
QUICK = RetryPolicy(attempts=4, base=0.01, cap=0.02)


def faulty(server: FaultyS3, *faults: str, timeout: float = 20.0) -> S3Storage:
    """A storage on `server`, whose next requests meet `faults`."""
    server.objects["key"] = b"0123456789" * 100_000
    storage = S3Storage(parse("origin", server.table()), timeout=timeout, policy=QUICK)
    if timeout < 1:  # to set up the session takes longer, on a machine that has much to do
        storage.stat("key")
        server.seen.clear()
    server.faults.extend(faults)
    return storage


def s3_remote(server: S3Server, **changes: object) -> Storage:
    table = {key: value for key, value in {**server.table(), **changes}.items() if value is not None}
    return connect(parse("origin", table), base=Path("/"))


def refusal(storage: Storage) -> RemoteError:
    """The error that `probe` raises; it has all three lines, and no more than a line each."""
    with pytest.raises(RemoteError) as caught:
        storage.probe()
    for line in (caught.value.what, caught.value.why, caught.value.fix):
        assert line
        assert "\n" not in line
    return caught.value


# -- failures that pass ----------------------------------------------------------------------------------------------


PASSING = ("busy", "broken", "reset", "truncate", "chunked-cut", "hang", "hang-within")


# A "cut" answer to a request without a range cannot be told from a shorter object: hence not among the first.
@pytest.mark.parametrize(
    ("bounds", "fault"),
    [((0, None), fault) for fault in PASSING] + [((5, 500_000), fault) for fault in (*PASSING, "cut")],
)
def test_a_read_that_fails_twice_is_retried(faulty_s3: FaultyS3, bounds: tuple[int, int | None], fault: str) -> None:
    storage = faulty(faulty_s3, fault, fault, timeout=0.4)
    content = faulty_s3.objects["key"]
    start, length = bounds
    wanted = content[start : None if length is None else start + length]
    told: list[int] = []
    assert storage.get("key", start, length, on_bytes=told.append) == wanted
    assert sum(told) == len(wanted)
    assert faulty_s3.seen == ["GET"] * 3


@pytest.mark.parametrize("fault", ["busy", "reset", "lost", "hang"])
def test_a_write_that_fails_twice_is_retried(faulty_s3: FaultyS3, fault: str) -> None:
    storage = faulty(faulty_s3, fault, fault, timeout=0.4)
    content = os.urandom(3 * MIB)
    told: list[int] = []
    assert storage.put("new", BytesBody(content), on_bytes=told.append) is True
    assert faulty_s3.objects["new"] == content
    assert sum(told) == len(content)


@pytest.mark.parametrize("fault", PASSING)
def test_a_persistent_failure_is_reported_with_the_number_of_tries(faulty_s3: FaultyS3, fault: str) -> None:
    storage = faulty(faulty_s3, *[fault] * 4, timeout=0.4)
    with pytest.raises(TransientError) as caught:
        storage.get("key")
    assert "4 tries" in (caught.value.why or "")
    assert caught.value.fix
    assert faulty_s3.seen == ["GET"] * 4


def test_a_server_that_asks_for_patience_gets_it(faulty_s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    storage = S3Storage(parse("origin", faulty_s3.table()), policy=QUICK)
    monkeypatch.undo()
    faulty_s3.objects["key"] = b"content"
    faulty_s3.faults += ["patience", "busy", "patience"]
    assert storage.get("key") == b"content"
    assert [7 <= pause < 8 for pause in pauses] == [True, False, True]


@pytest.mark.parametrize(
    ("asked", "pause"), [("3", 3), ("900", 60), ("", 0), ("soon", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("-5", 0)]
)
def test_a_pause_is_as_long_as_asked_for_within_reason(asked: str, pause: float) -> None:
    pauses: list[float] = []
    failures = [TransientError("busy")]
    failures[0].retry_after = parse_retry_after(asked)

    def attempt() -> None:
        if failures:
            raise failures.pop()

    Retrier(RetryPolicy(base=0, patience=60), pause=pauses.append)(attempt)
    assert pauses == [pytest.approx(pause, rel=0.11)]


def test_retry_after_may_be_a_date() -> None:
    assert 50 < parse_retry_after(formatdate(time.time() + 60, usegmt=True)) <= 61


def test_a_server_that_stops_taking_bytes_is_noticed(faulty_s3: FaultyS3) -> None:
    storage = faulty(faulty_s3, *["hang"] * 4, timeout=0.4)
    with pytest.raises(TransientError) as caught:
        storage.put("new", BytesBody(bytes(24 * MIB)))
    assert "does not respond" in caught.value.what
    assert "new" not in faulty_s3.objects


def test_a_lost_answer_to_a_conditional_write_means_it_is_there(faulty_s3: FaultyS3) -> None:
    storage = faulty(faulty_s3, "", "lost")
    storage.put("new", BytesBody(b"content"), if_absent=True)
    assert faulty_s3.objects["new"] == b"content"


def test_who_has_just_looked_need_not_look_again(faulty_s3: FaultyS3) -> None:
    storage = faulty(faulty_s3)
    assert storage.stat("new") is None
    assert storage.put("new", BytesBody(b"one"), if_absent=True) is True
    assert faulty_s3.seen == ["HEAD", "PUT"]
    assert storage.put("new", BytesBody(b"two"), if_absent=True) is False
    assert faulty_s3.objects["new"] == b"one"


def test_a_server_with_conditional_writes_refuses_the_second_of_two_who_looked(faulty_s3: FaultyS3) -> None:
    first, second = faulty(faulty_s3), faulty(faulty_s3)
    assert first.stat("new") is second.stat("new") is None
    assert first.put("new", BytesBody(b"one"), if_absent=True) is True
    assert second.put("new", BytesBody(b"two"), if_absent=True) is False
    assert faulty_s3.objects["new"] == b"one"


@pytest.mark.parametrize("fault", ["reset", "truncate", "cut"])
def test_a_short_answer_is_never_delivered(faulty_s3: FaultyS3, fault: str) -> None:
    storage = faulty(faulty_s3, *[fault] * 4)
    with pytest.raises(RemoteError) as caught:
        storage.get("key", 10, 500_000)
    assert "4 tries" in (caught.value.why or "")


def test_a_server_without_ranges_still_gives_the_range(faulty_s3: FaultyS3) -> None:
    storage = faulty(faulty_s3, "rangeless", "rangeless")
    assert storage.get("key", 10, 20) == faulty_s3.objects["key"][10:30]
    assert storage.get("key", 999_990) == faulty_s3.objects["key"][999_990:]


def test_a_server_without_conditional_writes_is_written_to_all_the_same(faulty_s3: FaultyS3) -> None:
    storage = faulty(faulty_s3, "", "unconditional")
    assert storage.put("new", BytesBody(b"one"), if_absent=True) is True
    assert storage.put("new", BytesBody(b"two"), if_absent=True) is False
    assert faulty_s3.objects["new"] == b"one"


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("denied", "does not allow"),
        ("skewed", "clock"),
        ("expired", "expired"),
        ("elsewhere", "region"),
        ("full", "full"),
    ],
)
def test_a_refusal_is_reported_at_once(faulty_s3: FaultyS3, fault: str, word: str) -> None:
    storage = faulty(faulty_s3, fault)
    with pytest.raises(RemoteError) as caught:
        storage.put("new", BytesBody(b"x"))
    assert word in (caught.value.why or "")
    assert caught.value.fix
    assert faulty_s3.seen == ["PUT"]


def test_retries_give_up_in_the_end_and_say_how_often_they_tried() -> None:
    pauses: list[float] = []
    retry = Retrier(RetryPolicy(attempts=5, base=1.0, cap=3.0), pause=pauses.append)

    def attempt() -> None:
        raise TransientError("it broke", why="a reason")

    with pytest.raises(TransientError) as caught:
        retry(attempt)
    assert caught.value.why == "a reason (5 tries)"
    assert len(pauses) == 4
    assert all(low <= pause <= 2 * low for low, pause in zip([0.5, 1.0, 1.5, 1.5], pauses, strict=True))


def test_an_address_that_never_answered_is_given_up_soon_and_a_lost_network_is_not() -> None:
    calls: list[str] = []
    retry = Retrier(RetryPolicy(attempts=6, first_attempts=2), pause=lambda seconds: None)

    def attempt() -> None:
        calls.append("call")
        raise UnreachableError("no network", why="nobody listens")

    with pytest.raises(UnreachableError):
        retry(attempt)
    assert len(calls) == 2
    retry(lambda: None)
    with pytest.raises(UnreachableError):
        retry(attempt)
    assert len(calls) == 2 + 6


def test_other_errors_are_not_retried() -> None:
    calls: list[int] = []

    def attempt() -> None:
        calls.append(1)
        raise RemoteError("no")

    with pytest.raises(RemoteError):
        Retrier(QUICK)(attempt)
    assert calls == [1]


# -- S3: wrong settings ----------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_named(s3_server: S3Server) -> None:
    error = refusal(s3_remote(s3_server, secret_access_key="verywrongsecret"))
    assert "secret access key is wrong" in (error.why or "")
    assert "verywrongsecret" not in f"{error.what}{error.why}{error.fix}"


def test_an_unknown_key_is_named(s3_server: S3Server) -> None:
    assert "access key id" in (refusal(s3_remote(s3_server, access_key_id="NOBODY")).why or "")


def test_a_missing_bucket_is_named(s3_server: S3Server) -> None:
    error = refusal(s3_remote(s3_server, url="s3://nosuchbucket/prefix"))
    assert "'nosuchbucket'" in (error.why or "")
    assert "dver remote set origin url" in (error.fix or "")


def test_a_missing_bucket_is_named_when_reading_and_writing(s3_server: S3Server) -> None:
    storage = s3_remote(s3_server, url="s3://nosuchbucket/prefix")
    for call in (lambda: storage.put("key", BytesBody(b"")), lambda: list(storage.list()), lambda: storage.get("key")):
        with pytest.raises(RemoteError) as caught:
            call()
        assert not isinstance(caught.value, MissingKey)
        assert "no bucket" in (caught.value.why or "")


def test_missing_credentials_are_reported(s3_server: S3Server) -> None:
    error = refusal(s3_remote(s3_server, access_key_id=None, secret_access_key=None))
    assert "no credentials" in error.what


def test_credentials_come_from_the_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.credentials().items():
        monkeypatch.setenv(name, value)
    assert s3_remote(s3_server, access_key_id=None, secret_access_key=None).probe().writable


def test_credentials_come_from_a_profile(s3_server: S3Server, env: Path) -> None:
    (env / ".aws").mkdir()
    keys = f"aws_access_key_id = {s3_server.access_key_id}\naws_secret_access_key = {s3_server.secret_access_key}\n"
    (env / ".aws" / "credentials").write_text(f"[work]\n{keys}")
    without = {"access_key_id": None, "secret_access_key": None}
    assert s3_remote(s3_server, profile="work", **without).probe().writable
    assert "profile" in (refusal(s3_remote(s3_server, profile="play", **without)).why or "")


def test_a_port_without_a_server_is_reported() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    error = refusal(s3_remote(S3Server(address)))
    assert address in error.what
    assert "network" in (error.fix or "")


def test_an_unknown_host_name_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refusal(S3Storage(parse("origin", S3Server("http://nowhere.example").table()), policy=QUICK))
    assert "nowhere.example" in error.what
    assert "2 tries" in (error.why or "")


def test_an_untrusted_certificate_is_reported_at_once(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.faulty(tls_of(certificate)) as server:
        error = refusal(S3Storage(parse("origin", server.table()), policy=QUICK))
        assert "trusted" in error.what
        assert "AWS_CA_BUNDLE" in (error.fix or "")
        monkeypatch.setenv("AWS_CA_BUNDLE", os.fspath(certificate))
        server.objects["key"] = b"content"
        assert S3Storage(parse("origin", server.table()), policy=QUICK).get("key") == b"content"


def test_too_many_open_files_is_this_machines_trouble(faulty_s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = faulty(faulty_s3)
    storage.stat("key")

    def none_left(*args: object, **more: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    faulty_s3.faults.append("reset")  # so that the connection that is open will not do
    with pytest.raises(LocalIOError) as caught:
        storage.get("key")
    assert "files" in (caught.value.why or "")
    assert caught.value.fix


def test_an_endpoint_that_is_no_url_is_refused_before_it_is_used() -> None:
    with pytest.raises(RepositoryError) as caught:
        s3_remote(S3Server("nonsense"))
    assert caught.value.fix == "dver remote set origin endpoint_url https://nonsense"


def test_an_anonymous_reader_reads_only(faulty_s3: FaultyS3) -> None:
    faulty_s3.objects["key"] = b"public"
    table = {"url": faulty_s3.table()["url"], "endpoint_url": faulty_s3.endpoint_url, "anonymous": True}
    storage = S3Storage(parse("origin", table), policy=QUICK)
    assert storage.get("key") == b"public"


def test_s3_leaves_no_noise_when_the_process_ends(s3_server: S3Server) -> None:
    script = (
        "from pathlib import Path\n"
        "from dver.remote.backends.connect import connect\n"
        "from dver.remote.settings import parse\n"
        "from dver.remote.storage import BytesBody\n"
        f"storage = connect(parse('origin', {s3_server.table()!r}), base=Path('/'))\n"
        "storage.put('key', BytesBody(b'content'))\n"
        "print(storage.get('key').decode())\n"
    )
    done = subprocess.run([sys.executable, "-W", "default", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "content\n", "")


@pytest.mark.long
def test_four_transfers_of_32_mib_at_once_take_less_than_300_mb(s3_server: S3Server) -> None:
    script = f"""
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from dver.remote.backends.connect import connect
from dver.remote.settings import RemoteSettings, parse
MIB = 2**20
class Body:
    def __init__(self, size): self.size = size
    def chunks(self): return (bytes([n % 251]) * MIB for n in range(self.size // MIB))
storage = connect(parse('origin', {s3_server.table()!r}), base=Path('/'))
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda n: storage.put(f'whole/{{n}}', Body(32 * MIB)), range(5)))
    list(pool.map(lambda n: storage.put(f'parts/{{n}}', Body(48 * MIB)), range(5)))
    list(pool.map(lambda n: len(storage.get(f'parts/{{n}}', MIB, 32 * MIB)), range(5)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 10**6)
"""
    # By way of a small process: a new one begins with the peak of the one that started it, and pytest's is large.
    start = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    done = subprocess.run([sys.executable, "-c", start, script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300


# -- folders ---------------------------------------------------------------------------------------------------------


def test_a_directory_with_a_missing_parent_is_reported(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "unmounted" / "remote")
    error = refusal(storage)
    assert "does not exist" in (error.why or "")
    for call in (lambda: storage.get("key"), lambda: list(storage.list()), lambda: storage.stat("key")):
        with pytest.raises(RemoteError) as caught:
            call()
        assert not isinstance(caught.value, MissingKey)
    assert not (tmp_path / "unmounted").exists()


def test_a_folder_is_made_at_the_first_put_only(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "remote")
    assert list(storage.list()) == []
    assert storage.stat("key") is None
    assert not (tmp_path / "remote").exists()
    storage.put("a/b/key", BytesBody(b"x"))
    assert (tmp_path / "remote" / "a" / "b" / "key").read_bytes() == b"x"


def test_a_file_in_place_of_the_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "remote").write_text("not a folder")
    assert "not a directory" in refusal(DirectoryStorage(tmp_path / "remote")).what


def test_a_file_in_place_of_the_parent_is_reported(tmp_path: Path) -> None:
    (tmp_path / "above").write_text("not a folder")
    assert "above" in (refusal(DirectoryStorage(tmp_path / "above" / "remote")).why or "")


def test_many_threads_make_the_folder_together(tmp_path: Path) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for attempt in range(20):
            storage = DirectoryStorage(tmp_path / str(attempt))
            with ThreadPoolExecutor(12) as pool:
                list(pool.map(lambda n, to=storage: to.put(f"t/{n % 3}/{n}", BytesBody(b"x")), range(24)))
            assert {info.key for info in storage.list()} == {f"t/{n % 3}/{n}" for n in range(24)}
    finally:
        sys.setswitchinterval(interval)


def test_a_file_in_the_way_of_a_key_is_reported(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "remote")
    storage.put("packs", BytesBody(b"in the way"))
    with pytest.raises(RemoteError) as caught:
        storage.put("packs/one", BytesBody(b"x"))
    assert "cannot write to" in caught.value.what


def test_a_read_only_folder_is_probed_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = DirectoryStorage(tmp_path)
    storage.put("key", BytesBody(b"x"))
    refuse_new_files(monkeypatch, OSError(30, "Read-only file system"))
    assert storage.probe() == Capabilities(writable=False, conditional_put=False)
    with pytest.raises(RemoteError) as caught:
        storage.put("other", BytesBody(b"x"))
    assert "read-only" in (caught.value.why or "")
    assert storage.get("key") == b"x"


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = DirectoryStorage(tmp_path / "remote")
    storage.put("first", BytesBody(b"x"))
    real = os.write

    def full(fd: int, content: bytes) -> int:
        if len(content) < 10:
            raise OSError(28, "No space left on device")
        return real(fd, content[:5])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RemoteError) as caught:
        storage.put("second", BytesBody(b"0123456789"))
    monkeypatch.undo()
    assert "full" in (caught.value.why or "")
    assert [info.key for info in storage.list()] == ["first"]
    assert list((tmp_path / "remote" / ".dver-tmp").iterdir()) == []


def refuse_new_files(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Tests run as root too, whom no mode keeps from writing."""
    real = os.open

    def refuse(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise error
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)


def test_files_of_a_killed_put_are_not_listed_and_deleted_after_a_day(tmp_path: Path) -> None:
    DirectoryStorage(tmp_path).put("key", BytesBody(b"x"))
    old, fresh = tmp_path / ".dver-tmp" / ".dver-put-1-aa", tmp_path / ".dver-tmp" / ".dver-put-2-bb"
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert [info.key for info in DirectoryStorage(tmp_path).list()] == ["key"]
    DirectoryStorage(tmp_path).put("other", BytesBody(b"x"))
    assert not old.exists()
    assert fresh.exists()


def test_put_if_absent_works_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: str, target: str, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted", source)

    monkeypatch.setattr(os, "link", no_links)
    storage = DirectoryStorage(tmp_path)
    assert storage.probe() == Capabilities(writable=True, conditional_put=False, deletable=True)
    assert storage.put("key", BytesBody(b"one"), if_absent=True) is True
    assert storage.put("key", BytesBody(b"two"), if_absent=True) is False
    assert storage.get("key") == b"one"


def test_files_get_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        DirectoryStorage(tmp_path / "remote").put("a/key", BytesBody(b"x"))
    finally:
        os.umask(before)
    assert (tmp_path / "remote" / "a" / "key").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "remote" / "a").stat().st_mode & 0o777 == 0o750


def test_a_directory_that_vanishes_between_two_puts_is_created_again(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "remote")
    storage.put("a/b/key", BytesBody(b"x"))
    shutil.rmtree(tmp_path / "remote")
    storage.put("a/b/key", BytesBody(b"y"))
    assert storage.get("a/b/key") == b"y"


class _ListedMeanwhile:
    """A body during whose upload another thread lists the remote."""

    size = 6

    def chunks(self) -> Iterator[bytes]:
        yield b"one"
        listed = [file.getbuffer() for file in MemoryFileSystem.store.values()]  # as a list does to find sizes
        yield b"two"
        del listed


def test_a_list_of_a_remote_in_memory_does_not_break_a_write(tmp_path: Path) -> None:
    storage = connect(parse("origin", {"url": f"memory://{uuid.uuid4().hex}"}), base=tmp_path)
    storage.put("key", _ListedMeanwhile())
    assert storage.get("key") == b"onetwo"


def test_a_folder_needs_no_fsspec(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dver.remote.backends.connect import connect\n"
        "from dver.remote.settings import parse\n"
        "from dver.remote.storage import BytesBody\n"
        f"connect(parse('o', {{'url': {str(tmp_path)!r}}}), base=Path('/')).put('key', BytesBody(b''))\n"
        "print([name for name in ('fsspec', 's3fs', 'asyncio') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# -- other protocols -------------------------------------------------------------------------------------------------


def test_an_unknown_protocol_is_reported_with_a_similar_one() -> None:
    error = refusal(FsspecStorage(RemoteSettings("origin", "sfpt://host/path")))
    assert "sfpt://" in (error.why or "")
    assert "sftp://" in (error.fix or "")


def test_a_protocol_whose_package_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    monkeypatch.setitem(sys.modules, "gcsfs.core", None)  # another test may have imported it
    error = refusal(FsspecStorage(RemoteSettings("origin", "gs://bucket/prefix")))
    assert "dver[gs]" in (error.fix or "")


def test_a_protocol_that_only_reads_says_so(faulty_s3: FaultyS3) -> None:
    faulty_s3.objects["key"] = b"0123456789"
    storage = FsspecStorage(RemoteSettings("origin", f"{faulty_s3.endpoint_url}/bucket/faulty"), policy=QUICK)
    assert storage.get("key") == b"0123456789"
    with pytest.raises(RemoteError) as caught:
        storage.put("key", BytesBody(b"x"))
    assert "does not support it" in (caught.value.why or "")
