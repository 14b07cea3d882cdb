"""HTTP requests to a public remote: redirects, retries, and errors of dver's own.

No credentials are sent but a proxy's, to that proxy. Messages never show the query of a URL, which may be a signature.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

from dver.core.errors import RemoteError
from dver.core.traffic import TRAFFIC
from dver.remote.backends.http_connections import HttpConnections, body_size
from dver.remote.failures import TRANSIENT_STATUSES, RefusedError, busy
from dver.remote.retry import Retrier, RetryPolicy
from dver.remote.storage import Meter, reserve

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")

_PIECE: Final = 2**18
_REDIRECTS_MAX: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_READABLE: Final = frozenset({200, 206, 404, 410, 416})
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
        self.name: Final = name
        self.url: Final = url
        self._command: Final = f": `dver remote set {name} url URL`" if name else ""
        self._server: Final = urlsplit(url).netloc
        self._connections: Final = HttpConnections(self._server, timeout=timeout, hint=self._command)
        self.retry: Final = Retrier(policy or RetryPolicy())

    @property
    def skew(self) -> float | None:
        """Seconds by which the server's clock was ahead of ours at the last response, if it has a date."""
        return self._connections.skew

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
            with self._connections.send(url, action, method=method, headers=headers or {}) as response:
                TRAFFIC.touch()
                if response.status not in _REDIRECTS:
                    self._check(response, action)
                    yield response
                    return
                location = response.headers.get("Location", "")
            url = self._redirected(url, location, action)
        raise self._bad_redirect(action, "it redirects without end")

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


def _target_of(url: str, location: str) -> SplitResult | None:
    """The URL that a redirect from `url` to `location` leads to; None if it is not one of a web server."""
    try:
        parts = urlsplit(urljoin(url, location))
        usable = location and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None
