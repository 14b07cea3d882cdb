"""The user's object cache: verified reads, the size limit, other processes and bad disks."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from dver.access.cache import ObjectCache
from dver.core.oid import Oid

LIMIT = 16 << 20
CONTENT = os.urandom(100_000)
OID = Oid.of(CONTENT)


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    return ObjectCache(tmp_path / "cache/objects", LIMIT)


def only_file(cache: ObjectCache) -> Path:
    """The path of the only cached file."""
    (path,) = cache.directory.glob("??/*")
    return path


def age(path: Path, seconds: float) -> None:
    """Let the last use of a file be so many seconds ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def numbered(number: int) -> bytes:
    """One of many contents of 64 KiB."""
    return number.to_bytes(4, "little") * (16 << 10)


def test_returns_what_was_put(cache: ObjectCache) -> None:
    assert cache.get(OID) is None
    cache.put(OID, CONTENT)
    assert cache.get(OID) == CONTENT
    assert ObjectCache(cache.directory, LIMIT).get(OID) == CONTENT


def test_a_recipe_is_apart_from_a_content_of_the_same_oid(cache: ObjectCache) -> None:
    cache.put_recipe(OID, b"recipe")
    assert cache.get(OID) is None
    assert cache.get_recipe(OID) == b"recipe"


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], b"x" + CONTENT[1:]], ids=["empty", "short", "changed"])
def test_a_damaged_content_is_dropped(cache: ObjectCache, damage: bytes) -> None:
    cache.put(OID, CONTENT)
    only_file(cache).write_bytes(damage)
    assert cache.get(OID) is None
    assert not list(cache.directory.glob("??/*"))


def test_a_damaged_recipe_is_dropped(cache: ObjectCache) -> None:
    cache.put_recipe(OID, b"recipe")
    path = only_file(cache)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert cache.get_recipe(OID) is None
    assert not path.exists()


def test_a_recipe_of_another_blob_is_refused(cache: ObjectCache) -> None:
    cache.put_recipe(OID, b"recipe")
    other = Oid.of(b"other")
    target = cache.directory / other.hex()[:2] / f"{other.hex()[2:]}.recipe"
    target.parent.mkdir(exist_ok=True)
    os.rename(only_file(cache), target)
    assert cache.get_recipe(other) is None


def test_stays_below_its_limit_and_keeps_what_was_used_last(cache: ObjectCache) -> None:
    cache.put(OID, CONTENT)
    age(only_file(cache), 5 * 3600)
    for number in range(600):  # 37 MiB
        content = numbered(number)
        cache.put(Oid.of(content), content)
        age(cache.directory / Oid.of(content).hex()[:2] / Oid.of(content).hex()[2:], 10 * 3600 - number)
        if number % 50 == 0:
            assert cache.get(OID) == CONTENT
            assert cache.summary().size <= LIMIT
    assert LIMIT // 2 < cache.summary().size <= LIMIT
    last = numbered(599)
    assert cache.get(Oid.of(last)) == last
    assert cache.get(Oid.of(numbered(0))) is None


def test_a_put_seldom_lists_the_cache(cache: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    for number in range(100):
        cache.put(Oid.of(bytes([number])), numbered(number))
    assert sum(str(path) == str(cache.directory) for path in listed) == 100 * (64 << 10) // (LIMIT // 16)


def test_without_a_limit_nothing_is_cached(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path / "objects", 0)
    cache.put(OID, CONTENT)
    assert cache.get(OID) is None
    assert not cache.directory.exists()


def test_an_object_larger_than_a_part_of_the_limit_is_not_cached(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path / "objects", len(CONTENT))
    cache.put(OID, CONTENT)
    assert cache.get(OID) is None


def test_a_directory_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = ObjectCache(tmp_path / "file/objects", LIMIT)
    cache.put(OID, CONTENT)
    assert cache.get(OID) is None


def test_a_full_disk_is_no_error_and_is_not_tried_again(cache: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def full(source: object, target: object) -> None:
        tried.append(source)
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", full)
        cache.put(OID, CONTENT)
    cache.put(OID, CONTENT)
    assert len(tried) == 1
    assert cache.get(OID) is None
    assert not list(cache.directory.glob("??/.*"))


def test_goes_on_after_another_process_has_deleted_it(cache: ObjectCache) -> None:
    import shutil

    cache.put(OID, CONTENT)
    shutil.rmtree(cache.directory)
    assert cache.get(OID) is None
    cache.put(OID, CONTENT)
    assert cache.get(OID) == CONTENT


def test_other_users_cannot_read_it(cache: ObjectCache) -> None:
    cache.put(OID, CONTENT)
    assert cache.directory.stat().st_mode & 0o077 == 0
    assert cache.directory.parent.stat().st_mode & 0o077 == 0
    assert only_file(cache).stat().st_mode & 0o077 == 0


def test_clear_deletes_what_was_not_used_since_a_time(cache: ObjectCache) -> None:
    cache.put(OID, CONTENT)
    age(only_file(cache), 7200)
    cache.put(Oid.of(b"new"), b"new")
    gone = cache.clear(time.time() - 3600)
    assert (gone.count, gone.size) == (1, len(CONTENT))
    assert cache.get(Oid.of(b"new")) == b"new"
    assert cache.clear().count == 1
    assert cache.summary().count == 0


def _write_many(directory: Path, seed: int) -> None:
    cache = ObjectCache(directory, LIMIT)
    for number in range(300):
        content = numbered(number * (1 + seed % 2))
        cache.put(Oid.of(content), content)
        assert cache.get(Oid.of(content)) in (content, None)


def test_many_processes_share_it(cache: ObjectCache) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_many, args=(cache.directory, seed)) for seed in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert 0 < cache.summary().size <= LIMIT + LIMIT // 16
    assert not list(cache.directory.glob("??/.*"))
