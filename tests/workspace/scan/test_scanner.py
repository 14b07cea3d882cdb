"""Scanning: what is read, what is believed, and what is refused."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dver.core.clock import TICK_NS, disk_lag, would_show
from dver.core.errors import ConflictError, UsageError
from dver.core.oid import Oid
from dver.core.progress import Task
from dver.formats.tree import Entry, Kind
from dver.store.objects.database import Database
from dver.workspace.scan.hash_or_store import HashOnly
from dver.workspace.scan.scanner import Scanner
from dver.workspace.scan.stable_read import FileToRead, HashedFile, open_unchanged
from dver.workspace.scan.stat_cache import DirectoryRecord, StatCache, make_record, stat_key


class Counting(HashOnly):
    """Notes which files are read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def files(self, candidates: Sequence[FileToRead], task: Task) -> list[HashedFile]:
        self.read += [os.fsdecode(os.path.basename(one.path)) for one in candidates]
        return super().files(candidates, task)


class Place:
    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.cache = StatCache(Database(folder / "index.db"))
        self.intake = Counting()
        self.lag = 0

    def scan(self) -> Entry:
        found = Scanner(self.cache, self.intake, lag=lambda: self.lag).scan(os.fsencode(self.data), b"data")
        assert found is not None
        return found.root

    def read(self) -> list[str]:
        """What a scan reads now."""
        self.intake.read.clear()
        self.scan()
        return self.intake.read


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def settle() -> None:
    """Wait until a change would show."""
    time.sleep(3 * TICK_NS / 1e9)


def test_files_are_read_once_and_again_when_they_change(place: Place) -> None:
    for name in ("a", "b", "c"):
        (place.data / name).write_bytes(name.encode())
    settle()
    assert place.read() == ["a", "b", "c"]
    assert place.read() == []
    (place.data / "b").write_bytes(b"B")
    settle()
    assert place.read() == ["b"]
    (place.data / "d").write_bytes(b"d")
    (place.data / "a").unlink()
    settle()
    assert place.read() == ["d"]


def test_a_changed_mode_or_inode_is_a_change(place: Place) -> None:
    (place.data / "a").write_bytes(b"a")
    settle()
    before = place.scan()
    (place.data / "a").chmod(0o755)
    assert place.scan() != before
    (place.data / "a").rename(place.data / "b")
    (place.data / "b").rename(place.data / "a")
    settle()
    assert place.read() == ["a"], "renaming changes the ctime"


def test_what_has_just_changed_is_read_again_next_time(place: Place) -> None:
    (place.data / "a").write_bytes(b"a")
    place.scan()
    assert place.read() == ["a"]
    settle()
    place.scan()
    assert place.read() == []


def test_on_a_disk_whose_clock_is_behind_a_recent_change_is_read_again(place: Place) -> None:
    place.lag = 60 * 10**9
    (place.data / "a").write_bytes(b"a")
    settle()
    place.scan()
    assert place.read() == ["a"], "by the clock of the disk it may have changed after it was read"
    place.lag = 0
    place.scan()
    assert place.read() == []


def test_the_lag_of_a_disk_is_what_its_clock_is_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disk_lag(tmp_path) < 10**9
    assert disk_lag(tmp_path / "absent") == 0
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 60 * 10**9)
    assert 59 * 10**9 < disk_lag(tmp_path) < 61 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: real() - 60 * 10**9)
    assert disk_lag(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_ctime_in_the_future_is_never_trusted() -> None:
    now = time.time_ns()
    assert would_show(now - 10 * TICK_NS - 1, now)
    assert not would_show(now, now)
    assert not would_show(now + 10**12, now)
    whole = now // 10**9 * 10**9
    assert not would_show(whole - 10**9, whole), "a disk that keeps whole seconds"


def test_the_oid_does_not_depend_on_the_cache_or_the_order_of_work(place: Place, tmp_path: Path) -> None:
    for name in ("z", "a", "m"):
        (place.data / name).mkdir()
        (place.data / name / "f").write_bytes(name.encode())
    first = place.scan()
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    for name in ("a", "m", "z"):
        (other.data / name).mkdir()
        (other.data / name / "f").write_bytes(name.encode())
    assert other.scan() == first
    assert (first.size, first.files) == (3, 3)


def test_what_is_not_there_is_nothing(tmp_path: Path, place: Place) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "none/below", tmp_path / "file/below"):
        assert Scanner(place.cache, HashOnly()).scan(os.fsencode(path), b"x") is None


def test_temporary_names_are_passed_over(place: Place) -> None:
    (place.data / "a").write_bytes(b"a")
    before = place.scan()
    (place.data / ".dver-stage-123-0123456789ab").mkdir()
    assert place.scan() == before


def test_a_file_that_keeps_changing_is_given_up_by_name(tmp_path: Path) -> None:
    file = tmp_path / "busy"
    file.write_bytes(b"x")
    candidate = FileToRead(os.fsencode(file), stat_key(os.lstat(file)))

    def changing(fd: int) -> Oid:
        with file.open("ab") as more:
            more.write(b"y")
        return Oid.of(b"")

    with pytest.raises(ConflictError, match="busy"):
        open_unchanged(candidate, changing)


def test_a_file_that_changed_once_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    candidate = FileToRead(os.fsencode(file), stat_key(os.lstat(file)))
    file.write_bytes(b"newer")
    taken = open_unchanged(candidate, lambda fd: Oid.of(os.read(fd, 100)))
    assert taken == HashedFile(Oid.of(b"newer"), stat_key(os.lstat(file)))


@pytest.mark.parametrize("becomes", ["nothing", "link", "fifo"])
def test_a_file_that_is_replaced_after_it_was_listed_is_told(becomes: str, place: Place) -> None:
    file = place.data / "file"
    file.write_bytes(b"x")

    class Replacing(HashOnly):
        def files(self, candidates: Sequence[FileToRead], task: Task) -> list[HashedFile]:
            file.unlink()
            if becomes == "link":
                file.symlink_to("/etc/hostname")
            elif becomes == "fifo":
                os.mkfifo(file)
            return super().files(candidates, task)

    with pytest.raises(ConflictError, match="file"):
        Scanner(place.cache, Replacing()).scan(os.fsencode(place.data), b"data")


def test_special_files_are_refused_by_name(place: Place) -> None:
    os.mkfifo(place.data / "pipe")
    with pytest.raises(UsageError, match="pipe"):
        place.scan()


def test_a_record_survives_and_a_damaged_one_counts_as_absent() -> None:
    entries = [Entry(b"a", Kind.FILE, Oid.of(b"1"), 1), Entry(b"b", Kind.SYMLINK, Oid.of(b"2"), 1)]
    keys = [stat_key(os.stat("/")), stat_key(os.stat("/"))]
    record = make_record(Oid.of(b"tree"), entries, keys, size=2, files=2)
    kept = record.encode()
    found = DirectoryRecord.decode(kept)
    assert found is not None
    assert found == record
    assert found.entries() == tuple(entries)
    assert found.by_name()[b"b"] == (keys[1], entries[1])
    assert found.oids() == [Oid.of(b"tree"), Oid.of(b"1"), Oid.of(b"2")]
    for at in range(len(kept)):
        assert DirectoryRecord.decode(kept[:at] + bytes((kept[at] ^ 1,)) + kept[at + 1 :]) is None
        assert DirectoryRecord.decode(kept[:at]) is None


def test_single_files_of_a_folder_are_read_once_whoever_looks_at_them(place: Place) -> None:
    for name in ("a", "b", "c"):
        (place.data / name).write_text(name)
    settle()

    def read(*names: bytes) -> list[str]:
        place.intake.read.clear()
        Scanner(place.cache, place.intake).scan_names(os.fsencode(place.data), names)
        return place.intake.read

    assert read(b"a", b"b") == ["a", "b"]
    assert read(b"b", b"c", b"gone") == ["c"]
    assert Scanner(place.cache, place.intake).scan(os.fsencode(place.data / "c"), b"c") is not None
    assert read(b"a", b"b", b"c") == []
    (place.data / "b").write_text("other")
    assert read(b"a", b"b", b"c") == ["b"]
