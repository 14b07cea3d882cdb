"""Writing files atomically, temporary names and what killed processes leave, locks, errors in words."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from dver.core.errors import LocalIOError
from dver.core.files import (
    GrowingError,
    clear_leftovers,
    create_temporary,
    explain,
    fsync_dir,
    is_temporary,
    move_to_free_name,
    read_pieces,
    temporary_name,
    write_all_atomic,
    write_atomic,
    writing_to,
)


def test_an_atomic_write_replaces_the_content_and_keeps_the_mode(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    file.chmod(0o640)
    write_atomic(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_an_atomic_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/child").touch()
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path / "folder", b"new")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_new_file_obeys_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_temporary_names_are_recognised_and_users_names_are_not() -> None:
    assert is_temporary(os.fsencode(temporary_name("pack")))
    for name in (
        b".dver",
        b".dver-tmp",
        b".dver-notes-2024",
        b"x.dver-tmp-1-0123456789ab",
        b".dver-tmp-1-0123456789aB",
    ):
        assert not is_temporary(name)


def test_leftovers_are_cleared_but_not_what_is_in_use_nor_what_is_the_users(tmp_path: Path) -> None:
    path, fd = create_temporary(tmp_path, "pack")
    (tmp_path / temporary_name("loose")).write_bytes(b"left")
    folder = tmp_path / temporary_name("stage")
    folder.mkdir()
    (folder / "file").touch()
    (tmp_path / ".dver-mine").touch()
    clear_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([".dver-mine", path.name])
    os.close(fd)
    clear_leftovers(tmp_path)
    assert os.listdir(tmp_path) == [".dver-mine"]


def test_a_symbolic_link_of_a_temporary_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").touch()
    (tmp_path / temporary_name()).symlink_to("precious")
    clear_leftovers(tmp_path)
    assert (tmp_path / "precious/file").exists()


def test_clearing_where_there_is_no_folder_is_harmless(tmp_path: Path) -> None:
    clear_leftovers(tmp_path / "none")
    assert os.listdir(tmp_path) == []


_CREATOR = """
import sys
from collections import deque
from pathlib import Path
from dver.core.files import clear_leftovers, create_temporary
import os
folder = Path(sys.argv[1])
for number in range(300):
    path, fd = create_temporary(folder)
    os.replace(path, folder / f"{sys.argv[2]}-{number}")
    os.close(fd)
    clear_leftovers(folder)
"""


def test_processes_that_create_and_clear_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CREATOR, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert len(os.listdir(tmp_path)) == 4 * 300


def test_errors_of_the_disk_are_told_with_path_reason_and_remedy() -> None:
    told = explain(OSError(errno.ENOSPC, "No space left on device", "/data/x"))
    assert isinstance(told, LocalIOError)
    assert "/data/x" in told.what
    assert told.why == "the disk is full"
    assert told.fix
    assert explain(OSError(errno.ENOSPC, "full", b"/data/\xff")).what.count("/data/")


def test_an_error_of_writing_gets_a_place_and_any_other_is_left_alone() -> None:
    for number, place in ((errno.ENOSPC, "/data"), (errno.EFBIG, "/data"), (errno.EIO, None)):
        with pytest.raises(OSError, match="cannot") as caught, writing_to("/data"):
            raise OSError(number, "it cannot")
        assert caught.value.filename == place
    with pytest.raises(OSError, match="cannot") as caught, writing_to("/data"):
        raise OSError(errno.ENOSPC, "it cannot", "/more/precise")
    assert explain(caught.value).what == "cannot write to '/more/precise'"


def test_a_folder_can_be_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[os.stat_result] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd)))
    fsync_dir(tmp_path)
    (folder,) = synced
    assert os.path.samestat(folder, tmp_path.stat())


def test_a_file_is_read_to_its_end_even_if_it_grows_a_little(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10_000_000)
    with file.open("r+b", buffering=0) as opened:
        pieces = read_pieces(opened.fileno())
        size = len(next(pieces))
        with file.open("ab") as more:
            more.write(b"more")
        assert size + sum(map(len, pieces)) == 10_000_004
        assert b"".join(read_pieces(opened.fileno(), start=9_999_999)) == b"xmore"


def test_a_file_that_grows_as_fast_as_it_is_read_is_not_read_for_ever(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b", buffering=0) as opened:
        opened.write(b"x")
        pieces = read_pieces(opened.fileno())
        with pytest.raises(GrowingError):
            deque(os.truncate(tmp_path / "file", opened.seek(0, 2) + (8 << 20)) for _ in pieces)


@pytest.mark.parametrize("reason", [None, errno.EPERM])
def test_a_file_is_moved_to_a_free_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int | None
) -> None:
    def refuse(*_: object, **__: object) -> None:
        assert reason is not None
        raise OSError(reason, "no hard links")

    if reason is not None:
        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "file").write_text("new")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "taken").write_text("old")
    assert not move_to_free_name(tmp_path / "file", tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "old"
    assert move_to_free_name(tmp_path / "file", tmp_path / "free")
    assert move_to_free_name(tmp_path / "link", tmp_path / "free link")
    assert not move_to_free_name(tmp_path / "free", tmp_path / "free link")
    assert sorted(os.listdir(tmp_path)) == ["free", "free link", "taken"]
    assert os.readlink(tmp_path / "free link") == "nowhere"


@pytest.mark.parametrize("number", [3, 60])
def test_many_files_are_replaced_at_once(tmp_path: Path, number: int) -> None:
    (tmp_path / "0").write_bytes(b"old")
    (tmp_path / "0").chmod(0o640)
    write_all_atomic({tmp_path / f"{n}": b"%d" % n for n in range(number)})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {f"{n}": b"%d" % n for n in range(number)}
    assert (tmp_path / "0").stat().st_mode & 0o777 == 0o640


def test_where_one_of_many_cannot_be_written_none_is_replaced(tmp_path: Path) -> None:
    files = {tmp_path / f"{n}": b"new" for n in range(60)}
    with pytest.raises(OSError, match="No such file"):
        write_all_atomic({**files, tmp_path / "missing" / "file": b"new"})
    assert list(tmp_path.iterdir()) == []
