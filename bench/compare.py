#!/usr/bin/env python3
"""Do the same work with `cp -r`, DVC and dver, in turns, on one disk, and say how they compare.

Every step is a fresh process. The bars that the last column names are those that dver sets itself; see bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from measure import CommandError, middle
from tables import aligned
from tools import Dvc, Dver, Tool, environment, find
from works import Bench, Record, many_small, one_big, s3, start

MEMORY_BAR_MB = 300
OBJECTS_BAR = 12
MISSED = "MISSED"
_TOOLS = ("cp", "dvc", "dver")


@dataclass(frozen=True, slots=True)
class Bar:
    """dver's time for a step may be at most `ratio` times that of `against`."""

    work: str
    step: str
    against: str
    ratio: float


BARS = (
    Bar("small", "add", "cp", 1),
    Bar("small", "status", "dvc", 1 / 8),
    Bar("small", "push", "dvc", 1 / 10),
    Bar("small", "second push", "dvc", 1 / 20),
    Bar("small", "checkout", "cp", 1.2),
    Bar("small", "pull", "dvc", 1 / 5),
    Bar("s3", "push", "dvc", 1 / 10),
    Bar("s3", "pull", "dvc", 1 / 10),
    Bar("big", "add", "dvc", 1 / 4),
    Bar("empty", "status", "dvc", 1 / 8),
)


def main() -> int:
    """Measure, print the table, write the JSON. Returns 0 if every bar that could be compared was met, else 1."""
    options = _options()
    work = options.workdir.resolve() / "work"
    if work.exists():
        sys.exit(f"{work} exists: another run is in it, or was broken off there; delete it if not")
    work.mkdir(parents=True)
    record = Record(say=lambda line: print(line, file=sys.stderr, flush=True))
    tools = _tools(work, options.tools)
    about = _about(work, tools, options)
    try:
        failures = _measure(work, tools, options, record)
    finally:
        shutil.rmtree(work)
    rows, met = _table(record)
    print(_heading(about))
    print("\n".join(rows))
    for failure in failures:
        print(f"failed: {failure}")
    _write(options.json or options.workdir / "results.json", about, record, failures)
    return 0 if met and not failures else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "workdir", nargs="?", type=Path, default=Path("build/bench"), help="a folder on the disk to measure"
    )
    parser.add_argument("--files", type=int, default=50_000, help="files of the dataset (default: %(default)s)")
    parser.add_argument("--size", type=int, default=4096, help="bytes of each (default: %(default)s)")
    parser.add_argument("--s3-files", type=int, default=10_000, help="files sent to S3 (default: %(default)s)")
    parser.add_argument("--big-mb", type=int, default=2048, help="MB of the large file (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="times that all is repeated (default: %(default)s)")
    parser.add_argument("--s3-rounds", type=int, default=1, help="the same for S3 (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=15, help="starts of `status` (default: %(default)s)")
    parser.add_argument("--only", default="empty,big,small,s3", help="which works (default: %(default)s)")
    parser.add_argument("--tools", default="dver,dvc", help="which tools; cp is always there (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="where the figures go (default: WORKDIR/results.json)")
    return parser.parse_args()


def _tools(work: Path, wanted: str) -> list[Tool]:
    home = work / "home"
    home.mkdir()
    env = environment(home)
    tools: list[Tool] = []
    if "dver" in wanted.split(","):
        tools.append(Dver("dver", _dver(), env))
    if "dvc" in wanted.split(","):
        program = find("dvc")
        if program is None:
            print("dvc is not on the PATH, and $DVC does not name it: left out", file=sys.stderr)
        else:
            dvc = Dvc("dvc", (program,), env)
            dvc.calm(work)
            tools.append(dvc)
    return tools


def _dver() -> tuple[str, ...]:
    program = find("dver")
    if program is None:
        sys.exit("dver is not installed: `make bench` does it, or set $DVER")
    return (program,)


def _measure(work: Path, tools: Sequence[Tool], options: argparse.Namespace, record: Record) -> list[str]:
    """Do what was asked for. A work that fails does not keep the others from being measured."""
    bench = Bench(work, tools, options.rounds, record)
    rclone = find("rclone")
    works = {
        "empty": lambda: start(bench, options.runs),
        "big": lambda: one_big(bench, options.big_mb),
        "small": lambda: many_small(bench, options.files, options.size),
        "s3": lambda: s3(Bench(work, tools, options.s3_rounds, record), options.s3_files, options.size, rclone or ""),
    }
    failures = []
    for name in options.only.split(","):
        if name == "s3" and rclone is None:
            print("rclone is not on the PATH, and $RCLONE does not name it: no S3", file=sys.stderr)
            continue
        try:
            works[name]()
        except CommandError as error:
            failures.append(f"{name}: {error}")
            print(failures[-1], file=sys.stderr)
        for left in work.iterdir():
            if left.is_dir() and left.name != "home":
                shutil.rmtree(left)
    return failures


def _table(record: Record) -> tuple[list[str], bool]:
    """A Markdown table with one row a step, and whether all bars were met."""
    bars = {(bar.work, bar.step): bar for bar in BARS}
    rows = [["Work", "Step", *_TOOLS, "dver's memory", "dver's time", "Bar", ""]]
    met = True
    for work, step in dict.fromkeys((work, step) for work, step, _ in record.samples):
        taken = {tool: record.samples.get((work, step, tool)) for tool in _TOOLS}
        middles = {tool: middle(samples) for tool, samples in taken.items() if samples}
        memory = middles["dver"].peak_mb if "dver" in middles else 0
        verdict = _verdict(bars.get((work, step)), {tool: one.wall for tool, one in middles.items()}, memory)
        met = met and verdict[-1] != MISSED
        times = [_seconds(middles[tool].wall) if tool in middles else "" for tool in _TOOLS]
        rows.append([work, step, *times, f"{memory:.0f} MB" if memory else "", *verdict])
    for work in dict.fromkeys(work for work, _ in record.objects):
        counts = [record.objects.get((work, tool)) for tool in _TOOLS]
        mine = record.objects.get((work, "dver"))
        judged = work == "small" and mine is not None
        outcome = "" if not judged else "met" if (mine or 0) <= OBJECTS_BAR else MISSED
        met = met and outcome != MISSED
        shown = ["" if count is None else f"{count:,}" for count in counts]
        rows.append([work, "objects on the remote", *shown, "", "", str(OBJECTS_BAR) if judged else "", outcome])
    return aligned(rows), met


def _seconds(wall: float) -> str:
    return f"{wall:.3f} s" if wall < 1 else f"{wall:.1f} s"


def _verdict(bar: Bar | None, walls: dict[str, float], memory: float) -> tuple[str, str, str]:
    """dver's time as a part of the other's, the bar, and whether it was met."""
    heavy = memory > MEMORY_BAR_MB
    if bar is None or bar.against not in walls or "dver" not in walls:
        return "", "", MISSED if heavy else ""
    ratio = walls["dver"] / walls[bar.against]
    outcome = "met" if ratio <= bar.ratio and not heavy else MISSED
    return f"{_part(ratio, bar)} of {bar.against}", _part(bar.ratio, bar), outcome


def _part(ratio: float, bar: Bar) -> str:
    return f"{ratio:.2f}" if bar.against == "cp" else f"1/{1 / ratio:.1f}".removesuffix(".0")


def _about(work: Path, tools: Sequence[Tool], options: argparse.Namespace) -> dict[str, object]:
    disk = subprocess.run(["stat", "-f", "-c", "%T", os.fspath(work)], capture_output=True, text=True).stdout.strip()
    system = f"{platform.system()} {platform.release()}"
    return {
        "machine": f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}",
        "disk": disk,
        "versions": {tool.name: tool.call(work, "--version").splitlines()[0] for tool in tools},
        "options": {name: str(value) for name, value in vars(options).items()},
    }


def _heading(about: dict[str, object]) -> str:
    versions = about["versions"]
    assert isinstance(versions, dict)
    named = ", ".join(f"{name} {version.split()[-1]}" for name, version in versions.items())
    return f"{about['machine']}; {about['disk']}; {named}; medians of wall time\n"


def _write(path: Path, about: dict[str, object], record: Record, failures: Sequence[str]) -> None:
    samples = [
        {"work": work, "step": step, "tool": tool, **asdict(sample)}
        for (work, step, tool), taken in record.samples.items()
        for sample in taken
    ]
    objects = [{"work": work, "tool": tool, "objects": count} for (work, tool), count in record.objects.items()]
    content = {**about, "samples": samples, "objects": objects, "failures": list(failures)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
