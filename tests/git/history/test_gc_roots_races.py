"""The gc roots, while worktrees of queued experiments come and go."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from workspaces import Project

from dver.git.git_repo import CommitId
from dver.git.history.gc_roots import read_roots
from dver.git.reusable_worktree import open_worktree, remove_worktree, reset_worktree


def test_worktrees_that_are_deleted_meanwhile_are_no_error(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "repo")
    head = CommitId(project.git("rev-parse", "HEAD").strip())
    ended = threading.Event()
    failures: list[BaseException] = []

    def come_and_go() -> None:
        try:
            with project.opened() as repo:
                while not ended.is_set():
                    place = tmp_path / "repo/.git/dver/worktree"
                    reset_worktree(open_worktree(repo.git, place, head), head, f"{head}^{{tree}}")
                    time.sleep(0.1)
                    remove_worktree(repo.git, place)
                    time.sleep(0.1)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        with project.opened() as repo:
            for _ in range(10):
                assert head in read_roots(repo.git).commits
    finally:
        ended.set()
        thread.join()
    assert failures == []
