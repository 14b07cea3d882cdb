"""A real Git server on loopback, `git http-backend` behind Python's web server. Importable from every test."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class GitServer:
    """A running server of the repositories below `root`. `seen` are the requests, `sent` and `received` bytes."""

    root: Path
    url: str = ""
    password: str | None = None
    """Required from the user `reader`, if set."""
    writers: tuple[str, ...] = ()
    """Logins as USER:PASSWORD. If a password is set, only they may push."""
    protocol: bool = True
    """Whether the server knows Git's protocol version 2."""
    seen: list[str] = field(default_factory=list)
    sent: int = 0
    received: int = 0

    def fetches(self) -> int:
        """How often objects were requested."""
        return sum(one.startswith("POST") for one in self.seen)


@contextmanager
def git_server(root: Path, *, password: str | None = None, writers: tuple[str, ...] = ()) -> Iterator[GitServer]:
    """Serve the repositories below `root` while the block runs."""
    state = GitServer(root, password=password, writers=writers)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def allow_filters(repository: Path) -> None:
    """Let clients of `repository` fetch commits without files, as the servers of GitHub and GitLab do."""
    subprocess.run(["git", "-C", repository, "config", "uploadpack.allowFilter", "true"], check=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: GitServer

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _serve(self, body: bytes) -> None:
        state = self.state
        state.seen.append(f"{self.command} {self.path}")
        state.received += len(body)
        if state.password is not None and not self._is_allowed(f"reader:{state.password}", *state.writers):
            self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
            return
        if state.password is not None and "git-receive-pack" in self.path and not self._is_allowed(*state.writers):
            self._answer(403, [], b"")
            return
        done = subprocess.run(
            ["git", "http-backend"], env=self._environment(len(body)), input=body, capture_output=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n"))]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self._answer(status, [one for one in headers if one[0] != "Status"], content)

    def _is_allowed(self, *logins: str) -> bool:
        expected = [f"Basic {base64.b64encode(login.encode()).decode()}" for login in logins]
        return self.headers.get("Authorization") in expected

    def _environment(self, length: int) -> dict[str, str]:
        parts = urlsplit(self.path)
        given = {
            "GIT_PROJECT_ROOT": os.fspath(self.state.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", "") if self.state.protocol else "",
        }
        return {**os.environ, **given}

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.state.sent += len(content)
