"""Reading objects from the store, a cache, and a remote that changes meanwhile."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspaces import Project, write

from dver.access.files import FileInfo
from dver.access.objects import BlobRef, ObjectReader
from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.ops.maintain.gc_remote import gc_remote
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.repo import Repository

BIG = os.urandom(5 << 20)
SMALL = [f"line {number}\n".encode() * 500 for number in range(40)]


class NoCache:
    """A cache that keeps nothing."""

    def get(self, oid: Oid) -> bytes | None:
        return None

    def put(self, oid: Oid, content: bytes) -> None:
        pass

    def get_recipe(self, oid: Oid) -> bytes | None:
        return None

    def put_recipe(self, oid: Oid, content: bytes) -> None:
        pass

    def forget_recipe(self, oid: Oid) -> None:
        pass

    def is_proved(self, oid: Oid, recipe: bytes) -> bool:
        return False

    def prove(self, oid: Oid, recipe: bytes) -> None:
        pass


class CountingCache(NoCache):
    """A cache in memory that counts what it was given."""

    def __init__(self) -> None:
        self.contents: dict[Oid, bytes] = {}
        self.recipes: dict[Oid, bytes] = {}

    def get(self, oid: Oid) -> bytes | None:
        return self.contents.get(oid)

    def put(self, oid: Oid, content: bytes) -> None:
        self.contents[oid] = content

    def get_recipe(self, oid: Oid) -> bytes | None:
        return self.recipes.get(oid)

    def put_recipe(self, oid: Oid, content: bytes) -> None:
        self.recipes[oid] = content


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with pushed data and an empty store."""
    project = Project.make(tmp_path / "project")
    write(project.root, {"data/big.bin": BIG, **{f"data/{at:02}.txt": one for at, one in enumerate(SMALL)}})
    project.save("data")
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
    shutil.rmtree(project.root / ".git/dver/store")
    return project


@pytest.fixture
def repo(project: Project) -> Iterator[Repository]:
    with project.opened() as repo:
        yield repo


def reader(repo: Repository, cache: NoCache | None = None) -> ObjectReader:
    """A reader of the project's objects."""
    return ObjectReader(repo.store, cache or NoCache(), repo.remotes.catalog)


def entries(repo: Repository, reading: ObjectReader) -> dict[str, FileInfo]:
    """The files of the data, by name."""
    from dver.tracking.targets import tracked_in_worktree

    root = tracked_in_worktree(repo)[b"data"].entry
    return {info.path: info for info in reading.listing(root.oid, "")}


def blob(info: FileInfo) -> BlobRef:
    """The blob of a file."""
    assert info.oid is not None
    assert info.size is not None
    return BlobRef(info.oid, info.size)


def test_a_cache_spares_the_second_reader_all_requests(repo: Repository, project: Project) -> None:
    cache = CountingCache()
    big = blob(entries(repo, reader(repo, cache))["big.bin"])
    assert reader(repo, cache).read_range(big, 1 << 20, 100) == BIG[1 << 20 : (1 << 20) + 100]
    shutil.rmtree(project.root.parent / "remote")
    assert reader(repo, cache).read_range(big, 1 << 20, 100) == BIG[1 << 20 : (1 << 20) + 100]


def test_a_range_downloads_only_the_chunks_that_it_touches(repo: Repository) -> None:
    cache = CountingCache()
    reading = reader(repo, cache)
    reading.read_range(blob(entries(repo, reading)["big.bin"]), len(BIG) - 4096, 4096)
    assert sum(len(content) for content in cache.contents.values()) < 2 << 20


def test_reads_what_a_gc_of_the_remote_has_moved(repo: Repository, project: Project) -> None:
    reading = reader(repo)
    found = entries(repo, reading)
    assert reading.read(blob(found["00.txt"])) == SMALL[0]
    for name in [name for name in found if name > "05.txt"]:
        (project.root / "data" / name).unlink()
    project.add("data")
    project.git("commit", "--amend", "-aqm", "Less")
    project.git("reflog", "expire", "--expire=now", "--all")
    packs = project.root.parent / "remote/packs"
    before = set(packs.rglob("*.pack"))
    with project.opened() as other:
        push(other, cwd=project.root)
        for _ in range(3):
            gc_remote(other, None, grace=0, offline=True)
    assert before.isdisjoint(packs.rglob("*.pack"))
    assert reading.read(blob(found["01.txt"])) == SMALL[1]


def test_says_which_object_is_missing_everywhere(repo: Repository, project: Project) -> None:
    reading = reader(repo)
    found = entries(repo, reading)
    shutil.rmtree(project.root.parent / "remote/packs")
    with pytest.raises(MissingObjectError) as caught:
        reading.read(blob(found["01.txt"]))
    assert caught.value.fix == "run `dver push` in a clone that has it"


def test_many_blobs_come_in_the_given_order(repo: Repository) -> None:
    reading = reader(repo)
    found = entries(repo, reading)
    names = [*sorted(found, reverse=True), "03.txt"]
    expected = [BIG if name == "big.bin" else SMALL[int(name[:2])] for name in names]
    assert list(reading.read_many([blob(found[name]) for name in names])) == expected


def test_a_wrong_size_in_a_tree_is_noticed(repo: Repository) -> None:
    reading = reader(repo)
    found = entries(repo, reading)
    with pytest.raises(CorruptError):
        reading.read(BlobRef(found["00.txt"].oid, 7))
    with pytest.raises(CorruptError):
        reading.read_range(BlobRef(found["big.bin"].oid, len(BIG) + 1), 0, 10)


def test_threads_share_one_reader(repo: Repository) -> None:
    reading = reader(repo)
    found = entries(repo, reading)
    wrong: list[str] = []

    def read(name: str) -> None:
        if reading.read(blob(found[name])) != (BIG if name == "big.bin" else SMALL[int(name[:2])]):
            wrong.append(name)

    threads = [threading.Thread(target=read, args=(name,)) for name in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_without_a_remote_says_what_is_missing(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "alone")
    write(project.root, {"data/a.txt": b"text"})
    project.save("data")
    shutil.rmtree(project.root / ".git/dver/store")
    with project.opened() as repo, pytest.raises(MissingObjectError) as caught:
        entries(repo, reader(repo))
    assert caught.value.why == "no remote is configured"
