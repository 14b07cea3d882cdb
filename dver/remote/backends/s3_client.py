"""Requests to an S3 server: session, detection of stalled requests, retries.

The session is s3fs's; requests go to its aiobotocore client, on fsspec's event loop, from any thread. botocore's own
retries are off, since `dver.remote.retry` does them.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from dver.core.traffic import TRAFFIC
from dver.remote.backends import s3_errors
from dver.remote.failures import stalled
from dver.remote.retry import Retrier, RetryPolicy
from dver.remote.storage import Meter

if TYPE_CHECKING:
    from concurrent.futures import Future

    from s3fs import S3FileSystem

    from dver.remote.settings import RemoteSettings

T = TypeVar("T")

CONNECT_SECONDS: Final = 20.0
_POOL: Final = 64


class Pulse:
    """The time of a request's last byte. The event loop writes it; the thread that waits for the response reads it."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        self._last = time.monotonic()
        TRAFFIC.touch()

    def silence(self) -> float:
        """Seconds since the last byte."""
        return time.monotonic() - self._last


class UploadStream(io.RawIOBase):
    """The body of a request; reports each piece that is read to a pulse and a meter.

    Not a BytesIO, whose buffer aiohttp copies. Each try has its own stream, so that an abandoned one cannot move its
    position.
    """

    def __init__(self, content: bytes | bytearray | memoryview, pulse: Pulse, meter: Meter) -> None:
        self._view = memoryview(content)
        self._position = 0
        self._pulse = pulse
        self._meter = meter
        meter.at(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        self._pulse.beat()
        end = len(self._view) if size is None or size < 0 else self._position + size
        piece = bytes(self._view[self._position : end])
        self._position += len(piece)
        self._meter.at(self._position)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._view)}[whence]
        self._position = max(0, start + offset)
        self._meter.at(self._position)  # back to the start where it was read only to be signed
        return self._position

    def tell(self) -> int:
        return self._position

    def __len__(self) -> int:
        return len(self._view)


S3Call = Callable[[Any, Pulse], Coroutine[Any, Any, T]]
"""A request: a coroutine function of the aiobotocore client and a pulse, which it beats with each byte."""


class S3Request(Generic[T]):
    """A running request. `result` waits for it, and retries it after a transient failure."""

    def __init__(self, client: S3Client, work: S3Call[T], action: str) -> None:
        self._client: Final = client
        self._work: Final = work
        self._action: Final = action
        self._future: Future[T] | None = None
        self._pulse = Pulse()
        self._start()

    def result(self) -> T:
        try:
            return self._client.retry(self._attempt)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Stop the request if it still runs, as after an interrupt."""
        if self._future is not None:
            self._future.cancel()

    def _start(self) -> None:
        self._pulse = Pulse()
        self._future = self._client.submit(self._work, self._pulse)

    def _attempt(self) -> T:
        if self._future is None:
            self._start()
        assert self._future is not None
        try:
            with TRAFFIC.request():
                self._watch(self._future)
            return self._future.result(timeout=0)
        except s3_errors.request_errors() as error:
            raise s3_errors.translate(error, self._client.address, self._action) from error
        finally:
            self._future.cancel()
            self._future = None

    def _watch(self, future: Future[T]) -> None:
        """Wait until `future` is done. Raises TransientError after `stall_seconds` without a byte."""
        from concurrent.futures import wait

        limit = self._client.stall_seconds
        while not wait([future], timeout=max(0.0, limit - self._pulse.silence())).done:
            if self._pulse.silence() >= limit:
                raise stalled(self._action, self._client.address.server, limit)


class S3Client:
    """Makes requests with the credentials and endpoint of `settings`. Connects at the first request."""

    def __init__(
        self,
        settings: RemoteSettings,
        address: s3_errors.S3Address,
        *,
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        """`timeout`: seconds without a byte after which a request is retried."""
        self.address: Final = address
        # aiohttp's read time-out starts after the last byte is sent. This one is a little longer, and covers both.
        self.stall_seconds: Final = timeout * 1.25
        self.retry: Final = Retrier(policy or RetryPolicy())
        self._settings: Final = settings
        self._timeout: Final = timeout
        self._lock: Final = threading.Lock()
        self._session: S3FileSystem | None = None

    def call(self, work: S3Call[T], action: str) -> T:
        """Make a request and return its result. Raises RemoteError; `action` completes its "cannot …"."""
        return self.begin(work, action).result()

    def begin(self, work: S3Call[T], action: str) -> S3Request[T]:
        """Start a request and return at once."""
        return S3Request(self, work, action)

    def submit(self, work: S3Call[T], pulse: Pulse) -> Future[T]:
        """Start one try of a request on the event loop."""
        import asyncio

        with self._lock:
            if self._session is None:
                self._session = self._connect()
            session = self._session

        async def run() -> T:
            client = await session.set_session()
            pulse.beat()  # opening the session takes a while
            return await work(client, pulse)

        return asyncio.run_coroutine_threadsafe(run(), session.loop)

    def _connect(self) -> S3FileSystem:
        from s3fs import S3FileSystem

        settings = self._settings
        options: dict[str, Any] = {"profile": settings.profile} if settings.profile else {}
        return S3FileSystem(
            anon=settings.anonymous,
            key=settings.access_key_id,
            secret=settings.secret_access_key,
            token=settings.session_token,
            endpoint_url=settings.endpoint_url,
            client_kwargs={"region_name": settings.region} if settings.region else {},
            config_kwargs=self._config(),
            use_listings_cache=False,
            skip_instance_cache=True,
            **options,
        )

    def _config(self) -> dict[str, Any]:
        return {
            "connect_timeout": min(CONNECT_SECONDS, self._timeout),
            "read_timeout": self._timeout,
            "max_pool_connections": _POOL,
            "retries": {"total_max_attempts": 1, "mode": "standard"},
            "s3": {"addressing_style": self._settings.addressing_style},
            # Many servers other than Amazon's refuse the newer trailing checksums; packs have their own.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
