"""The progress of an add: one total of bytes, fed while files are read, in helper processes, too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import make_git_repo

from dver.core.progress import Unit
from dver.ops.track.add import add
from dver.ops.track.init import init
from dver.repo import Repository

SIZE = 40 << 20


class Recorder:
    """A progress, and the only task of it."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.total = 0
        self.totals: list[int] = []
        self.steps: list[int] = []

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: Unit = "B") -> Iterator[Recorder]:
        self.labels.append(label)
        self.grow(total or 0)
        yield self

    def advance(self, amount: int) -> None:
        self.steps.append(amount)

    def grow(self, amount: int) -> None:
        self.total += amount
        self.totals.append(self.total)


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


def recorded(top: Path, *paths: str) -> Recorder:
    recorder = Recorder()
    with Repository.open(top) as repo:
        add(repo, paths, cwd=top, progress=recorder)
    return recorder


def test_all_paths_of_an_add_are_one_task_whose_total_is_known_early(tmp_path: Path) -> None:
    top = make_git_repo(tmp_path / "repo")
    init(top)
    (top / "many" / "sub").mkdir(parents=True)
    for number in range(300):
        (top / "many" / ("sub" if number % 2 else "") / str(number)).write_bytes(b"%04d" % number)
    (top / "many" / "ignored").write_bytes(b"not counted")
    (top / ".dverignore").write_text("ignored\n")
    (top / "large").write_bytes(os.urandom(SIZE))
    (top / "small").write_bytes(b"small")
    recorder = recorded(top, "many", "small", "large")
    assert recorder.labels == ["hash"]
    assert sum(recorder.steps) == recorder.total == SIZE + 5 + 4 * 300
    assert recorder.totals == [recorder.total], "all counts before anything is read"
    again = recorded(top, "many", "small", "large")
    assert sum(again.steps) == again.total == SIZE + 5, "what did not change is done at once"


def test_files_that_helpers_keep_are_counted_once(tmp_path: Path) -> None:
    """In a process of its own: only one without threads forks helpers."""
    top = make_git_repo(tmp_path / "repo")
    init(top)
    (top / "many").mkdir()
    for number in range(200):
        (top / "many" / str(number)).write_bytes(os.urandom(1000))
    done = subprocess.run([sys.executable, "-c", WITH_HELPERS, str(top)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    helpers, total, told, steps = map(int, done.stdout.split())
    assert helpers == 2
    assert total == told == 200 * 1000
    assert steps >= 20, "in small steps"


WITH_HELPERS = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import dver.workspace.scan.hash_or_store as intake
from dver.core import worker_pool
from dver.ops.track.add import add
from dver.repo import Repository
from workspace.scan.test_progress_of_add import Recorder

intake._BATCH = 5000
made = []
possible = worker_pool._possible
worker_pool._possible = lambda size: made.append(min(3, 3 * possible(size))) or made[-1]
recorder = Recorder()
top = Path(sys.argv[1])
with Repository.open(top) as repo:
    add(repo, ["many"], cwd=top, progress=recorder)
print(made[0] - 1, recorder.total, sum(recorder.steps), len(recorder.steps))
"""
