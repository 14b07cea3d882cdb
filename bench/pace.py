"""How the adaptive number of transfers does beside a fixed one, over networks of several kinds.

    python -m bench.pace            (needs rclone; some minutes)

Reads and writes through an S3 server on this machine, behind `slow_proxy`. Prints a table for docs/remotes.md.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dver.remote.backends.s3 import S3Storage
from dver.remote.parallel import ADAPTIVE, in_parallel
from dver.remote.settings import parse

MIB = 2**20
RUNS = 3
FIXED = 8


@dataclass(frozen=True)
class Case:
    """A network, and what is asked over it: `count` ranges of `size` bytes."""

    name: str
    proxy: tuple[str, ...]
    size: int
    count: int


CASES = (
    Case("this machine, 8 MiB", (), 8 * MIB, 96),
    Case("this machine, 64 KiB", (), 64 << 10, 1500),
    Case("100 ms, 4 MB/s a connection, 1 MiB", ("--latency", "100", "--each", "4"), MIB, 300),
    Case("100 ms, 64 KiB", ("--latency", "100"), 64 << 10, 600),
    Case("20 ms, 64 KiB", ("--latency", "20"), 64 << 10, 1500),
    Case("50 ms, 5 MB/s in all, 1 MiB", ("--latency", "50", "--total", "5"), MIB, 60),
    Case("100 ms, 10 ranges of 1 MiB", ("--latency", "100", "--each", "4"), MIB, 10),
)


@contextmanager
def started(command: list[str], **more: object) -> Iterator[subprocess.Popen[str]]:
    """A process that runs while the block does."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def server(folder: Path, port: int = 18931) -> Iterator[str]:
    """An S3 server that has `folder`; its address."""
    beside = Path(sysconfig.get_path("scripts"), "rclone")
    rclone = os.fspath(beside) if beside.exists() else shutil.which("rclone") or "rclone"
    options = ["--config", os.devnull, "--auth-key", "KEY,SECRET", "--addr", f"127.0.0.1:{port}"]
    with started([rclone, "serve", "s3", *options, os.fspath(folder)]):
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"


@contextmanager
def reached(address: str, proxy: tuple[str, ...]) -> Iterator[str]:
    """The address at which the server is reached through a network of that kind."""
    if not proxy:
        yield address
        return
    script = Path(__file__).with_name("slow_proxy.py")
    with started([sys.executable, os.fspath(script), "--to", address, *proxy]) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().strip()}"


def measured(address: str, case: Case, jobs: int) -> float:
    """Seconds that the reads take."""
    table = {
        "url": "s3://bucket/x",
        "endpoint_url": f"http://{address}",
        "access_key_id": "KEY",
        "secret_access_key": "SECRET",
    }
    storage = S3Storage(parse("bench", table))
    storage.stat("large")
    work: Callable[[int], int] = lambda number: len(storage.get("large", number * case.size % (64 * MIB), case.size))  # noqa: E731
    start = time.perf_counter()
    got = sum(in_parallel(work, range(case.count), jobs=jobs))
    seconds = time.perf_counter() - start
    assert got == case.size * case.count
    return seconds


def main() -> None:
    """Print the table."""
    print("| network, size of a range | fixed 8 | adaptive | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home, server(Path(home)) as address:
        (Path(home) / "bucket/x").mkdir(parents=True)
        (Path(home) / "bucket/x/large").write_bytes(os.urandom(MIB) * 80)
        for case in CASES:
            seconds: dict[int, list[float]] = {FIXED: [], ADAPTIVE: []}
            with reached(address, case.proxy) as through:
                for _ in range(RUNS):
                    for jobs, times in seconds.items():
                        times.append(measured(through, case, jobs))
            fixed, adaptive = (statistics.median(seconds[jobs]) for jobs in (FIXED, ADAPTIVE))
            print(f"| {case.name} | {fixed:.2f} s | {adaptive:.2f} s | {fixed / adaptive:.2f} |", flush=True)


if __name__ == "__main__":
    main()
