"""A large file's progress is seen while it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import make_git_repo

from dver.core.progress import Unit
from dver.ops.add import add
from dver.ops.init import init
from dver.repo import Repository

SIZE = 40 << 20


class Recorder:
    """A progress, and the only task of it."""

    def __init__(self) -> None:
        self.total = 0
        self.steps: list[int] = []

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> Iterator[Recorder]:
        yield self

    def advance(self, amount: int) -> None:
        self.steps.append(amount)

    def grow(self, amount: int) -> None:
        self.total += amount


@pytest.mark.parametrize("link", ["auto", "copy", "symlink", "hardlink"])
def test_the_bytes_of_a_large_file_are_reported_as_they_are_read(
    tmp_path: Path, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVER_CACHE_LINK", link)
    top = make_git_repo(tmp_path / "repo")
    init(top)
    (top / "large").write_bytes(os.urandom(SIZE))
    recorder = Recorder()
    with Repository.open(top) as repo:
        add(repo, ["large"], cwd=top, progress=recorder)
    assert sum(recorder.steps) == recorder.total == SIZE
    assert max(recorder.steps) <= SIZE // 4
