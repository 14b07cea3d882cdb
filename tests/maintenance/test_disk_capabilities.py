"""What disks can do is tried out, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dver.maintenance import disk_capabilities
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.loose import LinkMode


def test_a_probe_finds_links_and_leaves_nothing(tmp_path: Path) -> None:
    found = disk_capabilities.probe_disk(tmp_path, ScratchDirectory(tmp_path / "store"))
    assert LinkMode.SYMLINK in found.links
    assert LinkMode.HARDLINK in found.links
    assert sorted(os.listdir(tmp_path)) == ["store"]
    assert os.listdir(tmp_path / "store") == []


def test_a_disk_without_hard_links_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert LinkMode.HARDLINK not in disk_capabilities.probe_disk(tmp_path, ScratchDirectory(tmp_path / "store")).links


def test_a_folder_that_cannot_be_written_to_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        disk_capabilities.probe_disk(tmp_path, ScratchDirectory(tmp_path / "file"))
    assert os.listdir(tmp_path) == ["file"]
