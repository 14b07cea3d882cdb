"""A TCP proxy on loopback that counts the HTTP requests which pass, and the bytes of both directions."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_HEAD = re.compile(rb"(?:^|\n|\r)(GET|PUT|POST|HEAD|DELETE) \S+ HTTP/1\.1\r\n")
_PIECE = 1 << 16


@dataclass(slots=True)
class Counted:
    """What has passed. A request is counted by its first line, so one that is cut in two by the network is missed."""

    requests: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    received: int = 0

    @property
    def told(self) -> str:
        """The requests by method."""
        return ", ".join(f"{count} {method}" for method, count in sorted(self.requests.items()))

    def clear(self) -> None:
        """Begin again at zero."""
        self.requests.clear()
        self.sent = self.received = 0

    def take(self, piece: bytes, *, up: bool) -> None:
        """Count what passes."""
        if not up:
            self.received += len(piece)
            return
        self.sent += len(piece)
        for method in _HEAD.findall(piece):
            name = method.decode()
            self.requests[name] = self.requests.get(name, 0) + 1


@contextmanager
def counting(url: str) -> Iterator[tuple[str, Counted]]:
    """While the block runs: an address that leads to `url`, and what passed through it."""
    counted = Counted()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_serve(url, counted), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", counted
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _serve(url: str, counted: Counted) -> asyncio.Server:
    there = urlsplit(url)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_reader, its_writer = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(_pump(reader, its_writer, counted, up=True), _pump(its_reader, writer, counted, up=False))

    return await asyncio.start_server(connect, "127.0.0.1", 0)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: Counted, *, up: bool) -> None:
    try:
        while piece := await reader.read(_PIECE):
            counted.take(piece, up=up)
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
