#!/usr/bin/env python3
"""Change files as people change them, and see how many bytes the next push adds to the remote.

Prints a Markdown table: dver, and beside it DVC and restic where they are installed. See bench/README.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import contents
from measure import run
from s3server import serving
from tables import aligned, size
from tools import S3, Dvc, Dver, Tool, environment, find

FRESH_BAR = 1_000_000
AS_CHUNKS = 100_000
"""Bytes below which a change is smaller than a chunk, so that a ratio says nothing."""
RATIO_BAR = 1.5
GB, MB = 1 << 30, 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """A folder `data`, and what is done to it. `change` returns how many bytes are new, by any account."""

    name: str
    build: Callable[[Path], object]
    change: Callable[[Path], int]
    branch: bool = False
    """The change is made on another branch."""
    most_bytes: int | None = None
    most_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change cost one tool, in bytes."""

    whole: int
    changed: int
    pushed: int
    stored: int | None


class Restic:
    """restic, for comparison: it has one repository, which is a remote; there is nothing to push from."""

    name = "restic"

    def __init__(self, program: str, env: Mapping[str, str]) -> None:
        self._program = program
        self._env = {**env, "RESTIC_PASSWORD": "bench"}

    def begin(self, repo: Path, remote: Path) -> None:
        repo.mkdir()
        self._call(repo, remote, "init")

    def save(self, repo: Path, remote: Path) -> None:
        self._call(repo, remote, "backup", "data")

    def stored(self, repo: Path) -> int | None:
        return None

    def _call(self, repo: Path, remote: Path, *arguments: str) -> None:
        run([self._program, "-q", "--repo", os.fspath(remote), *arguments], repo, self._env)


class Versioned:
    """dver or DVC."""

    def __init__(self, tool: Tool, bucket: S3 | None = None) -> None:
        self.name = tool.name
        self._tool = tool
        self._bucket = bucket

    def begin(self, repo: Path, remote: Path) -> None:
        self._tool.new_repository(repo, self._bucket or remote)
        if isinstance(self._tool, Dver):  # as on a disk without reflinks: chunks here as there
            self._tool.call(repo, "config", "set", "cache.link", "copy")

    def save(self, repo: Path, remote: Path) -> None:
        run(self._tool.add("data"), repo, self._tool.env)
        self._tool.commit(repo)
        run(self._tool.push(), repo, self._tool.env)

    def branch(self, repo: Path) -> None:
        self._tool.git(repo, "checkout", "-q", "-b", "other")

    def stored(self, repo: Path) -> int | None:
        store = repo / ".git/dver/store"
        return sum(contents.total_size(store / part) for part in ("packs", "loose")) if store.exists() else None

    def check(self, repo: Path) -> None:
        """Pull into a fresh clone, and compare."""
        clone = repo.with_name("clone")
        self._tool.git(repo.parent, "clone", "-q", os.fspath(repo), os.fspath(clone))
        run(self._tool.pull(), clone, self._tool.env)
        run(["diff", "-rq", os.fspath(repo / "data"), os.fspath(clone / "data")], repo.parent, self._tool.env)
        shutil.rmtree(clone)


def cases(scale: float) -> list[Case]:
    """All that is measured. `scale` is a part of the usual sizes."""
    big = int(GB * scale)
    medium = int(256 * MB * scale)
    table = max(int(4_000_000 * scale), 1000)

    def tables(data: Path, **how: object) -> None:
        contents.parquet(data / "sales.parquet", table, **how)  # type: ignore[arg-type]

    def scaled(data: Path) -> int:
        tables(data, scaled=True)
        return contents.column_size(data / "sales.parquet", "price")

    def rows_inserted(data: Path) -> int:
        before = (data / "sales.parquet").stat().st_size
        tables(data, inserted=table // 100)
        return (data / "sales.parquet").stat().st_size - before

    def noise(data: Path) -> None:
        contents.noise(data / "one.bin", big)

    return [
        Case(
            "1 KB put into noise, a quarter of the way in",
            noise,
            lambda data: contents.insert(data / "one.bin", big // 4, os.urandom(1024)),
            most_bytes=FRESH_BAR,
        ),
        Case(
            "1 % of rows appended to a CSV",
            lambda data: contents.csv(data / "log.csv", medium),
            lambda data: contents.append_rows(data / "log.csv", 0.01),
            most_ratio=RATIO_BAR,
        ),
        Case("a column of a Parquet file computed anew", tables, scaled, most_ratio=RATIO_BAR),
        Case("1 % of rows inserted into a Parquet file", tables, rows_inserted),
        Case(
            "one layer of 24 tuned, safetensors",
            lambda data: contents.safetensors(data / "model.safetensors", big // 2),
            lambda data: contents.tune_layer(data / "model.safetensors", 7),
            most_ratio=RATIO_BAR,
        ),
        Case(
            "one member of a tar of 2,000 images changed",
            lambda data: contents.tar(data / "images.tar", 2000, medium // 2000),
            lambda data: contents.tar(data / "images.tar", 2000, medium // 2000, changed=700),
        ),
        Case(
            "text edited in 20 places",
            lambda data: contents.text(data / "book.txt", medium // 2),
            lambda data: contents.edit_text(data / "book.txt", 20),
        ),
        Case("a file renamed", noise, _renamed),
        Case("the same file in another folder, on another branch", noise, _copied, branch=True),
    ]


def _renamed(data: Path) -> int:
    (data / "one.bin").rename(data / "other.bin")
    return 0


def _copied(data: Path) -> int:
    (data / "deep/er").mkdir(parents=True)
    shutil.copyfile(data / "one.bin", data / "deep/er/same.bin")
    return 0


def measure(case: Case, tool: Versioned | Restic, root: Path, stored: Path | None = None) -> Outcome:
    """Save, change, save again. `stored` is where the bucket's objects are, if the remote is not a folder."""
    repo, remote = root / "repo", root / "remote"
    tool.begin(repo, remote)
    data = repo / "data"
    data.mkdir()
    case.build(data)
    tool.save(repo, remote)
    before, had = _files(stored or remote), tool.stored(repo)
    if case.branch and isinstance(tool, Versioned):
        tool.branch(repo)
    changed = case.change(data)
    tool.save(repo, remote)
    after, has = _files(stored or remote), tool.stored(repo)
    if isinstance(tool, Versioned) and tool.name == "dver":
        tool.check(repo)
    pushed = sum(size for (_, size, _) in after - before)
    return Outcome(contents.total_size(data), changed, pushed, None if has is None else has - (had or 0))


def _files(folder: Path) -> set[tuple[str, int, int]]:
    paths = (os.path.join(top, name) for top, _, names in os.walk(folder) for name in names)
    return {(path, about.st_size, about.st_mtime_ns) for path in paths for about in (os.stat(path),)}


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Measure and print. Returns 0 if every bar was met, else 1."""
    options = _options()
    work = options.workdir.resolve() / "dedup-work"
    chosen = [case for case in cases(options.scale) if options.only in case.name]
    met = True
    with _emptied(work):
        tools = _tools(work, options.tools.split(","))
        rows = [["Change", "Files", "Changed", "Pushed", "Ratio", "Stored", "Bar", ""]]
        rows[0] += [f"{tool.name} pushed" for tool in tools[1:]]
        for case in chosen:
            outcomes = [_one(case, tool, work) for tool in tools]
            verdict = judge(case, outcomes[0])
            met = met and verdict[-1] != "MISSED"
            rows.append([*_row(case, outcomes[0]), *verdict, *(size(other.pushed) for other in outcomes[1:])])
            print(" ".join(rows[-1]), file=sys.stderr, flush=True)
        if options.s3:
            case = chosen[0]
            outcome = _on_s3(case, work, options.s3)
            verdict = judge(case, outcome)
            met = met and verdict[-1] != "MISSED"
            rows.append([*_row(case, outcome, " (S3)"), *verdict, *("" for _ in tools[1:])])
    print("\n".join(aligned(rows)))
    return 0 if met else 1


def _one(case: Case, tool: Versioned | Restic, work: Path) -> Outcome:
    with _emptied(work / tool.name) as root:
        return measure(case, tool, root)


def _on_s3(case: Case, work: Path, rclone: str) -> Outcome:
    with _emptied(work / "s3") as root, serving(rclone, root / "buckets") as (bucket, key):
        tool = Dver("dver", (_found("dver"),), {**environment(work), **key})
        return measure(case, Versioned(tool, bucket), root, root / "buckets" / bucket.bucket)


def judge(case: Case, outcome: Outcome) -> tuple[str, str]:
    """The bar, and whether it was met."""
    most = case.most_bytes if case.most_ratio is None else int(case.most_ratio * outcome.changed)
    if most is None:
        return "", ""
    bar = f"{case.most_ratio} x" if case.most_ratio is not None else size(most)
    both = max(outcome.pushed, outcome.stored or 0) if case.most_bytes is not None else outcome.pushed
    return bar, "met" if both <= most else "MISSED"


def _row(case: Case, outcome: Outcome, where: str = "") -> list[str]:
    ratio = f"{outcome.pushed / outcome.changed:,.2f} x" if outcome.changed > AS_CHUNKS else ""
    grown = "" if outcome.stored is None else size(outcome.stored)
    return [case.name + where, size(outcome.whole), size(outcome.changed), size(outcome.pushed), ratio, grown]


def _tools(work: Path, wanted: Sequence[str]) -> list[Versioned | Restic]:
    env = environment(work)
    tools: list[Versioned | Restic] = [Versioned(Dver("dver", (_found("dver"),), env))]
    if "dvc" in wanted and (program := find("dvc")):
        dvc = Dvc("dvc", (program,), env)
        dvc.calm(work)
        tools.append(Versioned(dvc))
    if "restic" in wanted and (program := find("restic")):
        tools.append(Restic(program, env))
    return tools


def _found(name: str) -> str:
    program = find(name)
    if program is None:
        sys.exit(f"{name} is not installed: `make bench` does it, or set ${name.upper()}")
    return program


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", nargs="?", type=Path, default=Path("build"), help="a folder on the disk to work on")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the usual sizes (default: %(default)s)")
    parser.add_argument("--only", default="", help="only changes with this in their names")
    parser.add_argument("--tools", default="dvc,restic", help="what to put beside dver (default: %(default)s)")
    parser.add_argument("--s3", nargs="?", const=find("rclone"), help="the first change also on S3; names rclone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
