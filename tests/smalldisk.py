"""A small file system of its own, to be filled or made read-only, in a mount namespace that ends with the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support import Result, run_inside

_SIZE = 24 << 20
_HOLD = "mount {options} {source} {at} && echo ready && exec cat"


class SmallDisk:
    """A file system at `root`, seen only by what `run` starts. `kind` is ext4 (of 1 KiB blocks) or tmpfs."""

    def __init__(self, root: Path, kind: str, holder: int) -> None:
        self.root = root
        self.kind = kind
        self._holder = holder
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self._entering = ["nsenter", "--target", str(holder), "--mount", *user, "--"]

    def run(self, *command: str | Path, cwd: Path | None = None, rc: int | None = 0, stdin: bytes = b"") -> Result:
        """Run a program; asserts its exit code unless `rc` is None. A signal shows as a negative one."""
        inside = ["sh", "-c", 'cd "$0" && exec "$@"', os.fspath(cwd or self.root), *map(os.fspath, command)]
        done = subprocess.run([*self._entering, *inside], input=stdin, capture_output=True, timeout=240)
        return _checked(Result(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr)), command, rc)

    def dver(self, *args: str | Path, cwd: Path | None = None, rc: int | None = 0) -> Result:
        """Run dver."""
        if os.geteuid() != 0:
            return self.run(sys.executable, "-m", "dver", *args, cwd=cwd, rc=rc)
        return _checked(run_inside(self._holder, *args, cwd=cwd or self.root), args, rc)

    def fill(self, *, free: int = 0) -> None:
        """Leave `free` KiB, and not one more."""
        script = "rm -f fill; dd if=/dev/zero of=fill bs=1k 2>/dev/null; sync; truncate -s -{free}K fill; sync"
        self.run("sh", "-c", script.format(free=free), rc=None)

    def make_read_only(self) -> None:
        """Nothing can be written from now on."""
        self.run("mount", "-o", "remount,ro", self.root, cwd=Path("/"))


def _checked(result: Result, command: Sequence[str | Path], rc: int | None) -> Result:
    assert rc is None or result.rc == rc, f"{command} exited with {result.rc}\n{result.out}\n{result.err}"
    assert "Traceback" not in result.err, result.err
    return result


@contextmanager
def small_disk(folder: Path, kind: str) -> Iterator[SmallDisk]:
    """A new file system, of `kind` where that can be mounted, else a tmpfs."""
    root = folder / "disk"
    root.mkdir()
    with _mounted(folder, root, kind) as (found, holder):
        yield SmallDisk(root, found, holder.pid)


@contextmanager
def _mounted(folder: Path, root: Path, kind: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    if kind == "ext4" and os.geteuid() == 0 and (holder := _hold(*_ext4(folder), root)) is not None:
        found = kind
    else:
        found, holder = "tmpfs", _hold(f"-t tmpfs -o size={_SIZE}", "tmpfs", root)
    assert holder is not None, "neither root nor a user namespace: no file system can be mounted here"
    try:
        yield found, holder
    finally:
        holder.communicate(b"", timeout=60)


def _ext4(folder: Path) -> tuple[str, str]:
    image = folder / "image"
    with image.open("wb") as file:
        file.truncate(_SIZE)
    make = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH')}:/sbin:/usr/sbin")
    if make is not None:
        subprocess.run([make, "-q", "-b", "1024", "-m", "0", image], check=True)
    return "-o loop", os.fspath(image)


def _hold(options: str, source: str, root: Path) -> subprocess.Popen[bytes] | None:
    """A process in a namespace in which `source` is mounted; None if that cannot be done."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = _HOLD.format(options=options, source=source, at=root)
    holder = subprocess.Popen(
        ["unshare", "--mount", *user, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    if holder.stdout.readline() == b"ready\n":
        return holder
    holder.communicate()
    return None
