"""HTTP requests to a public remote, through urllib3: proxies, redirects, retries, and errors of dver's own.

No credentials are sent but a proxy's, to that proxy. Messages never show the query of a URL, which may be a signature.
"""

from __future__ import annotations

import base64
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout, exceptions
from urllib3.exceptions import HTTPError

from dver.core.errors import DverError, RemoteError
from dver.core.traffic import TRAFFIC
from dver.core.version import __version__
from dver.remote.failures import (
    TRANSIENT_STATUSES,
    RefusedError,
    UnreachableError,
    busy,
    disconnected,
    one_line,
    out_of_files,
    parse_http_date,
    stalled,
    untrusted,
)
from dver.remote.retry import Retrier, RetryPolicy
from dver.remote.storage import Meter, reserve

T = TypeVar("T")

CONNECT_SECONDS: Final = 20.0
_PIECE: Final = 2**18
_SMALL: Final = 2**16
"""Bytes of a body that are read only to reuse the connection."""
_IDLE_CONNECTIONS: Final = 64
_REDIRECTS_MAX: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_READABLE: Final = frozenset({200, 206, 404, 410, 416})
_HUNG_UP: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""Errors of TLS that say nothing about the server's certificate."""
_NO_CONNECTION: Final = (exceptions.NewConnectionError, exceptions.ProxyError, exceptions.SSLError)
_REFUSALS: Final[dict[int, tuple[str, str]]] = {
    401: ("it wants a password, and dver reads public addresses only", "use an address that needs none"),
    403: ("the file is not public, or it is missing and the bucket does not allow lists", "check the address"),
    405: ("the server does not support this request", "use another server"),
    407: ("the proxy wants a password", "set it in HTTPS_PROXY: http://user:password@proxy:port"),
}


class HttpClient:
    """Makes requests to the server of `url`, and to servers that it redirects to. Safe to use from many threads."""

    def __init__(self, name: str, url: str, *, timeout: float = 60.0, policy: RetryPolicy | None = None) -> None:
        """`name`: the remote's, for messages; empty for a URL that is none. `timeout`: seconds without a byte after
        which a request is retried."""
        self.skew: float | None = None
        """Seconds by which the server's clock was ahead of ours at the last response, if it has a date."""
        self.name: Final = name
        self.url: Final = url
        self._command: Final = f": `dver remote set {name} url URL`" if name else ""
        self._server: Final = urlsplit(url).netloc
        self._timeout: Final = timeout
        self.retry: Final = Retrier(policy or RetryPolicy())
        self._lock: Final = threading.Lock()
        self._managers: Final[dict[tuple[str, str | None], PoolManager]] = {}

    def call(
        self,
        url: str,
        handle: Callable[[BaseHTTPResponse], T],
        action: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
    ) -> T:
        """Make a request and return `handle(response)`. The status is 200, 206, 404, 410 or 416.

        Raises RefusedError, RemoteError; `action` completes the error's "cannot …".
        """

        def attempt() -> T:
            with TRAFFIC.request(), self.open(url, action, method=method, headers=headers) as response:
                return handle(response)

        return self.retry(attempt)

    @contextmanager
    def open(
        self, url: str, action: str, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> Iterator[BaseHTTPResponse]:
        """Make a request once, and follow redirects. Raises as `call` does; also for errors while the block reads."""
        for _ in range(_REDIRECTS_MAX + 1):
            with self._response(url, action, method, headers or {}) as response:
                TRAFFIC.touch()
                if response.status not in _REDIRECTS:
                    self._check(response, action)
                    yield response
                    return
                location = response.headers.get("Location", "")
            url = self._redirected(url, location, action)
        raise self._bad_redirect(action, "it redirects without end")

    @contextmanager
    def _response(self, url: str, action: str, method: str, headers: dict[str, str]) -> Iterator[BaseHTTPResponse]:
        """Send a request. The connection is reused if the body is read to its end, or is small."""
        try:
            response = self._manager(url).urlopen(
                method,
                url,
                headers={"User-Agent": f"dver/{__version__}"} | headers,
                timeout=Timeout(connect=min(CONNECT_SECONDS, self._timeout), read=self._timeout),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except HTTPError as error:
            raise self._no_response(error, url, action) from error
        try:
            if (server_time := parse_http_date(response.headers.get("Date", ""))) is not None:
                self.skew = server_time - time.time()
            yield response
            if (body_size(response) or 0) <= _SMALL:
                response.read(_SMALL)
        except HTTPError as error:
            raise self._interrupted(error, action) from error
        finally:
            response.close()
            response.release_conn()

    def _manager(self, url: str) -> PoolManager:
        parts = urlsplit(url)
        key = parts.scheme, _proxy_for(parts.scheme, parts.netloc)
        with self._lock:
            if key not in self._managers:
                self._managers[key] = _new_manager(*key)
            return self._managers[key]

    def _redirected(self, url: str, location: str, action: str) -> str:
        """The URL that the server redirects to. Never from https to http."""
        parts = _target_of(url, location)
        if parts is None or (url.startswith("https:") and parts.scheme == "http"):
            raise self._bad_redirect(action, "it redirects to an address that is not safe, or is no URL")
        # Without a user and password: credentials must not come from the server.
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()

    # -- errors --------------------------------------------------------------------------------------------------

    def _check(self, response: BaseHTTPResponse, action: str) -> None:
        """Raise unless `handle` can use the response."""
        status, what = response.status, f"cannot {action} on {self._server}"
        reason = "".join(filter(str.isprintable, response.reason or ""))[:80]
        said = f"{status} {reason}".strip()
        if status in TRANSIENT_STATUSES:
            raise busy(action, self._server, said, retry_after=response.headers.get("Retry-After", ""))
        if status not in _READABLE:
            why, fix = _REFUSALS.get(status, ("the server refused the request", "check the server"))
            raise RefusedError(what, why=f"{why} ({said})", fix=fix, code=str(status))
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity") and status < 300:
            raise RemoteError(
                what,
                why=f"the server compresses its responses ({encoding[:20]}) although dver asks it not to",
                fix="disable compression for this directory on the server; dver's files are compressed already",
            )

    def _bad_redirect(self, action: str, why: str) -> RemoteError:
        return RemoteError(
            f"cannot {action} on {self._server}",
            why=why,
            fix=f"correct the address{self._command}",
        )

    def _no_response(self, error: HTTPError, url: str, action: str) -> DverError:
        """The error for a request without a response. Often there was no connection, to the server or the proxy."""
        parts = urlsplit(url)
        if isinstance(error, exceptions.ProxyError):
            parts = urlsplit(_proxy_for(parts.scheme, parts.netloc) or url)
        cause = _cause_of(error)
        if (local := out_of_files(action, self._server, cause)) is not None:
            return local
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _HUNG_UP):
            return untrusted(parts.hostname or "", _text_of(cause), variable="SSL_CERT_FILE")
        why = _text_of(cause)
        if isinstance(cause, _HUNG_UP):
            why = "it hung up during the TLS handshake"
        elif isinstance(cause, socket.gaierror | exceptions.LocationParseError):
            why = f"there is no server of the name {parts.hostname!r}"
        elif isinstance(cause, exceptions.ConnectTimeoutError):
            why = "it does not respond"
        elif not isinstance(error, _NO_CONNECTION) and "Tunnel" not in why:
            return self._interrupted(error, action)
        return UnreachableError(
            f"cannot reach {parts.netloc.rpartition('@')[2]}",
            why=why,
            fix=f"check the network, proxies and the address{self._command}",
        )

    def _interrupted(self, error: HTTPError, action: str) -> RemoteError:
        """The error for a connection that was lost."""
        if isinstance(error, exceptions.TimeoutError):
            return stalled(action, self._server, self._timeout)
        return disconnected(action, self._server, _text_of(_cause_of(error)))


def body_size(response: BaseHTTPResponse) -> int | None:
    """The size of the body in bytes, if the server sends it."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def read_body(response: BaseHTTPResponse, size: int, *, skip: int = 0, meter: Meter | None = None) -> bytes:
    """Read up to `size` bytes of the body after the first `skip`; fewer if the body is shorter."""
    buffer = io.BytesIO()
    reserve(buffer, min(size, (body_size(response) or 0) - skip))
    while buffer.tell() < size and (piece := response.read1(_PIECE)):
        TRAFFIC.touch()
        buffer.write(piece[skip:][: size - buffer.tell()])
        skip = max(0, skip - len(piece))
        if meter is not None:
            meter.at(buffer.tell())
    buffer.truncate()
    return buffer.getvalue()


def _new_manager(scheme: str, proxy: str | None) -> PoolManager:
    tls = ssl.create_default_context() if scheme == "https" else None
    if proxy is None:
        return PoolManager(maxsize=_IDLE_CONNECTIONS, ssl_context=tls)
    parts = urlsplit(proxy)
    password = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
    headers = {"Proxy-Authorization": f"Basic {base64.b64encode(password).decode()}"} if parts.username else {}
    return ProxyManager(proxy, maxsize=_IDLE_CONNECTIONS, proxy_headers=headers, ssl_context=tls)


def _proxy_for(scheme: str, server: str) -> str | None:
    """The URL of the proxy for `server` from the environment."""
    proxies = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or proxy_bypass(server):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme != "http" or not urlsplit(proxy).hostname:
        raise RemoteError(
            f"cannot use the proxy for {server}",
            why="dver supports http:// proxies only",
            fix=f"correct {scheme.upper()}_PROXY, or add {server} to NO_PROXY",
        )
    return proxy


def _target_of(url: str, location: str) -> SplitResult | None:
    """The URL that a redirect from `url` to `location` leads to; None if it is not one of a web server."""
    try:
        parts = urlsplit(urljoin(url, location))
        usable = location and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _cause_of(error: BaseException) -> BaseException:
    """The error of the socket or of TLS that urllib3 wrapped in `error`."""
    inner = error.__cause__ or (error.args[-1] if error.args else None)
    return _cause_of(inner) if isinstance(error, HTTPError) and isinstance(inner, BaseException) else error


def _text_of(cause: BaseException) -> str:
    if isinstance(cause, http.client.IncompleteRead):
        return "the response ended too early"
    return (cause.strerror if isinstance(cause, OSError) and cause.strerror else one_line(cause))[:200]
