"""Remotes on web servers: ranges, redirects, proxies, TLS, lists, and the errors of failing servers."""

from __future__ import annotations

import errno
import os
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from datasets import Clone
from servers import free_port, tls_of
from webserver import Web, running

from dver.core.errors import CorruptError, LocalIOError, RemoteError, RepositoryError
from dver.core.oid import Oid
from dver.core.traffic import TRAFFIC
from dver.formats import remote_listing
from dver.remote.backends import http_listing
from dver.remote.backends.http import HttpStorage
from dver.remote.backends.http_listing import parse_bucket
from dver.remote.failures import TransientError
from dver.remote.index.keys import index_key
from dver.remote.retry import RetryPolicy
from dver.remote.settings import parse
from dver.remote.storage import BytesBody, MissingKey, ObjectInfo

MIB = 2**20
QUICK = RetryPolicy(attempts=4, base=0.01, cap=0.02, patience=0.05)
CONTENT = b"0123456789" * 100_000
KEY = "packs/key.pack"


@pytest.fixture
def web() -> Iterator[Web]:
    with running(Web({f"top/{KEY}": CONTENT})) as state:
        yield state


def storage_of(web: Web, folder: str = "top", *, timeout: float = 20.0) -> HttpStorage:
    return HttpStorage(parse("pub", {"url": f"{web.url}/{folder}"}), timeout=timeout, policy=QUICK)


def refusal(storage: HttpStorage) -> RemoteError:
    """The error that reading raises; it has all three lines, and no more than a line each."""
    with pytest.raises(RemoteError) as caught:
        storage.get(KEY)
    for line in (caught.value.what, caught.value.why, caught.value.fix):
        assert line
        assert "\n" not in line
    return caught.value


# -- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(("start", "length"), [(0, None), (10, 20), (999_990, None), (999_990, 50), (2_000_000, 5)])
def test_a_range_is_right_whether_the_server_knows_ranges_or_not(
    web: Web, ranges: bool, start: int, length: int | None
) -> None:
    web.ranges = ranges
    wanted = CONTENT[start : None if length is None else start + length]
    assert storage_of(web).get(KEY, start, length) == wanted


def test_no_more_is_read_of_a_server_without_ranges_than_is_needed(web: Web) -> None:
    web.ranges = False
    web.files["top/huge"] = bytes(64 * MIB)
    assert storage_of(web).get("huge", 100, 1000) == bytes(1000)
    assert web.sent < 32 * MIB


def test_one_connection_serves_many_requests(web: Web) -> None:
    storage = storage_of(web)
    for start in range(0, 1_000_000, 100_000):
        assert len(storage.get(KEY, start, 1000)) == 1000
    assert storage.stat("packs/none") is None
    assert storage.stat(KEY) == ObjectInfo(KEY, len(CONTENT))
    assert len(web.clients) == 1


def test_a_kept_connection_that_the_server_closed_is_opened_again(web: Web) -> None:
    storage = storage_of(web)
    web.faults += ["", "reset", ""]
    assert storage.get(KEY, 0, 10) == storage.get(KEY, 0, 10) == CONTENT[:10]


def test_chunked_answers_are_read(web: Web) -> None:
    web.faults.append("chunked")
    assert storage_of(web).get(KEY) == CONTENT


def test_a_server_that_does_no_head_still_tells_sizes(web: Web) -> None:
    web.faults += ["405", ""]
    assert storage_of(web).stat(KEY) == ObjectInfo(KEY, len(CONTENT))
    assert [line.split()[0] for line in web.seen] == ["HEAD", "GET"]


def test_nothing_can_be_written(web: Web) -> None:
    storage = storage_of(web)
    for call in (lambda: storage.put("key", BytesBody(b"x")), lambda: storage.delete("key")):
        with pytest.raises(RemoteError) as caught:
            call()
        assert "read only" in (caught.value.why or "")
        assert "dver remote add" in (caught.value.fix or "")
    assert web.seen == []


def test_an_address_with_spaces_and_umlauts_is_read(web: Web) -> None:
    web.files["a b/äö/key"] = b"x"
    assert storage_of(web, "a b/äö").get("key") == b"x"


# -- redirects, proxies ----------------------------------------------------------------------------------------------


def test_redirects_are_followed_to_other_servers(web: Web) -> None:
    with running(Web({"elsewhere": CONTENT})) as other:
        web.redirects["top/moved"] = f"{other.url}/elsewhere?signature=hush"
        assert storage_of(web).get("moved", 5, 10) == CONTENT[5:15]
        assert other.seen == ["GET /elsewhere?signature=hush bytes=5-14"]


def test_the_url_of_a_redirect_is_in_no_message(web: Web) -> None:
    with running(Web({"elsewhere": CONTENT}, faults=["403"])) as other:
        web.redirects[f"top/{KEY}"] = other.url.replace("//", "//user:hush@") + "/elsewhere?signature=hush"
        error = refusal(storage_of(web))
        assert "hush" not in f"{error.what}{error.why}{error.fix}"
        assert "Authorization" not in other.headers_seen[0]


@pytest.mark.parametrize("location", ["", "ftp://host/x", "file:///etc/passwd", "http://[bad/"])
def test_a_redirect_to_an_invalid_url_is_refused(web: Web, location: str) -> None:
    web.redirects[f"top/{KEY}"] = location
    assert "not safe" in (refusal(storage_of(web)).why or "")


def test_redirects_without_end_are_noticed(web: Web) -> None:
    web.redirects[f"top/{KEY}"] = f"{web.url}/top/{KEY}"
    assert "without end" in (refusal(storage_of(web)).why or "")
    assert len(web.seen) < 10


def test_a_proxy_of_the_environment_is_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("http_proxy", web.url.replace("//", "//us%40er:pass@"))
    storage = HttpStorage(parse("pub", {"url": "http://data.example.org/top"}), policy=QUICK)
    assert storage.get(KEY) == CONTENT
    assert web.seen == [f"GET http://data.example.org/top/{KEY}"]
    assert web.headers_seen[0]["Proxy-Authorization"] == "Basic dXNAZXI6cGFzcw=="
    monkeypatch.setenv("no_proxy", "data.example.org,127.0.0.1")
    assert storage_of(web).get(KEY, 0, 1) == b"0"
    assert "Proxy-Authorization" not in web.headers_seen[1]


def test_a_proxy_that_is_not_running_is_named(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = f"127.0.0.1:{free_port()}"
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("http_proxy", f"http://user:hush@{proxy}")
    error = refusal(storage_of(web))
    assert error.what == f"cannot reach {proxy}"
    assert "hush" not in f"{error.what}{error.why}{error.fix}"


def test_a_proxy_that_cannot_be_used_is_named(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("http_proxy", "socks5://user:hush@127.0.0.1:1")
    error = refusal(storage_of(web))
    assert "proxies" in (error.why or "")
    assert "hush" not in f"{error.what}{error.why}{error.fix}"


# -- TLS -------------------------------------------------------------------------------------------------------------


def test_an_untrusted_certificate_is_refused_at_once(certificate: Path) -> None:
    with running(Web({f"top/{KEY}": CONTENT}), tls_of(certificate)) as web:
        error = refusal(storage_of(web))
        assert "trusted" in error.what
        assert "SSL_CERT_FILE" in (error.fix or "")
        assert web.seen == []


def test_a_certificate_of_ones_own_can_be_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    with running(Web({f"top/{KEY}": CONTENT}), tls_of(certificate)) as web:
        assert storage_of(web).get(KEY) == CONTENT


def test_a_safe_connection_is_never_left_for_an_open_one(
    web: Web, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    with running(Web(redirects={f"top/{KEY}": f"{web.url}/top/{KEY}"}), tls_of(certificate)) as safe:
        assert "not safe" in (refusal(storage_of(safe)).why or "")
    assert web.seen == []


def test_a_safe_connection_goes_through_a_proxy(web: Web, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", web.url.replace("//", "//user:pass@"))
    with running(Web({f"top/{KEY}": CONTENT}), tls_of(certificate)) as safe:
        storage = storage_of(safe)
        assert storage.get(KEY, 0, 100) == storage.get(KEY, 0, 100) == CONTENT[:100]
        assert web.seen == [f"CONNECT {safe.url.removeprefix('https://')}"]
        assert web.headers_seen[0]["Proxy-Authorization"] == "Basic dXNlcjpwYXNz"
        assert "Proxy-Authorization" not in safe.headers_seen[0]


def test_a_lost_connection_during_the_handshake_is_retried(
    web: Web, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", web.url)
    web.faults += ["cut"]
    with running(Web({f"top/{KEY}": CONTENT}), tls_of(certificate)) as safe:
        storage = storage_of(safe)
        assert storage.get(KEY) == CONTENT
        web.faults += ["cut"] * 99
        error = refusal(storage_of(safe))
    assert "hung up" in (error.why or "")


def test_a_refusal_of_the_proxy_is_reported(web: Web, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", web.url.replace("//", "//user:hush@"))
    web.faults += ["407", "407"]
    with running(Web({f"top/{KEY}": CONTENT}), tls_of(certificate)) as safe:
        error = refusal(storage_of(safe))
    assert "407" in (error.why or "")
    assert "prox" in (error.fix or "")
    assert "hush" not in f"{error.what}{error.why}{error.fix}"


def test_a_server_without_tls_is_reported(web: Web) -> None:
    storage = HttpStorage(parse("pub", {"url": web.url.replace("http:", "https:")}), policy=QUICK)
    assert "trusted" in refusal(storage).what


# -- failures --------------------------------------------------------------------------------------------------------

PASSING = ["500", "502", "503", "429", "reset", "reset-within", "cut", "hang", "hang-within", "chunked-cut"]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize(("start", "length"), [(0, None), (5, 500_000)])
def test_a_read_that_fails_twice_is_retried(web: Web, fault: str, start: int, length: int | None) -> None:
    web.faults += [fault, fault]
    told: list[int] = []
    wanted = CONTENT[start : None if length is None else start + length]
    assert storage_of(web, timeout=0.3).get(KEY, start, length, on_bytes=told.append) == wanted
    assert sum(told) == len(wanted)
    assert len(web.seen) == 3


@pytest.mark.parametrize("fault", ["hang", "hang-within"])
def test_the_time_without_a_byte_is_measured(web: Web, fault: str) -> None:
    web.faults.append(fault)
    silences: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            silences.append(TRAFFIC.silence)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert storage_of(web, timeout=1.0).get(KEY) == CONTENT
    finally:
        over.set()
        watcher.join()
    assert max(silences) > 0.5
    assert TRAFFIC.silence == 0


@pytest.mark.parametrize("fault", PASSING)
def test_a_persistent_failure_is_reported_with_the_number_of_tries(web: Web, fault: str) -> None:
    web.faults += [fault] * 4
    error = refusal(storage_of(web, timeout=0.3))
    assert isinstance(error, TransientError)
    assert "4 tries" in (error.why or "")


@pytest.mark.parametrize(
    ("status", "word"), [("401", "password"), ("403", "not public"), ("407", "proxy"), ("418", "refused")]
)
def test_a_refusal_is_reported_at_once(web: Web, status: str, word: str) -> None:
    web.faults.append(status)
    assert word in (refusal(storage_of(web)).why or "")
    assert len(web.seen) == 1


def test_compressed_answers_are_refused(web: Web) -> None:
    web.headers["Content_Encoding"] = "gzip"
    assert "compresses" in (refusal(storage_of(web)).why or "")


def test_a_login_page_is_not_data(web: Web) -> None:
    web.headers["Content_Type"] = "text/html; charset=utf-8"
    assert "web page" in (refusal(storage_of(web)).why or "")


def test_a_wrong_range_is_refused(web: Web) -> None:
    web.headers["Content_Range"] = "bytes 0-999999/1000000"
    web.ranges = False
    with pytest.raises(RemoteError, match="cannot read"):
        storage_of(web).get(KEY, 5, 10)


def test_a_port_without_a_server_is_reported_after_two_tries() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    error = refusal(HttpStorage(parse("pub", {"url": address}), policy=QUICK))
    assert "cannot reach 127.0.0.1" in error.what
    assert "2 tries" in (error.why or "")


@pytest.mark.parametrize("host", ["nowhere.example", "a" * 64 + ".example"])
def test_an_unknown_host_name_is_reported(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str, *args: object, **more: object) -> None:
        name.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = refusal(HttpStorage(parse("pub", {"url": f"http://{host}/x"}), policy=QUICK))
    assert "no server of the name" in (error.why or "")


def test_too_many_open_files_is_this_machines_trouble(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*args: object, **more: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "connect", none_left)
    with pytest.raises(LocalIOError) as caught:
        storage_of(web).get(KEY)
    assert caught.value.fix


@pytest.mark.parametrize(
    "url",
    ["http://user@host/x", "https://user:pw@host/x", "https://host/x?sig=1", "http://host/#x", "https://", "http:/x"],
)
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(RepositoryError) as caught:
        parse("pub", {"url": url})
    assert caught.value.fix


# -- listing ---------------------------------------------------------------------------------------------------------


def many(web: Web, top: str = "top/") -> set[ObjectInfo]:
    names = {f"indexes/{number:03d}.idx": number for number in range(11)}
    web.files |= {top + name: bytes(size) for name, size in names.items()}
    return {ObjectInfo(name, size) for name, size in names.items()}


def heads(web: Web) -> int:
    return sum(line.startswith("HEAD") for line in web.seen)


@pytest.mark.parametrize("lists", ["s3", "s3-v1"])
@pytest.mark.parametrize(("top", "folder"), [("bucket/", "bucket"), ("bucket/deep/er/", "bucket/deep/er")])
def test_a_bucket_is_listed_page_after_page(web: Web, lists: str, top: str, folder: str) -> None:
    web.lists = lists
    expected = many(web, top)
    web.files |= {f"{top}indexes/": b"", f"{top}other": b"x", "bucket/de": b"x"}
    assert set(storage_of(web, folder).list("indexes/")) == expected
    assert heads(web) == 0


def test_a_server_that_cannot_list_is_listed_by_its_catalog(web: Web) -> None:
    expected = many(web)
    web.files["top/catalog"] = remote_listing.encode(
        {info.key.removeprefix("indexes/"): info.size for info in expected}
    )
    storage = storage_of(web)
    assert set(storage.list("indexes/")) == expected
    assert set(storage.list("indexes/00")) == {info for info in expected if info.key.startswith("indexes/00")}
    assert not storage.probe().writable
    with pytest.raises(RemoteError, match="cannot list"):
        list(storage.list("packs/"))


def test_a_server_that_cannot_list_is_reported(web: Web) -> None:
    with pytest.raises(RemoteError) as caught:
        list(storage_of(web).list("indexes/"))
    assert "catalog" in (caught.value.why or "")
    assert "push" in (caught.value.fix or "")


def test_a_page_of_links_is_not_a_list(web: Web) -> None:
    links = b"<title>Index of /top/</title><h1>Index of /top/</h1><a href='indexes/'>indexes/</a>"
    web.files |= {"top/": links, "top/indexes/": links, "top/indexes/1.idx": b"x"}
    with pytest.raises(RemoteError, match="cannot list"):
        list(storage_of(web).list("indexes/"))


def test_a_bucket_that_repeats_its_first_page_is_given_up(web: Web) -> None:
    page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextMarker>a</NextMarker></ListBucketResult>"
    web.files["top/"] = page.encode()
    with pytest.raises(RemoteError) as caught:
        list(storage_of(web).list("indexes/"))
    assert "repeats" in (caught.value.why or "")
    assert len(web.seen) < 5


def test_a_web_page_in_place_of_missing_files_is_no_list(web: Web) -> None:
    """Servers of web applications answer every address with the same page."""
    page = b"<!doctype html><title>Our app</title><a href='/'>home</a><a href='about'>about</a>"
    web.headers["Content_Type"] = "text/html"
    web.files |= {"top/": page, "": page, "top": page, "top/catalog": page}
    with pytest.raises(RemoteError, match="cannot list"):
        list(storage_of(web).list("indexes/"))


@pytest.mark.parametrize("content", [b"", b"<html>", b"no", b"<Error><Code>x</Code></Error>", b"\xff\xfe<"])
def test_other_content_is_no_list_of_a_bucket(content: bytes) -> None:
    assert parse_bucket(content) is None


def test_an_entity_bomb_is_no_list() -> None:
    lines = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{lines}]><ListBucketResult><Prefix>&a12;</Prefix></ListBucketResult>'
    assert parse_bucket(bomb.encode()) is None


def test_a_key_that_is_missing_is_missing(web: Web) -> None:
    with pytest.raises(MissingKey):
        storage_of(web).get("packs/none")


# -- answers without end ---------------------------------------------------------------------------------------------


def bounded(work: Callable[[], object]) -> int:
    """The most memory that Python had at a time while `work` was done, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_404_response_without_end_is_not_read(web: Web) -> None:
    web.endless = True
    storage = storage_of(web)

    def work() -> None:
        assert storage.stat("packs/absent.pack") is None
        with pytest.raises(MissingKey):
            storage.get("packs/absent.pack")

    assert bounded(work) < 4 * MIB
    assert web.sent < 40 * MIB


def test_a_body_without_end_is_read_as_far_as_it_is_wanted(web: Web) -> None:
    web.faults += ["endless"] * 2
    storage = storage_of(web)
    assert bounded(lambda: storage.get(KEY, 0, MIB)) < 8 * MIB
    with pytest.raises(RemoteError, match="cannot read"):
        storage.get(KEY)


@pytest.mark.parametrize("status", ["endless-404", "endless-416", "endless-500", "endless-403"])
def test_a_refusal_without_end_is_not_read(web: Web, status: str) -> None:
    web.faults += [status] * 8
    storage = storage_of(web)

    def work() -> None:
        with suppress(RemoteError):
            storage.get(KEY)

    assert bounded(work) < 4 * MIB


def test_an_index_without_end_is_corrupt(web: Web, tmp_path: Path) -> None:
    name = Oid.of(b"an index")
    web.files = {f"top/{index_key(name)}": bytes(100_000)}
    web.lists = "s3"
    web.faults += ["endless"] * 20
    clone = Clone(tmp_path / "clone")

    def work() -> None:
        with pytest.raises(CorruptError):
            clone.catalog(storage_of(web)).refresh()

    assert bounded(work) < 8 * MIB


def test_a_list_without_end_is_noticed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listing, "LISTED_MAX", 10)
    web.files = {f"top/packs/{number:03}.pack": b"x" for number in range(30)}
    web.lists = "s3"
    with pytest.raises(RemoteError, match="cannot list") as caught:
        list(storage_of(web).list("packs/"))
    assert "more than 10 names" in (caught.value.why or "")
