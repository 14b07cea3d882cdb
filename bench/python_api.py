"""What `import dver` and reading a small file cost in a fresh process, beside dvc.api.

    python bench/python_api.py FOLDER [--files 1000] [--history-mb 50] [--runs 5] [--without-dvc]

Makes in FOLDER, for each tool: a repository with that much history and two versions of a tracked directory of small
files, behind `git http-backend`, with its data on a remote in a directory. Prints the fastest of the runs: other work
only makes them slower. Exits with 1 if `import dver` takes more than 60 ms longer than an empty program.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from get import make_history  # noqa: E402
from gitserver import allow_filters, git_server  # noqa: E402 - it is the tests' own
from measure import Sample, timed, work_folder  # noqa: E402
from tables import aligned  # noqa: E402
from tools import Dvc, Dver, Tool, environment  # noqa: E402

_FILE = "data/0007.bin"
_READS = {"dver": "import dver; dver.read_bytes({})", "dvc": "import dvc.api; dvc.api.read({}, mode='rb')"}
_IMPORTS = {"dver": "import dver", "dvc": "import dvc.api"}


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--history-mb", type=int, default=50)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--import-ms", type=float, default=60.0, help="the bar")
    parser.add_argument("--without-dvc", action="store_true")
    args = parser.parse_args()
    with work_folder(args.folder, "python-bench") as work:
        (work / "home").mkdir()
        return measure(work, args)


def measure(work: Path, args: argparse.Namespace) -> int:
    """Make the repositories, read from each, and print what it cost."""
    names = ["dver"] if args.without_dvc or find_spec("dvc") is None else ["dver", "dvc"]
    env = {**environment(work / "home"), "XDG_CACHE_HOME": str(work / "cache")}
    history = make_history(work / "history", args.history_mb)
    with ExitStack() as stack:
        url = stack.enter_context(git_server(work)).url
        results: dict[str, dict[str, Sample]] = {}
        for name in names:
            make_project(work, name, history, args.files, env)
            results[name] = measure_tool(work, name, f"{url}/{name}", env, args.runs)
    nothing = fastest([sys.executable, "-c", "pass"], work, env, args.runs)
    head = [f"{name}, {what}" for name in names for what in ("ms", "ms of processors")]
    rows = [
        [step, *(f"{1000 * ms:,.0f}" for name in names for ms in _beyond(results[name][step], nothing))]
        for step in results["dver"]
    ]
    print("\n".join(aligned([["without starting Python", *head], *rows])))
    return 1 if 1000 * (results["dver"]["import"].wall - nothing.wall) > args.import_ms else 0


def _beyond(sample: Sample, nothing: Sample) -> tuple[float, float]:
    return sample.wall - nothing.wall, sample.cpu - nothing.cpu


def measure_tool(work: Path, name: str, url: str, env: Mapping[str, str], runs: int) -> dict[str, Sample]:
    """The fastest run of each step."""
    here, elsewhere = work / name, work / "home"

    def read(cwd: Path, arguments: str, prepare: Callable[[], None] = lambda: None) -> Sample:
        program = [sys.executable, "-c", _READS[name].format(arguments)]
        return fastest(program, cwd, env, runs, prepare)

    return {
        "import": fastest([sys.executable, "-c", _IMPORTS[name]], work, env, runs),
        "a file of the workspace": read(here, f"{_FILE!r}"),
        "a file of another revision": read(here, f"{_FILE!r}, rev='v1'"),
        "a file of another repository, first time": read(
            elsewhere, f"{_FILE!r}, repo={url!r}, rev='v1'", lambda: forget(work)
        ),
        "the same, again": read(elsewhere, f"{_FILE!r}, repo={url!r}, rev='v1'"),
    }


def forget(work: Path) -> None:
    """Delete the caches of both tools."""
    for folder in (work / "cache", work / "home" / "dvc-site-cache"):
        shutil.rmtree(folder, ignore_errors=True)


def fastest(
    program: Sequence[str], cwd: Path, env: Mapping[str, str], runs: int, prepare: Callable[[], None] = lambda: None
) -> Sample:
    """The least time, processor time and memory of the runs after the first one, which compiles."""
    found = []
    for _ in range(runs + 1):
        prepare()
        found.append(timed(program, cwd, env))
    walls, cpus, peaks = zip(*((one.wall, one.cpu, one.peak_mb) for one in found[1:]), strict=True)
    return Sample(min(walls), min(cpus), min(peaks))


def make_project(work: Path, name: str, history: Path, files: int, env: Mapping[str, str]) -> None:
    """A clone of `history` with a tracked directory of many files, tagged v1, and changed once more."""
    kinds: Mapping[str, type[Tool]] = {"dver": Dver, "dvc": Dvc}
    tool = kinds[name](name, (sys.executable, "-m", name), env)
    repo, remote = work / name, work / f"{name}-remote"
    remote.mkdir()
    tool.git(work, "clone", "-q", os.fspath(history), os.fspath(repo))
    tool.call(repo, "init")
    tool.call(repo, "remote", "add", "-d", "there", os.fspath(remote))
    for version in ("v1", "v2"):
        (repo / "data").mkdir(exist_ok=True)
        for number in range(files):
            (repo / f"data/{number:04d}.bin").write_bytes(f"{version} {number}".encode() * 100)
        tool.call(repo, "add", "data")
        tool.call(repo, "push")
        tool.commit(repo)
        tool.git(repo, "tag", version)
    allow_filters(repo)


if __name__ == "__main__":
    sys.exit(main())
