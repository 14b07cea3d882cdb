"""Pipelines of many stages in dver and DVC: what loading, planning and running them costs, in one run.

    python bench/pipelines.py [--stages 1000] [--first 300] [--rounds 3] [--no-dvc] [FOLDER]

The same file is `dver.yaml` for one and `dvc.yaml` for the other. The first run is of few stages, since DVC writes its
lock anew after each: a chain of 1,000 takes it 26 minutes. Where everything is to be up to date, dver has run all of
it; for DVC its lock and cache are written here, byte by byte as it writes them, and that it takes them for its own is
seen to.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from measure import timed
from tools import Dvc, Tool, environment, find


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


def _prepare(tool: Tool, repo: Path, stages: int, reads: Callable[[int], int]) -> None:
    """Let everything be up to date. Stage n reads the file number `reads(n)`."""
    if tool.name == "dver":
        tool.call(repo, "repro")
        return
    lock = ["schema: '2.0'\nstages:\n"]
    for n in range(stages):
        lock.append(f"  s{n}:\n    cmd: echo {n} > f{n + 1}\n")
        lock.append(f"    deps:\n{_dvc_entry(reads(n))}    outs:\n{_dvc_entry(n + 1)}")
        _write_with_cache(repo, n + 1)
    (repo / "dvc.lock").write_text("".join(lock))
    (repo / ".gitignore").write_text("".join(f"/f{n + 1}\n" for n in range(stages)))
    said = tool.call(repo, "repro")
    if "up to date" not in said:
        raise SystemExit(f"DVC does not take what was prepared for its own:\n{said[-2000:]}")


def _content(number: int) -> bytes:
    return b"%d\n" % max(0, number - 1)


def _dvc_entry(number: int) -> str:
    content = _content(number)
    md5 = hashlib.md5(content).hexdigest()
    return f"    - path: f{number}\n      hash: md5\n      md5: {md5}\n      size: {len(content)}\n"


def _write_with_cache(repo: Path, number: int) -> None:
    content = _content(number)
    (repo / f"f{number}").write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    cached = repo / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(content)
        cached.chmod(0o444)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--stages", type=int, default=1000)
    parser.add_argument("--first", type=int, default=300, help="stages of the first run that is measured")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-dvc", action="store_true")
    return parser.parse_args()


def _tools(home: Path, *, dvc: bool) -> list[tuple[Tool, str]]:
    found = [(Tool("dver", (sys.executable, "-m", "dver"), environment(home)), "dver.yaml")]
    program = find("dvc")
    if dvc and program:
        tool = Dvc("dvc", (program,), environment(home))
        tool.calm(home)
        found.append((tool, "dvc.yaml"))
    return found


def _project(tool: Tool, file: str, folder: Path, text: str) -> Path:
    repo = folder / f"{tool.name}-{len(list(folder.iterdir()))}"
    tool.new_repository(repo)
    (repo / "f0").write_text("0\n")
    (repo / file).write_text(text)
    return repo


def _measure(works: Sequence[tuple[Tool, Path, Sequence[str]]], rounds: int = 1) -> dict[str, float]:
    """The median seconds of each tool's work. They take turns, so that a slow minute of the machine hits all."""
    seconds: dict[str, list[float]] = {tool.name: [] for tool, _, _ in works}
    for _ in range(rounds):
        for tool, repo, arguments in works:
            seconds[tool.name].append(timed(tool.command(*arguments), repo, tool.env).wall)
    return {name: median(found) for name, found in seconds.items()}


def _row(name: str, seconds: dict[str, float]) -> None:
    cells = [f"{tool} {value:8.2f} s" for tool, value in seconds.items()]
    ratio = f"   {seconds['dvc'] / seconds['dver']:.0f} times as fast" if {"dvc", "dver"} <= seconds.keys() else ""
    print(f"{name:<44}{'   '.join(cells)}{ratio}", flush=True)


def _many(tools: Sequence[tuple[Tool, str]], folder: Path, stages: int, rounds: int) -> None:
    """All that is asked of many stages that are up to date."""
    shapes = (("in a chain", chain, lambda n: n), ("side by side", side_by_side, lambda _: 0))
    for title, write, reads in shapes:
        repos = []
        for tool, file in tools:
            repo = _project(tool, file, folder, write(stages))
            _prepare(tool, repo, stages, reads)
            repos.append((tool, repo))
        for what, arguments in (
            ("nothing to run", ("repro",)),
            ("status", ("status",)),
            ("the graph for Graphviz", ("dag", "--dot")),
        ):
            _row(f"{stages} {title}: {what}", _measure([(*one, arguments) for one in repos], rounds))


def main() -> None:
    """Measure, and print a line for each work."""
    options = _arguments()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        home, folder = Path(name, "home"), Path(name, "work")
        home.mkdir()
        folder.mkdir()
        tools = _tools(home, dvc=not options.no_dvc)
        dver, file = tools[0]
        text = "stages:\n" + "".join(f"  s{n}: {{cmd: sleep 1}}\n" for n in range(12))
        work = (dver, _project(dver, file, folder, text), ("repro", "--force", "-j", "4"))
        _row("12 stages of one second, four at once", _measure([work], options.rounds))
        work = (dver, _project(dver, file, folder, matrix(5000)), ("repro", "--dry-run"))
        _row("a matrix of 5000: plan", _measure([work], options.rounds))
        _many(tools, folder, options.stages, options.rounds)
        works = [(tool, _project(tool, file, folder, chain(options.first)), ("repro",)) for tool, file in tools]
        _row(f"first run of a chain of {options.first}", _measure(works))


if __name__ == "__main__":
    main()
