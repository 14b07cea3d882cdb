"""What differs between operating systems. The functions of macOS are replaced at the boundary to the system."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from dver.core.platform import blocks, filelock, machine

FULL_SYNC = 51
"""F_FULLFSYNC of macOS."""


# -- Windows


def test_windows_is_refused_and_told_of_wsl() -> None:
    script = "import os, sys; sys.platform, os.name = 'win32', 'nt'; from dver.__main__ import run; run()"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.returncode == 69
    assert found.stdout == ""
    assert found.stderr.startswith("error: dver does not run on Windows\n")
    assert "fix: install WSL with `wsl --install`" in found.stderr


def test_what_refuses_windows_imports_nothing_that_windows_does_not_have() -> None:
    script = "import sys, dver.core.platform; print(*sorted({'fcntl', 'resource', 'pwd', 'grp'} & set(sys.modules)))"
    # `site` may import pwd for the user's own packages: -I leaves those out.
    found = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"


# -- durable writes


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The syncs that a Mac makes."""
    made: list[str] = []

    def full_sync(_fd: int, command: int) -> int:
        assert command == FULL_SYNC
        made.append("full")
        return 0

    monkeypatch.setattr(blocks, "_FULL_SYNC", FULL_SYNC)
    monkeypatch.setattr(fcntl, "fcntl", full_sync)
    monkeypatch.setattr(os, "fsync", lambda _fd: made.append("fsync"))
    return made


def test_macos_empties_the_cache_of_the_disk(calls: list[str]) -> None:
    blocks.sync(1)
    assert calls == ["full"]


def test_a_disk_without_full_syncs_gets_an_fsync(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_fd: int, _command: int) -> int:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "fcntl", refused)
    blocks.sync(1)
    assert calls == ["fsync"]


# -- sharing blocks

Clone = Callable[[int, int, bytes, int], int]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"x" * 10_000)
    path.chmod(0o444)
    return path


def clone(source: int, folder: int, target: bytes, flags: int) -> int:
    """fclonefileat(2): makes a new file, with the content and the mode of the old one."""
    assert (folder, flags) == (-2, 2)
    assert not os.path.lexists(target)
    shutil.copyfile(f"/dev/fd/{source}", target)
    os.chmod(target, os.fstat(source).st_mode & 0o7777)
    return 0


def use(monkeypatch: pytest.MonkeyPatch, function: Clone) -> None:
    monkeypatch.setattr(blocks, "_clone_function", lambda: function)


def test_on_macos_the_clone_takes_the_place_of_the_new_file(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, clone)
    target = tmp_path / "target"
    with source.open("rb") as reading, target.open("x+b") as writing:
        target.chmod(0o640)
        assert blocks.reflink(reading.fileno(), writing.fileno(), target)
        assert os.path.samestat(os.fstat(writing.fileno()), target.stat())
        assert target.stat().st_mode & 0o777 == 0o640
        assert writing.read() == source.read_bytes()
        with target.open("rb") as other:
            assert not filelock.try_lock(other.fileno())  # so nobody clears it
        writing.write(b"more")
    assert target.read_bytes() == source.read_bytes() + b"more"
    assert source.stat().st_size == 10_000
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]


def test_where_a_mac_cannot_clone_the_new_file_is_still_empty(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, lambda *_: -1)
    target = tmp_path / "target"
    with source.open("rb") as reading, target.open("x+b") as writing:
        target.chmod(0o640)
        assert not blocks.reflink(reading.fileno(), writing.fileno(), target)
        writing.write(b"copied")
    assert target.read_bytes() == b"copied"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_clone_that_is_cleared_before_it_is_locked_is_made_again(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def overtaken(source: int, folder: int, target: bytes, flags: int) -> int:
        clone(source, folder, target, flags)
        made.append(target)
        if len(made) == 1:
            os.unlink(target)
        return 0

    use(monkeypatch, overtaken)
    target = tmp_path / "target"
    with source.open("rb") as reading, target.open("x+b") as writing:
        assert blocks.reflink(reading.fileno(), writing.fileno(), target)
        assert writing.read() == source.read_bytes()
    assert len(made) == 2


def test_linux_needs_no_function_of_macos() -> None:
    assert blocks._clone_function() is None


# -- locks


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as one, (tmp_path / "file").open("w") as other:
        filelock.lock(one.fileno())
        assert not filelock.try_lock(other.fileno(), shared=True)
        filelock.unlock(one.fileno())
        assert filelock.try_lock(other.fileno(), shared=True)
        assert filelock.try_lock(one.fileno(), shared=True)
        assert not filelock.try_lock(one.fileno())


# -- the machine


@pytest.mark.parametrize(("linux", "size"), [(True, 5 << 10), (False, 5)], ids=["Linux: KiB", "macOS: bytes"])
def test_peak_memory_is_in_bytes(monkeypatch: pytest.MonkeyPatch, linux: bool, size: int) -> None:
    monkeypatch.setattr(machine, "LINUX", linux)
    assert machine.peak_memory(SimpleNamespace(ru_maxrss=5)) == size


def test_only_linux_forks_and_only_without_threads_that_may_hold_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    running = [threading.main_thread(), threading.Thread()]
    monkeypatch.setattr(threading, "enumerate", lambda: running)
    assert not machine.can_fork()
    setattr(running[1], machine.IDLE_AT_FORKS, True)
    assert machine.can_fork()
    monkeypatch.setattr(machine, "LINUX", False)
    assert not machine.can_fork()


def test_a_child_that_has_ended_is_left_to_be_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    machine.wait_for_exit(child.pid)
    assert child.wait() == 3


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
def test_older_pythons_on_macos_wait_for_a_child_with_kqueue(monkeypatch: pytest.MonkeyPatch, ended: bool) -> None:
    asked: list[object] = []

    class Queue:
        def control(self, events: list[object], count: int) -> None:
            asked.extend([*events, count])
            if ended:
                raise ProcessLookupError

        def close(self) -> None:
            asked.append("closed")

    for name, value in {"KQ_FILTER_PROC": -5, "KQ_EV_ADD": 1, "KQ_EV_ONESHOT": 16, "KQ_NOTE_EXIT": 1 << 31}.items():
        monkeypatch.setattr(select, name, value, raising=False)
    monkeypatch.setattr(select, "kevent", lambda *fields: fields, raising=False)
    monkeypatch.setattr(select, "kqueue", Queue, raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "waitid")
    machine.wait_for_exit(123)
    assert asked == [(123, -5, 17, 1 << 31), 1, "closed"]


def test_users_and_groups_without_a_name_are_numbers() -> None:
    assert machine.user_name(0) == "root"
    assert machine.user_name(2**31 - 5) == f"user {2**31 - 5}"
    assert machine.group_name(2**31 - 5) == f"number {2**31 - 5}"
