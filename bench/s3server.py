"""An S3 server on the loopback interface: rclone's, in a process of its own, which checks signatures."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import S3

BUCKET = "bucket"
_START_SECONDS = 30.0


@contextmanager
def serving(rclone: str, folder: Path) -> Iterator[tuple[S3, dict[str, str]]]:
    """Serve `folder` while the block runs: the bucket, and the environment variables that hold its key."""
    (folder / BUCKET).mkdir(parents=True)
    key, secret = "BENCHKEY", secrets.token_hex(16)
    port = _free_port()
    log = folder.with_name("s3-server.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                rclone,
                *("serve", "s3", "--config", os.devnull, "--auth-key", f"{key},{secret}"),
                *("--addr", f"127.0.0.1:{port}", os.fspath(folder)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(port, process, log)
        yield (
            S3(f"http://127.0.0.1:{port}", BUCKET),
            {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1"},
        )
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            return
        except urllib.error.HTTPError:  # it refuses us, so it is there
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the S3 server did not start:\n{log.read_text(errors='replace')[-2000:]}")
