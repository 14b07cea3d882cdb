"""Directories for files that libraries read."""

from __future__ import annotations

import os
import time
from pathlib import Path

from workspaces import Project

from dver.access.content_files import scratch_directory


def test_directories_of_killed_processes_are_deleted_after_a_day(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "repo")
    with project.opened() as repo, scratch_directory(repo) as one:
        left = one.with_name("scratch-left")
        left.mkdir()
        (left / "table.csv").write_text("a\n1\n")
        yesterday = time.time() - 25 * 3600
        os.utime(left, (yesterday, yesterday))
        with scratch_directory(repo) as other:
            assert (left.exists(), one.exists(), other.exists()) == (False, True, True)
    assert not one.exists()
