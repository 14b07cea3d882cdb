"""Which files are open for writing, told by a lease or by the open files of all processes."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from dver.core.platform import open_files
from dver.core.platform.open_files import is_open_for_writing


def no_lease(_: int) -> bool:
    raise OSError("no leases here")


@pytest.fixture(params=["lease", "processes"])
def file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    if request.param == "processes":
        monkeypatch.setattr(open_files, "_has_lease", no_lease)
    (tmp_path / "file").write_bytes(b"content")
    return tmp_path / "file"


def test_a_writer_is_noticed_while_it_has_the_file_open(file: Path) -> None:
    assert not is_open_for_writing(file)
    for mode in ("ab", "r+b"):
        with file.open(mode):
            assert is_open_for_writing(file)
    assert not is_open_for_writing(file)


def test_a_reader_does_not_count(file: Path) -> None:
    with file.open("rb"):
        assert not is_open_for_writing(file)


def test_a_file_that_is_mapped_for_writing_counts_after_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("r+b") as opened:
        mapped = mmap.mmap(opened.fileno(), 0)
    assert is_open_for_writing(path)
    mapped.close()
    assert not is_open_for_writing(path)
