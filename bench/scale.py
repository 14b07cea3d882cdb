#!/usr/bin/env python3
"""A million small files, or one file of many gigabytes, through all that one does with them: time, memory, requests.

Prints Markdown tables. See bench/README.md for the space that it takes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3
from contents import total_size
from counting_proxy import counting
from measure import Sample, timed
from s3server import serving
from tables import aligned, size
from tools import S3, Dver, environment, find

PER_FOLDER = 1000
PIECE = 1 << 20
MB = 1_000_000


def small(root: Path, tool: Dver, counts: Sequence[int], length: int) -> list[str]:
    """`counts` files of `length` bytes, a thousand to a folder: one row a step, one column a count."""
    taken = {count: _one_count(root / f"{count}", tool, count, length) for count in counts}
    rows = [["Step", *(f"{count:,} files" for count in counts)]]
    rows[0] += [f"CPU per 100,000 of {count:,}" for count in counts] + [f"memory, {max(counts):,}"]
    for step in taken[counts[0]][0]:
        samples = [taken[count][0][step] for count in counts]
        each = [sample.cpu / count * 100_000 for sample, count in zip(samples, counts, strict=True)]
        most = max(sample.peak_mb for sample in samples)
        rows.append([step, *(_seconds(sample.wall) for sample in samples), *map(_seconds, each), f"{most:.0f} MB"])
    empty = [""] * (len(counts) + 1)
    facts = taken[counts[0]][1]
    rows += [[fact, *(taken[count][1][fact] for count in counts), *empty] for fact in facts]
    return aligned(rows)


def _one_count(root: Path, tool: Dver, count: int, length: int) -> tuple[dict[str, Sample], dict[str, str]]:
    with _emptied(root):
        repo, remote, clone = root / "repo", root / "remote", root / "clone"
        tool.new_repository(repo, remote)
        _many(repo / "data", count, length)
        taken: dict[str, Sample] = {}
        facts: dict[str, str] = {}

        def step(name: str, command: list[str], where: Path = repo) -> None:
            taken[name] = timed(command, where, tool.env)
            print(f"{count:,} {name}: {taken[name]}", file=sys.stderr, flush=True)

        step("add", tool.add("data"))
        tool.commit(repo)
        step("first status", tool.status())
        step("status", tool.status())
        step("push", tool.push())
        before = _files(remote)
        facts["objects on the remote"] = f"{len(before):,}"
        facts["bytes on the remote"] = size(sum(before.values()))
        step("second push", tool.push())
        (repo / "data/0000/more.bin").write_bytes(os.urandom(length))
        step("add one file more", tool.add("data"))
        tool.commit(repo)
        step("push it", tool.push())
        facts["which puts"] = _puts(before, _files(remote))
        step("gc", tool.command("gc", "-q"))
        tool.git(root, "clone", "-q", os.fspath(repo), os.fspath(clone))
        step("fetch into a clone", tool.command("fetch", "-q"), clone)
        step("checkout", tool.checkout(), clone)
        step("status of the clone", tool.status(), clone)
        _same(repo / "data", clone / "data")
    return taken, facts


def _same(one: Path, other: Path) -> None:
    """Compare the names, and the bytes of every hundredth file. (dver has looked at all of them.)"""
    names = [sorted(os.path.relpath(path, top) for path in _files(top)) for top in (one, other)]
    if names[0] != names[1] or any(
        (one / name).read_bytes() != (other / name).read_bytes() for name in names[0][::100]
    ):
        sys.exit("what was checked out is not what was added")


def requests(root: Path, tool: Dver, count: int, length: int, rclone: str) -> list[str]:
    """The same files to an S3 server and back, with what passes counted."""
    rows = [["Step", "Time", "Requests", "Sent", "Received", "Memory"]]
    with _emptied(root / "s3"), serving(rclone, root / "s3/buckets") as (bucket, key):  # noqa: SIM117 -- one is in the other
        with counting(bucket.endpoint_url) as (url, counted):
            tool = Dver(tool.name, tool.program, {**tool.env, **key})
            repo, clone = root / "s3/repo", root / "s3/clone"
            tool.new_repository(repo, S3(url, bucket.bucket))
            _many(repo / "data", count, length)
            tool.call(repo, "add", "-q", "data")
            tool.commit(repo)

            def step(name: str, command: list[str], where: Path) -> None:
                counted.clear()
                taken = timed(command, where, tool.env)
                passed = [counted.told, size(counted.sent), size(counted.received)]
                rows.append([name, _seconds(taken.wall), *passed, f"{taken.peak_mb:.0f} MB"])

            step("push", tool.push(), repo)
            step("second push", tool.push(), repo)
            (repo / "data/0000/more.bin").write_bytes(os.urandom(length))
            tool.call(repo, "add", "-q", "data")
            tool.commit(repo)
            step("push of one file more", tool.push(), repo)
            tool.git(root, "clone", "-q", os.fspath(repo), os.fspath(clone))
            step("fetch of one file into a clone", tool.command("fetch", "-q", "data/0000/more.bin"), clone)
            step("fetch of all", tool.command("fetch", "-q"), clone)
            step("second fetch", tool.command("fetch", "-q"), clone)
    return aligned(rows)


def _many(folder: Path, count: int, length: int) -> None:
    noise = random.Random(1)
    for number in range(count):
        parent = folder / f"{number // PER_FOLDER:04d}"
        if number % PER_FOLDER == 0:
            parent.mkdir(parents=True)
        (parent / f"{number:07d}.bin").write_bytes(noise.randbytes(length))


def _files(folder: Path) -> dict[str, int]:
    paths = [os.path.join(top, name) for top, _, names in os.walk(folder) for name in names]
    return {path: os.path.getsize(path) for path in paths}


def _puts(before: dict[str, int], after: dict[str, int]) -> str:
    new = [after[path] for path in after.keys() - before.keys()]
    return f"{len(new)}, {size(sum(new))}"


def large(root: Path, tool: Dver, length: int, link: str) -> list[str]:
    """One file of `length` bytes of noise. What is no longer needed is deleted on the way."""
    rows = [["Step", "Time", "Bytes a second", "Processor time", "Memory"]]
    with _emptied(root / "large"):
        repo, remote, clone = (root / "large" / name for name in ("repo", "remote", "clone"))
        tool.new_repository(repo, remote)
        tool.call(repo, "config", "set", "cache.link", link)
        (repo / "data").mkdir()
        oid = _noise(repo / "data/one.bin", length)

        def step(name: str, command: list[str], where: Path) -> None:
            taken = timed(command, where, tool.env)
            rate = size(length / taken.wall) if taken.wall > 1 else ""
            rows.append(
                [name, _seconds(taken.wall), rate and f"{rate}/s", _seconds(taken.cpu), f"{taken.peak_mb:.0f} MB"]
            )
            print(name, taken, file=sys.stderr, flush=True)

        step("add", tool.add("data"), repo)
        tool.commit(repo)
        step("status", tool.status(), repo)
        step("push", tool.push(), repo)
        step("second push", tool.push(), repo)
        rows.append(["on the remote", f"{len(_files(remote)):,} objects", size(total_size(remote)), "", ""])
        tool.git(root / "large", "clone", "-q", "--no-local", os.fspath(repo), os.fspath(clone))
        shutil.rmtree(repo)
        tool.call(clone, "config", "set", "cache.link", link)
        step("pull into a clone", tool.pull(), clone)
        step("status of the clone", tool.status(), clone)
        if _hash(clone / "data/one.bin") != oid:
            sys.exit("what was pulled is not what was pushed")
    return aligned(rows)


def _noise(path: Path, length: int) -> bytes:
    """Write noise that repeats nowhere, as quickly as a disk takes it; returns its hash."""
    content = blake3()
    with path.open("wb") as file:
        for at in range(0, length, PIECE):
            piece = blake3(b"noise").digest(min(PIECE, length - at), seek=at)
            content.update(piece)
            file.write(piece)
    return content.digest()


def _hash(path: Path) -> bytes:
    content = blake3()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            content.update(piece)
    return content.digest()


def _seconds(wall: float) -> str:
    return f"{wall:.2f} s" if wall < 10 else f"{wall:,.0f} s"


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Measure and print."""
    options = _options()
    work = options.workdir.resolve() / "scale-work"
    with _emptied(work):
        tool = Dver("dver", (_dver(),), environment(work))
        if options.files:
            counts = [int(count) for count in options.files.split(",")]
            print(f"Files of {options.length} bytes\n\n" + "\n".join(small(work, tool, counts, options.length)) + "\n")
        if options.s3 and options.s3_files:
            told = f"{options.s3_files:,} files of {options.length} bytes, S3\n\n"
            print(told + "\n".join(requests(work, tool, options.s3_files, options.length, options.s3)) + "\n")
        if options.large_mb:
            told = f"One file of {size(options.large_mb * MB)}, `cache.link = {options.link}`\n\n"
            print(told + "\n".join(large(work, tool, options.large_mb * MB, options.link)))


def _dver() -> str:
    program = find("dver")
    if program is None:
        sys.exit("dver is not installed: `make bench` does it, or set $DVER")
    return program


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", nargs="?", type=Path, default=Path("build"), help="a folder on the disk to work on")
    parser.add_argument("--files", default="10000,30000,100000", help="numbers of small files (default: %(default)s)")
    parser.add_argument("--length", type=int, default=256, help="bytes of each (default: %(default)s)")
    parser.add_argument("--large-mb", type=int, default=256, help="MB of the large file; 0 for none")
    parser.add_argument("--link", default="hardlink", help="cache.link for the large file (default: %(default)s)")
    parser.add_argument("--s3-files", type=int, default=100_000, help="files for S3 (default: %(default)s)")
    parser.add_argument("--s3", default=find("rclone"), help="rclone, which serves it (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
