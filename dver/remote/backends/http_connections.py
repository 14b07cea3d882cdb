"""Connections to web servers, through urllib3: proxies, TLS, time-outs, and errors of dver's own.

No credentials are sent but a proxy's, to that proxy, and the headers of the caller. Messages never show the query of a
URL, which may be a signature.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout, exceptions
from urllib3.exceptions import HTTPError

from dver.core.errors import DverError, RemoteError
from dver.core.version import __version__
from dver.remote.failures import (
    UnreachableError,
    disconnected,
    one_line,
    out_of_files,
    parse_http_date,
    stalled,
    untrusted,
)

CONNECT_SECONDS: Final = 20.0
_SMALL: Final = 2**16
"""Bytes of a body that are read only to reuse the connection."""
_IDLE_CONNECTIONS: Final = 64
_HUNG_UP: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""Errors of TLS that say nothing about the server's certificate."""
_NO_CONNECTION: Final = (exceptions.NewConnectionError, exceptions.ProxyError, exceptions.SSLError)


class HttpConnections:
    """Sends single requests to web servers, without redirects and retries. Safe to use from many threads."""

    def __init__(self, server: str, *, timeout: float, hint: str = "") -> None:
        """`server`: for messages. `timeout`: seconds without a byte after which a request fails. `hint` completes the
        fix of an unreachable server."""
        self.skew: float | None = None
        """Seconds by which the server's clock was ahead of ours at the last response, if it has a date."""
        self._server: Final = server
        self._timeout: Final = timeout
        self._hint: Final = hint
        self._lock: Final = threading.Lock()
        self._managers: Final[dict[tuple[str, str | None], PoolManager]] = {}

    @contextmanager
    def send(
        self, url: str, action: str, *, method: str, headers: dict[str, str], body: bytes | None = None
    ) -> Iterator[BaseHTTPResponse]:
        """Send a request once. The connection is reused if the response is read to its end, or is small.

        Raises TransientError, RemoteError, LocalIOError; also for errors while the block reads.
        """
        try:
            response = self._manager(url).urlopen(
                method,
                url,
                body=body,
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

    # -- errors --------------------------------------------------------------------------------------------------

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
            fix=f"check the network, proxies and the address{self._hint}",
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


def _cause_of(error: BaseException) -> BaseException:
    """The error of the socket or of TLS that urllib3 wrapped in `error`."""
    inner = error.__cause__ or (error.args[-1] if error.args else None)
    return _cause_of(inner) if isinstance(error, HTTPError) and isinstance(inner, BaseException) else error


def _text_of(cause: BaseException) -> str:
    if isinstance(cause, http.client.IncompleteRead):
        return "the response ended too early"
    return (cause.strerror if isinstance(cause, OSError) and cause.strerror else one_line(cause))[:200]
