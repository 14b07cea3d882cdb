"""The work that is measured. Each function does it with every tool in turns, and records what each step cost."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from measure import Sample, run, timed
from s3server import serving
from tools import S3, Dver, Tool

_PER_FOLDER = 1000
_PIECE = 1 << 20


@dataclass(slots=True)
class Record:
    """Everything that was measured: (work, step, tool) to samples, and counts of objects on the remote."""

    samples: dict[tuple[str, str, str], list[Sample]] = field(default_factory=dict)
    objects: dict[tuple[str, str], int] = field(default_factory=dict)
    say: Callable[[str], None] = print

    def take(self, work: str, step: str, tool: str, sample: Sample) -> None:
        """Keep one sample, and say so."""
        self.samples.setdefault((work, step, tool), []).append(sample)
        self.say(
            f"{work:6} {step:12} {tool:5} {sample.wall:8.3f} s   cpu {sample.cpu:7.2f} s   {sample.peak_mb:5.0f} MB"
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """Where to work, with what, and how often."""

    root: Path
    tools: Sequence[Tool]
    rounds: int
    record: Record

    def turns(self) -> Iterator[tuple[int, Sequence[Tool]]]:
        """The rounds, each beginning with another tool."""
        for number in range(self.rounds):
            at = number % len(self.tools) if self.tools else 0
            yield number, [*self.tools[at:], *self.tools[:at]]

    def measure(self, work: str, step: str, tool: Tool, command: list[str], cwd: Path) -> None:
        """Run and record one step."""
        self.record.take(work, step, tool.name, timed(command, cwd, tool.env))

    def copy(self, work: str, step: str, source: Path) -> None:
        """Measure `cp -r` of all bytes: the baseline. (Sharing blocks would not be a copy.)"""
        target = self.root / "copied"
        command = ["cp", "-r", "--reflink=never", os.fspath(source), os.fspath(target)]
        self.record.take(work, step, "cp", timed(command, self.root, dict(os.environ)))
        shutil.rmtree(target)


def many_small(bench: Bench, files: int, size: int) -> None:
    """`files` files of `size` bytes: all that one does with a dataset, with a folder as remote."""
    source = _generate(bench.root / "source", files, size)
    for number, tools in bench.turns():
        places = {tool.name: _Place(bench.root, f"{tool.name}-{number}") for tool in tools}
        for tool in tools:
            place = places[tool.name]
            tool.new_repository(place.repo, place.remote)
            shutil.copytree(source, place.repo / "data")
        bench.copy("small", "add", source)
        for tool in tools:
            bench.measure("small", "add", tool, tool.add("data"), places[tool.name].repo)
            tool.commit(places[tool.name].repo)
        for step in ("first status", "status", "status"):  # the first one may have to find out what an add left open
            for tool in tools:
                bench.measure("small", step, tool, tool.status(), places[tool.name].repo)
        for step in ("push", "second push"):
            for tool in tools:
                bench.measure("small", step, tool, tool.push(), places[tool.name].repo)
        for tool in tools:
            bench.record.objects["small", tool.name] = _count(places[tool.name].remote)
        bench.copy("small", "checkout", source)
        for tool in tools:
            shutil.rmtree(places[tool.name].repo / "data")
            bench.measure("small", "checkout", tool, tool.checkout(), places[tool.name].repo)
            _same(source, places[tool.name].repo / "data")
        for tool in tools:
            _pull(bench, "small", tool, places[tool.name], source)
        for place in places.values():
            place.remove()
    shutil.rmtree(source)


def s3(bench: Bench, files: int, size: int, rclone: str) -> None:
    """Push to, and pull from, a real S3 server."""
    source = _generate(bench.root / "source", files, size)
    with serving(rclone, bench.root / "s3") as (bucket, key):
        tools = [type(tool)(tool.name, tool.program, {**tool.env, **key}) for tool in bench.tools]
        with_key = Bench(bench.root, tools, bench.rounds, bench.record)
        for number, turn in with_key.turns():
            places = {tool.name: _Place(bench.root, f"{tool.name}-s3-{number}") for tool in turn}
            for tool in turn:
                _prepare(tool, places[tool.name], bucket, source)
            for tool in turn:
                bench.measure("s3", "push", tool, tool.push(), places[tool.name].repo)
                stored = bench.root / "s3" / bucket.bucket / places[tool.name].repo.name
                bench.record.objects["s3", tool.name] = _count(stored)
            for tool in turn:
                bench.measure("s3", "second push", tool, tool.push(), places[tool.name].repo)
            for tool in turn:
                _pull(with_key, "s3", tool, places[tool.name], source)
            for place in places.values():
                place.remove()
    shutil.rmtree(bench.root / "s3")
    shutil.rmtree(source)


def one_big(bench: Bench, megabytes: int) -> None:
    """One large file, added."""
    source = bench.root / "big.bin"
    noise = random.Random(2)
    with source.open("wb") as file:
        for _ in range(megabytes):
            file.write(noise.randbytes(_PIECE))
    for number, tools in bench.turns():
        for tool in tools:
            place = _Place(bench.root, f"{tool.name}-big-{number}")
            tool.new_repository(place.repo)
            source.rename(place.repo / source.name)
            bench.measure("big", "add", tool, tool.add(source.name), place.repo)
            (place.repo / source.name).rename(source)
            place.remove()
    source.unlink()


def start(bench: Bench, runs: int) -> None:
    """`status` where there is nothing to do: what a start costs."""
    places = {tool.name: _Place(bench.root, f"{tool.name}-empty") for tool in bench.tools}
    for tool in bench.tools:
        tool.new_repository(places[tool.name].repo)
        tool.call(places[tool.name].repo, "status")
    for _ in range(runs):
        for tool in bench.tools:
            bench.measure("empty", "status", tool, tool.status(), places[tool.name].repo)
    for place in places.values():
        place.remove()


class _Place:
    """A repository, its remote if that is a folder, and its clone."""

    def __init__(self, root: Path, name: str) -> None:
        self.repo, self.remote, self.clone = (root / f"{name}{end}" for end in ("", "-remote", "-clone"))

    def remove(self) -> None:
        for folder in (self.repo, self.remote, self.clone):
            if folder.exists():
                shutil.rmtree(folder)


def _prepare(tool: Tool, place: _Place, bucket: S3, source: Path) -> None:
    tool.new_repository(place.repo, bucket)
    shutil.copytree(source, place.repo / "data")
    tool.call(place.repo, *tool.add("data")[len(tool.program) :])
    tool.commit(place.repo)


def _pull(bench: Bench, work: str, tool: Tool, place: _Place, source: Path) -> None:
    tool.git(place.repo.parent, "clone", "-q", os.fspath(place.repo), os.fspath(place.clone))
    bench.measure(work, "pull", tool, tool.pull(), place.clone)
    _same(source, place.clone / "data")
    if isinstance(tool, Dver):  # what was measured must not have left anything undone
        tool.call(place.clone, "status", "--exit-code")


def _generate(folder: Path, files: int, size: int) -> Path:
    """Files of noise, which no tool can compress, a thousand to a folder."""
    noise = random.Random(1)
    for number in range(files):
        parent = folder / f"{number // _PER_FOLDER:04d}"
        if number % _PER_FOLDER == 0:
            parent.mkdir(parents=True)
        (parent / f"{number:07d}.bin").write_bytes(noise.randbytes(size))
    return folder


def _same(one: Path, other: Path) -> None:
    run(["diff", "-rq", os.fspath(one), os.fspath(other)], one.parent, dict(os.environ))


def _count(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))
