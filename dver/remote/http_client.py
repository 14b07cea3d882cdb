"""Requests to a web server: connections that are kept, proxies, redirects, retries, and what failures mean.

`http.client` and no more, so that reading a public remote needs nothing installed. A connection on which no byte moves
for the time allowed fails by the socket's own time-out. There are no credentials to leak: none are ever sent but a
proxy's, to that proxy. Queries of addresses, which may be signatures, are in no message.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from dver import __version__
from dver.core.errors import DverError, LocalIOError, RemoteError
from dver.core.fsutil import explain
from dver.core.traffic import TRAFFIC
from dver.remote.http_proxy import Target, proxy_headers, target_of
from dver.remote.retry import OUT_OF_FILES, Policy, Retrier, TransientError, UnreachableError, asked_pause, http_date
from dver.remote.storage import Meter, reserve

T = TypeVar("T")

CONNECT_SECONDS: Final = 20.0
_PIECE: Final = 2**18
WHOLE_MAX: Final = 2**26
"""Bytes of a body that is read without saying how much of it is wanted."""
_SMALL: Final = 2**16
"""Bytes that are read for nothing rather than connecting again."""
_REDIRECTS: Final = 5
_REDIRECT_STATUS: Final = frozenset({301, 302, 303, 307, 308})
_PASSING_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpError(RemoteError):
    """The server refused; `status` is HTTP's number for it."""

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = None, status: int) -> None:
        super().__init__(what, why=why, fix=fix)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, good or a plain "no" (404, 410, 416); its body is still to be read."""

    status: int
    url: str
    """Where it came from in the end."""
    _response: http.client.HTTPResponse

    def header(self, name: str) -> str:
        """A header's value, "" if there is none."""
        return self._response.headers.get(name, "").strip()

    @property
    def reason(self) -> str:
        """The server's words for the status."""
        return "".join(filter(str.isprintable, self._response.reason or ""))[:80]

    @property
    def length(self) -> int | None:
        """Bytes of the body, if the server says it."""
        text = self.header("Content-Length")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def is_page(self) -> bool:
        """Is it a web page?"""
        return self.header("Content-Type").partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml")

    def read(self, size: int | None = None, *, meter: Meter | None = None, skip: int = 0) -> bytes:
        """Up to `size` bytes of the body after the first `skip`. Shorter where the body ends, or is broken off."""
        buffer = io.BytesIO()
        if size is None or self.length is not None:
            reserve(buffer, min(size or 2**60, max(0, (self.length or 0) - skip)))
        while (size is None or buffer.tell() < size) and (piece := self._response.read1(_PIECE)):
            piece, skip = piece[skip:], max(0, skip - len(piece))
            TRAFFIC.moved()
            buffer.write(piece if size is None else piece[: size - buffer.tell()])
            if meter is not None:
                meter.at(buffer.tell())
        buffer.truncate()
        return buffer.getvalue()


class Client:
    """Makes requests to the server of `url`, and to where that one sends us. Connects at the first one."""

    def __init__(self, name: str, url: str, *, timeout: float = 60.0, policy: Policy | None = None) -> None:
        """`name`: the remote's, for messages. `timeout`: seconds without a byte after which a request is made again."""
        self.skew: float | None = None
        """Seconds by which the server's clock was ahead of ours at the last answer, if it told."""
        self._name: Final = name
        self._server: Final = urlsplit(url).netloc
        self._timeout: Final = timeout
        self._retry: Final = Retrier(policy or Policy())
        self._lock: Final = threading.Lock()
        self._idle: dict[Target, list[http.client.HTTPConnection]] = {}
        self._tls: ssl.SSLContext | None = None

    def call(
        self,
        url: str,
        take: Callable[[Answer], T],
        action: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
    ) -> T:
        """What `take` makes of the answer. Raises HttpError, RemoteError; `action` completes its "cannot …"."""
        return self._retry(lambda: self._attempt(url, take, action, method, headers or {}))

    def _attempt(self, url: str, take: Callable[[Answer], T], action: str, method: str, headers: dict[str, str]) -> T:
        for _ in range(_REDIRECTS + 1):
            with TRAFFIC.request(), self._explained(action), self._request(url, method, headers) as answer:
                TRAFFIC.moved()
                if answer.status not in _REDIRECT_STATUS:
                    self._check(answer, action)
                    return take(answer)
                location = answer.header("Location")
            url = self._redirected(url, location, action)
        raise RemoteError(
            f"cannot {action} on {self._server}",
            why="it sends us from one address to the next without end",
            fix=f"correct the address: `dver remote set {self._name} url URL`",
        )

    # -- connections ---------------------------------------------------------------------------------------------

    @contextmanager
    def _request(self, url: str, method: str, headers: dict[str, str]) -> Iterator[Answer]:
        """Send a request. The connection is kept for the next one if the body was read to its end."""
        parts = urlsplit(url)
        target = target_of(parts)
        connection, response = self._response(target, parts, method, headers)
        kept = False
        try:
            self._note_clock(response)
            answer = Answer(response.status, url, response)
            yield answer
            kept = _is_read(response, 0 if method == "HEAD" else answer.length or 0) and not response.will_close
        finally:
            response.close()
            if kept:
                with self._lock:
                    self._idle.setdefault(target, []).append(connection)
            else:
                connection.close()

    def _response(
        self, target: Target, parts: SplitResult, method: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A kept connection may have been closed by the server meanwhile; a new one is used then, at once."""
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        all_headers = {"User-Agent": f"dver/{__version__}", "Accept-Encoding": "identity", **headers}
        if target.proxy is not None and target.scheme == "http":
            path = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))
            all_headers |= proxy_headers(target.proxy)
        while True:
            with self._lock:
                kept = self._idle.get(target)
                connection = kept.pop() if kept else None
            fresh = connection is None
            connection = connection or self._connect(target)
            try:
                connection.request(method, path, headers=all_headers)
                return connection, connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine):
                connection.close()
                if fresh:
                    raise
            except BaseException:
                connection.close()
                raise

    def _connect(self, target: Target) -> http.client.HTTPConnection:
        host, port = target.host, target.port
        if target.proxy is not None:
            proxy = urlsplit(target.proxy)
            host, port = proxy.hostname or "", proxy.port or 80
        seconds = min(CONNECT_SECONDS, self._timeout)
        if target.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=seconds, context=self._context()
            )
            if target.proxy is not None:
                connection.set_tunnel(target.host, target.port or 443, headers=proxy_headers(target.proxy))
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        try:
            connection.connect()
        except BaseException as error:
            connection.close()
            if isinstance(error, ssl.SSLError) and not isinstance(error, _HUNG_UP):
                raise self._untrusted(target, error) from error
            if isinstance(error, UnicodeError):  # names of hosts have rules of their own
                raise self._unreachable(host, socket.gaierror()) from error
            if isinstance(error, OSError) and error.errno not in OUT_OF_FILES:
                raise self._unreachable(host, error) from error
            raise
        connection.sock.settimeout(self._timeout)
        return connection

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context()
            return self._tls

    def _note_clock(self, response: http.client.HTTPResponse) -> None:
        if (there := http_date(response.headers.get("Date", ""))) is not None:
            self.skew = there - time.time()

    # -- answers -------------------------------------------------------------------------------------------------

    def _redirected(self, url: str, location: str, action: str) -> str:
        """Where the server sends us. Never from a safe connection to an open one."""
        there = _address(url, location)
        if there is None or (urlsplit(url).scheme == "https" and there.scheme == "http"):
            raise RemoteError(
                f"cannot {action} on {self._server}",
                why="it sends us to an address that is not safe, or is none",
                fix=f"correct the address: `dver remote set {self._name} url URL`",
            )
        # Without a user and a password that may be in it: they would be somebody else's idea.
        return urlunsplit(
            (
                there.scheme,
                there.netloc.rpartition("@")[2],
                quote(there.path, safe="/%:@!$&'()*+,;=~-._"),
                there.query,
                "",
            )
        )

    def _check(self, answer: Answer, action: str) -> None:
        """Raise unless the answer is one that `take` can read."""
        status = answer.status
        if status in _PASSING_STATUS:
            busy = TransientError(
                f"cannot {action} on {self._server}",
                why=f"the server is busy or out of order: {self._said(answer)}",
                fix="wait a little, then run the same command again",
            )
            busy.retry_after = asked_pause(answer.header("Retry-After"))
            raise busy
        if status not in (200, 206, 404, 410, 416):
            why, fix = _REFUSALS.get(status, ("the server refused: {said}", "see what the server says above"))
            raise HttpError(
                f"cannot {action} on {self._server}", why=why.format(said=self._said(answer)), fix=fix, status=status
            )
        if (encoding := answer.header("Content-Encoding").lower()) not in ("", "identity") and status < 300:
            raise RemoteError(
                f"cannot {action} on {self._server}",
                why=f"the server compresses what it sends ({encoding[:20]}), though it was asked not to",
                fix="switch that off for this folder: what dver stores is compressed already where that pays",
            )

    def _said(self, answer: Answer) -> str:
        return f"{answer.status} {answer.reason}".strip()

    # -- failures ------------------------------------------------------------------------------------------------

    @contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        """Turn what sockets and `http.client` raise into errors of ours."""
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise self._translated(error, action) from error

    def _translated(self, error: OSError | http.client.HTTPException, action: str) -> DverError:
        if isinstance(error, OSError) and error.errno in OUT_OF_FILES:
            reason = explain(error)
            return LocalIOError(f"cannot {action} on {self._server}", why=reason.why, fix=reason.fix)
        if isinstance(error, TimeoutError):
            return TransientError(
                f"cannot {action}: {self._server} went silent",
                why=f"not one byte moved in {self._timeout:g} seconds",
                fix="check the network, then run the same command again: what has come is not fetched again",
            )
        return TransientError(
            f"the connection to {self._server} broke off",
            why=f"{_reason_of(error)}, while trying to {action}",
            fix="check the network, then run the same command again: what has come is not fetched again",
        )

    def _unreachable(self, host: str, error: OSError) -> RemoteError:
        why = f"there is no server of the name {host!r}" if isinstance(error, socket.gaierror) else _reason_of(error)
        if isinstance(error, TimeoutError):
            why = "it does not answer"
        if isinstance(error, _HUNG_UP):
            why = "it hung up while a secure connection was being made"
        return UnreachableError(
            f"cannot reach {host if host != urlsplit('//' + self._server).hostname else self._server}",
            why=why,
            fix=f"check the network, proxies and the address: `dver remote set {self._name} url URL`",
        )

    def _untrusted(self, target: Target, error: ssl.SSLError) -> RemoteError:
        return RemoteError(
            f"no trusted connection to {target.host}",
            why=_reason_of(error),
            fix="check the address; for a certificate of your own, set SSL_CERT_FILE to its file",
        )


def _is_read(response: http.client.HTTPResponse, length: int) -> bool:
    """Read what is left of a body of `length` bytes, if that is little; was this all? A body may have no end."""
    if length <= _SMALL and response.read(_SMALL):
        response.read(1)  # only this finds the end of a body in chunks
    return response.isclosed()


_HUNG_UP: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""Errors of TLS that say nothing about whom we talk to."""
_REFUSALS: Final[dict[int, tuple[str, str]]] = {
    401: ("it wants a password, and dver reads public addresses only ({said})", "use an address that needs none"),
    403: ("it is not public, or it is missing where nobody may list ({said})", "check the address, and what is public"),
    405: ("the server does not offer this request ({said})", "use another server for it"),
    407: ("the proxy wants a password ({said})", "set it in HTTPS_PROXY: http://user:password@proxy:port"),
}


def _address(base: str, location: str) -> SplitResult | None:
    """Where `location` leads from `base`; None if it is no address of the web."""
    try:
        parts = urlsplit(urljoin(base, location))
        usable = location and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _reason_of(error: BaseException) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return "the answer ended too early"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
