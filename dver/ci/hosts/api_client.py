"""Requests to the REST API of a host. The token goes to one origin, and never into a message."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

from dver.core.errors import DverError, RemoteError
from dver.core.phrasing import quoted
from dver.core.traffic import TRAFFIC
from dver.remote.failures import TRANSIENT_STATUSES, TransientError, busy, parse_http_date, parse_retry_after
from dver.remote.retry import RetryPolicy

_TIMEOUT: Final = 60.0
_SIZE_MAX: Final = 64 * 2**20
_PAGE: Final = 100
_PAGES_MAX: Final = 200
_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_REDIRECTS_MAX: Final = 3
_SAID_MAX: Final = 200
_PATIENCE: Final = RetryPolicy().patience
_SECONDARY_LIMIT: Final = 60.0
"""Seconds to wait for a rate limit of GitHub that names no time."""


@dataclass(frozen=True, slots=True)
class ApiRefusal:
    """A response with an error status that no retry gets rid of."""

    action: str
    status: int
    said: str
    """The server's own message, in one line."""
    headers: Mapping[str, str]


class RefusalExplainer(Protocol):
    """Makes the error for a refusal."""

    def __call__(self, refusal: ApiRefusal, /) -> DverError: ...


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response with status 2xx. `data` is its JSON, None without a body."""

    data: Any
    headers: Mapping[str, str] = field(repr=False)


class ApiClient:
    """Sends single requests to the API at `base`. Its callers retry, for only they know what may be sent twice."""

    def __init__(
        self,
        base: str,
        credentials: Mapping[str, str],
        explain: RefusalExplainer,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`credentials`: the headers with the token. `explain` makes errors of refusals. `headers`: further ones."""
        from dver.remote.backends.http_connections import HttpConnections  # slow: urllib3

        self._base: Final = base
        self._headers: Final = {"Accept": "application/json", **(headers or {}), **credentials}
        self._secrets: Final = [value.rpartition(" ")[2] for value in credentials.values()]
        self._explain: Final = explain
        self.server: Final = urlsplit(base).netloc
        self._connections: Final = HttpConnections(self.server, timeout=_TIMEOUT)

    def get(self, path: str, action: str, **query: str | int) -> Any:
        """The JSON at `path`. `action` completes the error's "cannot …".

        Raises TransientError, and for refusals the error of `explain`; as all methods do.
        """
        return self.send("GET", _with_query(path, query), action).data

    def pages(self, path: str, action: str, **query: str | int) -> Iterator[Any]:
        """The items of all pages of the list at `path`."""
        for page in range(1, _PAGES_MAX + 1):
            response = self.send("GET", _with_query(path, {**query, "per_page": _PAGE, "page": page}), action)
            if not isinstance(response.data, list):
                raise self.not_an_api(action)
            yield from response.data
            # The link itself is not followed: it may name another host, and the token must not go there.
            if 'rel="next"' not in response.headers.get("Link", ""):
                return

    def send(
        self, method: str, path: str, action: str, *, body: Any = None, raw: tuple[str, bytes] | None = None
    ) -> ApiResponse:
        """Send a request once: with the JSON `body`, or with the content type and bytes `raw`."""
        headers = dict(self._headers)
        content = None
        if raw is not None:
            headers["Content-Type"], content = raw
        elif body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        url = self._base + path
        for _ in range(_REDIRECTS_MAX + 1):
            with (
                TRAFFIC.request(),
                self._connections.send(url, action, method=method, headers=headers, body=content) as response,
            ):
                TRAFFIC.touch()
                if response.status not in _REDIRECTS:
                    answered = dict(response.headers.items())
                    return self._answer(response.status, answered, response.read(_SIZE_MAX), action)
                url = self._redirected(url, response.headers.get("Location", ""), action)
        raise self._bad_redirect(action, "it redirects without end")

    def _answer(self, status: int, headers: dict[str, str], content: bytes, action: str) -> ApiResponse:
        headers = _CaseInsensitive(headers)
        try:
            data = json.loads(content) if content.strip() else None
        except (ValueError, RecursionError) as error:
            if 200 <= status < 300:
                raise self.not_an_api(action) from error
            data = None
        if 200 <= status < 300:
            return ApiResponse(data, headers)
        said = self.said(data, status)
        if (pause := _limit(status, headers, said)) is not None:
            raise self._limited(action, said, pause)
        if status in TRANSIENT_STATUSES:
            raise busy(action, self.server, said, retry_after=headers.get("Retry-After", ""))
        raise self._explain(ApiRefusal(action, status, said, headers))

    def said(self, data: Any, status: int) -> str:
        """The message in the JSON `data` of the server, in one line, without the token."""
        text = " ".join("; ".join(_messages(data)).split())
        text = text if text.startswith(str(status)) else f"{status} {text}".strip()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = "".join(filter(str.isprintable, text))
        return text if len(text) <= _SAID_MAX else f"{text[:_SAID_MAX]}…"

    # -- redirects ---------------------------------------------------------------------------------------------------

    def _redirected(self, url: str, location: str, action: str) -> str:
        """The URL of a redirect within the origin of `url`, as for a renamed repository."""
        try:
            target = urlsplit(urljoin(url, location))
        except ValueError:
            target = None
        if not location or target is None or (target.scheme, target.netloc) != urlsplit(url)[:2]:
            raise self._bad_redirect(action, "it redirects to another address, and the token must not go there")
        return target._replace(fragment="").geturl()

    def _bad_redirect(self, action: str, why: str) -> RemoteError:
        return RemoteError(f"cannot {action} on {self.server}", why=why, fix="check the API's URL in the environment")

    # -- errors ------------------------------------------------------------------------------------------------------

    def _limited(self, action: str, said: str, pause: float) -> RemoteError:
        """The error for a rate limit. Short waits are a matter of retries."""
        what, why = f"cannot {action} on {self.server}", f"the rate limit is reached: {said}"
        if pause <= _PATIENCE:
            error = TransientError(what, why=why, fix="wait a minute, then run the same command again")
            error.retry_after = pause
            return error
        until = time.strftime("%H:%M UTC", time.gmtime(time.time() + pause))
        return RemoteError(what, why=why, fix=f"run the same command again after {until}")

    def not_an_api(self, action: str) -> RemoteError:
        """The error for a response that the API of the host would not send."""
        return RemoteError(
            f"cannot {action} on {self.server}",
            why="the response is not one of the host's API",
            fix=f"check the API's URL in the environment: {quoted(self._base)}",
        )


class _CaseInsensitive(dict[str, str]):
    """Headers, whose names have no case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        return super().get(key.lower(), default)


def _with_query(path: str, query: Mapping[str, str | int]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _messages(data: Any) -> Iterator[str]:
    """The messages in an error of GitHub or GitLab, which have several forms."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list):
        for one in data:
            yield from _messages(one)
    elif isinstance(data, dict):
        for key in ("message", "error", "error_description", "errors", "note", "base", "file"):
            yield from _messages(data.get(key))


def _limit(status: int, headers: Mapping[str, str], said: str) -> float | None:
    """The seconds to wait if a response reports a rate limit; None for any other."""
    if status not in (403, 429):
        return None
    if after := headers.get("Retry-After", ""):
        return parse_retry_after(after)
    for prefix in ("X-RateLimit", "RateLimit"):  # GitHub's, and GitLab's
        if headers.get(f"{prefix}-Remaining", "") == "0" and (when := headers.get(f"{prefix}-Reset", "")).isdigit():
            now = parse_http_date(headers.get("Date", "")) or time.time()  # the reset is by the server's clock
            return max(0.0, float(when[:12]) - now)
    return _SECONDARY_LIMIT if status == 429 or "rate limit" in said.lower() else None
