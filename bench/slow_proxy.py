"""A TCP proxy on loopback as slow as a network: latency, and so many bytes a second, a connection and in all."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

PIECE = 1 << 16


class Rate:
    """So many bytes a second; 0 for no limit."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.free_at = 0.0

    async def wait_for(self, size: int) -> None:
        """Wait until `size` more bytes may pass."""
        if not self.per_second:
            return
        now = asyncio.get_running_loop().time()
        self.free_at = max(self.free_at, now) + size / self.per_second
        if self.free_at > now:
            await asyncio.sleep(self.free_at - now)


async def pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, rates: tuple[Rate, ...]
) -> None:
    """Pass on what comes, `delay` seconds later, no faster than all of `rates` allow."""
    line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
    loop = asyncio.get_running_loop()

    async def take() -> None:
        while piece := await reader.read(PIECE):
            for rate in rates:
                await rate.wait_for(len(piece))
            await line.put((loop.time() + delay, piece))
        await line.put((loop.time() + delay, b""))

    taking = asyncio.create_task(take())
    try:
        while True:
            due, piece = await line.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
    except (ConnectionError, OSError):
        pass
    finally:
        taking.cancel()
        writer.close()


def handler(
    host: str, port: int, delay: float, each: float, total: Rate
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    """What to do with a connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * delay)  # the handshake
        there, back = await asyncio.open_connection(host, port)
        down = (Rate(each), total)
        await asyncio.gather(pump(reader, back, delay, down), pump(there, writer, delay, down), return_exceptions=True)

    return handle


async def main() -> None:
    """Serve until killed; prints the port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True, help="HOST:PORT")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds there and back")
    parser.add_argument("--each", type=float, default=0, help="MB a second and connection")
    parser.add_argument("--total", type=float, default=0, help="MB a second in all")
    options = parser.parse_args()
    host, _, port = options.to.partition(":")
    handle = handler(host, int(port), options.latency / 2000, options.each * 1e6, Rate(options.total * 1e6))
    server = await asyncio.start_server(handle, "127.0.0.1", 0)  # type: ignore[arg-type]
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
