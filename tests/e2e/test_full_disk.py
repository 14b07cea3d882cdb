"""A disk that is full or read-only: reading goes on, gc makes room, and no command is killed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from smalldisk import SmallDisk, small_disk

READING = (
    ("status",),
    ("ls", "data"),
    ("cat", "data/small"),
    ("diff",),
    ("diff", "HEAD~1", "HEAD"),
    ("check", "available"),
    ("fsck",),
    ("gc", "--dry-run"),
    ("exp", "list"),
    ("exp", "show"),
)


@pytest.fixture(params=["ext4", "tmpfs"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    """A small disk with the project `repo`: two commits, and 1.5 MB that nothing references any more."""
    with small_disk(tmp_path, request.param) as found:
        repo = found.root / "repo"
        found.run("git", "init", "--quiet", repo)
        found.dver("init", cwd=repo)
        for number in range(3):
            found.run("mkdir", "-p", "data", cwd=repo)
            found.run("sh", "-c", "cat > data/big", cwd=repo, stdin=random.Random(number).randbytes(1_500_000))
            found.run("sh", "-c", f"echo {number} > data/small", cwd=repo)
            found.dver("add", "data", cwd=repo)
            if number != 1:
                found.run("git", "commit", "--quiet", "-m", f"Version {number}", cwd=repo)
        found.dver("exp", "save", "-n", "kept", cwd=repo)
        yield found


def free_kib(disk: SmallDisk) -> int:
    return int(disk.run("df", "-k", "--output=avail", ".").out.split()[1])


@pytest.mark.parametrize("cache", ["warm", "cold"])
def test_reading_works_on_a_full_disk(disk: SmallDisk, cache: str) -> None:
    if cache == "cold":
        disk.run("sh", "-c", "rm -f repo/.git/dver/index.db* repo/.git/dver/experiments/records.db*")
    disk.fill()
    for command in READING:
        disk.dver(*command, cwd=disk.root / "repo")
    assert disk.dver("cat", "data/small", cwd=disk.root / "repo").out == "2\n"
    disk.run("sh", "-c", "echo changed > repo/data/small", rc=None)


def test_gc_makes_room_on_a_full_disk(disk: SmallDisk) -> None:
    repo = disk.root / "repo"
    disk.fill()
    before = free_kib(disk)
    assert "moved" in disk.dver("gc", cwd=repo).out
    assert "of trash that was older" in disk.dver("gc", "--grace", "0d", cwd=repo).out
    assert free_kib(disk) - before > 1000
    disk.dver("check", "available", "--all-commits", cwd=repo)
    disk.dver("fsck", cwd=repo)
    disk.dver("add", "data", cwd=repo)


def test_no_command_is_killed_however_little_room_there_is(disk: SmallDisk) -> None:
    repo = disk.root / "repo"
    for free in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
        disk.run("sh", "-c", "rm -f repo/.git/dver/index.db*")
        disk.fill(free=free)
        disk.dver("status", cwd=repo)
        result = disk.dver("add", "data", cwd=repo, rc=None)
        assert result.rc in (0, 8), result.err


def test_an_experiment_that_does_not_fit_says_so_and_loses_nothing(disk: SmallDisk) -> None:
    repo = disk.root / "repo"
    names = ["kept"]
    disk.run("sh", "-c", "echo changed > repo/data/small")
    for free in (0, 5, 13, 34, 80, 200):
        disk.fill(free=free)
        result = disk.dver("exp", "save", "-n", f"with-{free}", cwd=repo, rc=None)
        assert result.rc in (0, 3, 8), result.err
        assert result.rc == 0 or "full" in result.err or "No space" in result.err, result.err
        names += [f"with-{free}"] if result.rc == 0 else []
        found = disk.dver("exp", "list", "--names-only", cwd=repo).out.split()
        assert found == names
    disk.run("rm", "fill")
    disk.dver("exp", "save", cwd=repo)


def test_an_add_that_does_not_fit_says_so_and_changes_nothing(disk: SmallDisk) -> None:
    repo = disk.root / "repo"
    before = disk.run("cat", "data.dver", cwd=repo).out
    disk.run("sh", "-c", "head -c 3000000 /dev/urandom > repo/data/new")
    disk.fill(free=100)
    refused = disk.dver("add", "data", cwd=repo, rc=8)
    assert "the disk is full" in refused.err
    assert disk.run("cat", "data.dver", cwd=repo).out == before


@pytest.mark.parametrize("cache", ["warm", "cold"])
def test_reading_works_where_nothing_can_be_written(disk: SmallDisk, cache: str) -> None:
    if cache == "cold":
        disk.run("sh", "-c", "rm -f repo/.git/dver/index.db* repo/.git/dver/experiments/records.db*")
    disk.make_read_only()
    for command in READING:
        disk.dver(*command, cwd=disk.root / "repo")
    refused = disk.dver("add", "data", cwd=disk.root / "repo", rc=8)
    assert "read-only" in refused.err
