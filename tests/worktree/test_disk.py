"""What disks can do is tried out, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dver.store.loose import LinkMode
from dver.store.scratch import Scratch
from dver.worktree import disk


def test_a_probe_finds_links_and_leaves_nothing(tmp_path: Path) -> None:
    found = disk.probe(tmp_path, Scratch(tmp_path / "store"))
    assert LinkMode.SYMLINK in found.links
    assert LinkMode.HARDLINK in found.links
    assert sorted(os.listdir(tmp_path)) == ["store"]
    assert os.listdir(tmp_path / "store") == []


def test_a_disk_without_hard_links_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert LinkMode.HARDLINK not in disk.probe(tmp_path, Scratch(tmp_path / "store")).links


def test_a_folder_that_cannot_be_written_to_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        disk.probe(tmp_path, Scratch(tmp_path / "file"))
    assert os.listdir(tmp_path) == ["file"]
