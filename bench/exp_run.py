"""What `dver exp run` costs more than `dver repro` of the same, beside DVC.

    python bench/exp_run.py FOLDER [--files 10000] [--code 5000] [--ignored 50000] [--rounds 7] [--dvc PROGRAM]

Makes in FOLDER a project with a directory of tracked files, code in Git, and a stage that takes no time. Runs `repro`
and `exp run` in turns, with a stage that runs and with nothing to run; then all of it again with a `.venv` of ignored
files. Exits with 1 if `exp run` takes 0.3 s more, or notices the `.venv`. A memory file system gives steady figures.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from measure import timed, work_folder
from tables import aligned
from tools import Dvc, Dver, Tool, environment, find

BAR = 0.3
"""Seconds that `exp run` may take more than `repro`, and that it may take more with ignored files than without."""
_STEPS = {"the stage runs": ("--force",), "nothing to run": ()}
_STAGE = """\
stages:
  train:
    cmd: |
      echo '{"accuracy": 0.9}' > metrics.json
    deps: [data]
    params: [lr]
    metrics: [metrics.json: {cache: false}]
"""


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=10_000, help="tracked files")
    parser.add_argument("--code", type=int, default=5_000, help="files in Git")
    parser.add_argument("--ignored", type=int, default=50_000, help="files in .venv")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dvc", default=find("dvc"), help="the program to compare with; '' for none")
    args = parser.parse_args()
    with work_folder(args.folder, "exp-run-bench") as work:
        (work / "home").mkdir()
        return measure(work, args)


def measure(work: Path, args: argparse.Namespace) -> int:
    """Run both commands of each tool in turns, without ignored files and with them."""
    env = environment(work / "home")
    tools: list[Tool] = [Dver("dver", (sys.executable, "-m", "dver"), env)]
    if args.dvc:
        tools.append(Dvc("dvc", (args.dvc,), env))
        tools[-1].calm(work)
    found: list[_Pairs] = []
    for tool in tools:
        repo = work / tool.name
        make_project(tool, repo, args.files, args.code)
        rounds = args.rounds if isinstance(tool, Dver) else min(args.rounds, 3)
        for ignored, step in product((0, args.ignored), _STEPS):
            make_files(repo / ".venv" / "lib", ignored)
            found.append(_run_pairs(tool, repo, step, ignored, rounds))
            print(*found[-1].row(), file=sys.stderr, flush=True)
    head = ["tool", "step", "ignored files", "`repro`", "`exp run`", "more", "more CPU time"]
    print("\n".join(aligned([head, *(pairs.row() for pairs in found)])))
    return _verdict([pairs for pairs in found if pairs.tool == "dver"])


def make_project(tool: Tool, repo: Path, files: int, code: int) -> None:
    """A committed project with tracked data, code, and a stage that has run."""
    tool.new_repository(repo)
    make_files(repo / "data", files)
    make_files(repo / "src", code)
    (repo / ("dvc.yaml" if isinstance(tool, Dvc) else "dver.yaml")).write_text(_STAGE)
    (repo / "params.yaml").write_text("lr: 0.1\n")
    (repo / ".gitignore").write_text("/.venv\n")
    tool.call(repo, "add", "data")
    tool.call(repo, "repro")
    tool.commit(repo)


def make_files(folder: Path, count: int) -> None:
    """Files of noise, a hundred in a directory, unless they exist."""
    noise = random.Random(count)
    for number in range(0 if folder.exists() else count):
        path = folder / f"{number // 100:04d}" / f"{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise.randbytes(1000))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """`repro` and `exp run`, in turns: medians."""

    tool: str
    step: str
    ignored: int
    repro: float
    exp_run: float
    more: float
    """The median of the differences of pairs."""
    more_cpu: float

    def row(self) -> list[str]:
        seconds = [f"{one:.2f} s" for one in (self.repro, self.exp_run, self.more, self.more_cpu)]
        return [self.tool, self.step, f"{self.ignored:,}", *seconds]


def _run_pairs(tool: Tool, repo: Path, step: str, ignored: int, rounds: int) -> _Pairs:
    pairs = []
    for _ in range(rounds + 1):
        repro = timed(tool.command("repro", *_STEPS[step]), repo, tool.env)
        pairs.append((repro, timed(tool.command("exp", "run", *_STEPS[step]), repo, tool.env)))
    del pairs[0]  # the first one finds cold caches
    return _Pairs(
        tool.name,
        step,
        ignored,
        median(one.wall for one, _ in pairs),
        median(other.wall for _, other in pairs),
        median(other.wall - one.wall for one, other in pairs),
        median(other.cpu - one.cpu for one, other in pairs),
    )


def _verdict(found: list[_Pairs]) -> int:
    is_missed = any(pairs.more > BAR for pairs in found)
    plain, ignored = ([one.more for one in found if bool(one.ignored) is wanted] for wanted in (False, True))
    grows = any(other - one > BAR / 3 for one, other in zip(plain, ignored, strict=True)) if ignored else False
    print(f"at most {BAR} s more: {'MISSED' if is_missed else 'met'}; no more with ignored files: ", end="")
    print("MISSED" if grows else "met")
    return 1 if is_missed or grows else 0


if __name__ == "__main__":
    sys.exit(main())
