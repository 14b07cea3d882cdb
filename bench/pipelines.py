"""Pipelines of many stages in dver and DVC: what loading, planning and running them costs, in one run.

    python bench/pipelines.py [--stages 1000] [--first 300] [--rounds 3] [--no-dvc] [FOLDER]

The same file is `dver.yaml` for one and `dvc.yaml` for the other. A no-op is a `repro` in which everything is up to
date; DVC has to run all stages once before it can be asked for one, which takes it some minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import timed
from tools import Tool


def chain(stages: int) -> str:
    """Each stage reads what the one before it made."""
    lines = [f"  s{n}:\n    cmd: echo {n} > f{n + 1}\n    deps: [f{n}]\n    outs: [f{n + 1}]" for n in range(stages)]
    return "stages:\n" + "\n".join(lines) + "\n"


def side_by_side(stages: int) -> str:
    """All stages read the same, and none another's."""
    lines = [f"  s{n}:\n    cmd: echo {n} > f{n + 1}\n    deps: [f0]\n    outs: [f{n + 1}]" for n in range(stages)]
    return "stages:\n" + "\n".join(lines) + "\n"


def matrix(stages: int) -> str:
    """One matrix of two axes."""
    axes = f"      a: {list(range(stages // 50))}\n      b: {list(range(50))}\n"
    return f'stages:\n  m:\n    matrix:\n{axes}    cmd: echo ${{item.a}} ${{item.b}}\n    deps: ["f${{item.a}}"]\n'


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--stages", type=int, default=1000)
    parser.add_argument("--first", type=int, default=300, help="stages of the first run that is measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-dvc", action="store_true")
    return parser.parse_args()


def _tools(*, dvc: bool) -> list[tuple[Tool, str]]:
    found = [(Tool("dver", (sys.executable, "-m", "dver"), dict(os.environ)), "dver.yaml")]
    program = os.environ.get("DVC") or shutil.which(
        "dvc", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if dvc and program:
        found.append((Tool("dvc", (program,), {**os.environ, "DVC_NO_ANALYTICS": "1"}), "dvc.yaml"))
    return found


def _project(tool: Tool, file: str, folder: Path, text: str) -> Path:
    repo = folder / f"{tool.name}-{len(list(folder.iterdir()))}"
    tool.new_repository(repo)
    (repo / "f0").write_text("0\n")
    (repo / file).write_text(text)
    return repo


def _measure(tool: Tool, repo: Path, *arguments: str, rounds: int = 1) -> float:
    return median(timed(tool.command(*arguments), repo, tool.env).wall for _ in range(rounds))


def _row(name: str, seconds: dict[str, float]) -> None:
    cells = [f"{tool} {value:8.2f} s" for tool, value in seconds.items()]
    ratio = f"   {seconds['dvc'] / seconds['dver']:.0f} times as fast" if {"dvc", "dver"} <= seconds.keys() else ""
    print(f"{name:<44}{'   '.join(cells)}{ratio}", flush=True)


def main() -> None:
    """Measure, and print a line for each work."""
    options = _arguments()
    tools = _tools(dvc=not options.no_dvc)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        first = {
            tool.name: _measure(tool, _project(tool, file, folder, chain(options.first)), "repro")
            for tool, file in tools
        }
        _row(f"first run of a chain of {options.first}", first)
        for title, write in (("a chain", chain), ("side by side", side_by_side)):
            noop = {}
            for tool, file in tools:
                repo = _project(tool, file, folder, write(options.stages))
                tool.call(repo, "repro")
                noop[tool.name] = _measure(tool, repo, "repro", rounds=options.rounds)
            _row(f"nothing to do, {options.stages} stages {title}", noop)
        tool, file = tools[0]
        repo = _project(tool, file, folder, matrix(5000))
        _row("a matrix of 5000, planned", {"dver": _measure(tool, repo, "repro", "--dry-run", rounds=options.rounds)})
        text = "stages:\n" + "".join(f"  s{n}: {{cmd: sleep 1}}\n" for n in range(12))
        repo = _project(tool, file, folder, text)
        _row("12 stages of one second, four at once", {"dver": _measure(tool, repo, "repro", "-j", "4")})


if __name__ == "__main__":
    main()
