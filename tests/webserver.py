"""A web server with configurable lists and failures, for every test."""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PAGE_SIZE = 3
PIECE = 2**16


@dataclass
class Web:
    """What the server has, and how it behaves. Each request for a file meets the next of `faults`."""

    files: dict[str, bytes] = field(default_factory=dict)
    """By path, without the first slash."""
    lists: str = ""
    """How the bucket is listed: "s3", "s3-v1", or not at all."""
    ranges: bool = True
    faults: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """Added to answers about files."""
    endless: bool = False
    """Has the answer about what is missing no end?"""
    redirects: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """Method, address and range of each request."""
    headers_seen: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request."""
    clients: set[int] = field(default_factory=set)
    """The port at the other end of each connection."""
    sent: int = 0
    """Bytes of bodies sent."""
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Web

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_CONNECT(self) -> None:
        """As a proxy does: pass on what comes, both ways, until one side ends."""
        self.state.seen.append(f"CONNECT {self.path}")
        self.state.headers_seen.append(dict(self.headers.items()))
        fault = self.state.faults.pop(0) if self.state.faults else ""
        if fault.isdigit():
            self._answer(int(fault))
            return
        if fault == "cut":
            self._answer(200)
            self.close_connection = True
            return
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            with selectors.DefaultSelector() as ends:  # select() takes no file from the 1,024th on
                ends.register(self.connection, selectors.EVENT_READ, there)
                ends.register(there, selectors.EVENT_READ, self.connection)
                while ready := ends.select(60):
                    if not all(_passed_on(key.fileobj, key.data) for key, _ in ready):
                        break
        self.close_connection = True

    def _serve(self) -> None:
        state = self.state
        state.clients.add(self.client_address[1])
        state.seen.append(" ".join(filter(None, (self.command, self.path, self.headers.get("Range")))))
        state.headers_seen.append(dict(self.headers.items()))
        path = unquote(urlsplit(self.path).path).lstrip("/")  # of a proxy's absolute address, too
        if path in state.redirects:
            self._answer(302, Location=state.redirects[path])
        elif state.lists.startswith("s3") and "prefix=" in self.path + "prefix=" and not path.partition("/")[2]:
            self._bucket(path)
        elif path in state.files:
            self._file(state.files[path], state.faults.pop(0) if state.faults else "")
        elif state.endless:
            self._endless(404)
        else:
            self._answer(404)

    # -- files ---------------------------------------------------------------------------------------------------

    def _file(self, content: bytes, fault: str) -> None:
        if fault == "hang":
            self._hang()
        elif fault == "reset":
            self._reset()
        elif fault.isdigit():
            self._answer(int(fault), **({"Retry_After": "1"} if fault in ("503", "429") else {}))
        elif fault.startswith("endless"):
            self._endless(int(fault.removeprefix("endless").strip("-") or 200))
        elif fault == "bodyless-head":
            self._answer(405 if self.command == "HEAD" else 200, content if self.command != "HEAD" else b"")
        else:
            self._send_file(content, fault)

    def _send_file(self, content: bytes, fault: str) -> None:
        status, headers = 200, {"Content_Type": "application/octet-stream", **self.state.headers}
        requested = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if requested and self.state.ranges:
            first, last = int(requested[1]), min(int(requested[2] or len(content)), len(content) - 1)
            if first >= len(content):
                self._answer(416, Content_Range=f"bytes */{len(content)}")
                return
            status, total = 206, len(content)
            content = content[first : last + 1]
            headers["Content_Range"] = f"bytes {first}-{last}/{total}"
        if fault.startswith("chunked"):
            self._send_chunks(status, content, headers, cut=fault == "chunked-cut")
            return
        self._head(status, len(content), headers)
        if self.command == "HEAD":
            return
        if fault in ("cut", "reset-within", "hang-within"):
            self._write(content[: len(content) // 2])
            {"cut": self._hang_up, "reset-within": self._reset, "hang-within": self._hang}[fault]()
            return
        self._write(content)

    def _send_chunks(self, status: int, content: bytes, headers: dict[str, str], *, cut: bool) -> None:
        self._head(status, None, headers)
        half = content[: len(content) // 2]
        for piece in (half, content[len(half) :]):
            self.wfile.write(b"%x\r\n" % len(piece))
            if cut and piece is not half:
                self._hang_up()
                return
            self._write(piece)
            self.wfile.write(b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _endless(self, status: int) -> None:
        """An answer that goes on for as long as somebody reads it."""
        self.close_connection = True
        self._head(status, None, {"Content_Type": "application/octet-stream"})
        with suppress(OSError):
            while self.command != "HEAD":
                self.wfile.write(b"%x\r\n%b\r\n" % (PIECE, bytes(PIECE)))
                self.state.sent += PIECE

    def _write(self, content: bytes) -> None:
        for start in range(0, len(content), PIECE):
            self.wfile.write(content[start : start + PIECE])
            self.state.sent += min(PIECE, len(content) - start)

    def _hang(self) -> None:
        self.wfile.flush()
        self.state.released.wait(60)
        self.close_connection = True

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True

    def _reset(self) -> None:
        self.wfile.flush()
        time.sleep(0.05)
        # Lingering for zero seconds makes close() send a reset in place of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    # -- lists ---------------------------------------------------------------------------------------------------

    def _bucket(self, bucket: str) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        bucket = f"{bucket.rstrip('/')}/"
        keys = sorted(name.removeprefix(bucket) for name in self.state.files if name.startswith(bucket))
        if bucket == "/" or not keys:
            self._answer(200, b"<ListAllMyBucketsResult/>", Content_Type="application/xml")
            return
        after = query.get("continuation-token" if self.state.lists == "s3" else "marker", "")
        keys = [key for key in keys if key.startswith(query.get("prefix", "")) and key > after]
        part, more = keys[:PAGE_SIZE], len(keys) > PAGE_SIZE
        token = (
            f"<NextContinuationToken>{part[-1]}</NextContinuationToken>" if more and self.state.lists == "s3" else ""
        )
        items = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.state.files[bucket + key])}</Size></Contents>" for key in part
        )
        text = (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</ListBucketResult>"
        )
        self._answer(200, text.encode(), Content_Type="application/xml")

    # -- answers -------------------------------------------------------------------------------------------------

    def _head(self, status: int, length: int | None, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self._head(status, len(content), headers)
        if self.command != "HEAD":
            self.wfile.write(content)

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True


def _passed_on(source: Any, target: socket.socket) -> bool:
    piece = source.recv(PIECE)
    target.sendall(piece)
    return bool(piece)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


@contextmanager
def running(state: Web, tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """`state`, served while the block runs, by a thread of this process."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
