"""Working trees for runs: the files of a snapshot, and the data that the stages read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import git
from workspaces import Project, write

from dver.core.errors import RepositoryError
from dver.experiments.queue.slots import Slot, Slots
from dver.experiments.queue.working_tree import check_out_inputs, delete_untracked, open_files
from dver.git.git_repo import CommitId
from dver.ops.share import remote
from dver.ops.share.push import push
from dver.pipelines.workspace.pipelines import load_pipelines
from dver.repo import Repository

STAGES = b"""\
stages:
  prepare: {cmd: cat data/a > clean, deps: [data], outs: [clean]}
  train: {cmd: cp clean model, deps: [clean, lib], outs: [model]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with data, code and stages, committed."""
    found = Project.make(tmp_path / "repo")
    write(found.root, {"data/a": b"one\n", "data/b": b"b\n", "other": b"large\n", "lib/code.py": b"pass\n"})
    write(found.root, {"dver.yaml": STAGES})
    found.add("data", "other")
    found.git("add", "-A")
    found.commit()
    return found


@pytest.fixture
def slot(project: Project) -> Iterator[Slot]:
    """A slot for worktrees of the project."""
    with project.opened() as repo, Slots(repo.git, repo.layout.clone_dir / "experiments").acquire() as found:
        yield found


@contextmanager
def opened(project: Project, slot: Slot, commit: str, *stages: str) -> Iterator[Repository]:
    """The worktree of a run of `stages` from `commit`."""
    with project.opened() as repo:
        git = open_files(repo.git, slot.place, CommitId(commit), CommitId(commit))
    with Repository(slot.place, git) as repo:
        delete_untracked(repo)
        graph = load_pipelines(repo).graph
        check_out_inputs(repo, graph, [one for one in graph.order if not stages or one.name in stages])
        yield repo


def names(slot: Slot) -> list[str]:
    """All files in the worktree."""
    found = (os.path.relpath(path, slot.place) for path in slot.place.rglob("*") if path.is_file())
    return sorted(name for name in found if name != ".git" and not name.startswith(".dver/"))


def test_it_has_the_files_of_the_snapshot_and_the_data_that_the_stages_read(project: Project, slot: Slot) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    with opened(project, slot, head):
        assert (slot.place / "data/a").read_bytes() == b"one\n"
        assert "lib/code.py" in names(slot)
        assert "other" not in names(slot)
        assert git("status", "--porcelain", cwd=slot.place) == ""
        assert git("rev-parse", "HEAD", cwd=slot.place).strip() == head


def test_only_what_the_given_stages_read_is_checked_out(project: Project, slot: Slot) -> None:
    with opened(project, slot, "HEAD", "train"):
        assert not (slot.place / "data").exists()


def test_the_next_run_finds_nothing_of_the_last_one(project: Project, slot: Slot) -> None:
    first = project.git("rev-parse", "HEAD").strip()
    write(project.root, {"data/a": b"two\n", "lib/code.py": b"1\n", "lib/more.py": b"2\n"})
    project.add("data")
    project.git("add", "-A")
    project.git("rm", "-q", "--cached", "README")
    second = project.commit()
    with opened(project, slot, first):
        here = slot.place
        write(here, {"data/left": b"x", "data/a": b"edited", "lib/code.py": b"edited", "tmp/cache/x": b"x"})
        write(here, {"lib/__pycache__/y": b"y", "sub/dver.yaml": b"stages: [", "clean": b"half"})
        (here / ".gitignore").write_text("*\n")
        git("checkout", "-q", "-b", "branch-of-a-stage", cwd=here)
        git("init", "-q", "nested", cwd=here)
        (here / "lib/more.py").mkdir()
        (here / "lib/more.py/file").touch()
    with opened(project, slot, second):
        assert names(slot) == [".gitignore", "data.dver", "data/a", "data/b", "dver.yaml", "lib/code.py", "lib/more.py",
                               "other.dver"]  # fmt: skip
        assert (slot.place / "data/a").read_bytes() == b"two\n"
        assert (slot.place / "lib/code.py").read_bytes() == b"1\n"
        assert git("status", "--porcelain", cwd=slot.place) == ""
        assert git("symbolic-ref", "-q", "HEAD", cwd=slot.place, rc=1) == ""


def test_data_that_both_runs_need_stays_as_it_is(project: Project, slot: Slot) -> None:
    with opened(project, slot, "HEAD"):
        before = (slot.place / "data/b").stat().st_ino
    project.commit("Another")
    with opened(project, slot, "HEAD"):
        assert (slot.place / "data/b").stat().st_ino == before


def test_data_that_is_nowhere_is_an_error(project: Project, slot: Slot) -> None:
    write(project.root, {"data/c": os.urandom(20)})
    project.save("data")
    store = project.store
    os.chmod(store, stat.S_IRWXU)
    for path in (*store.rglob("*.pack"), project.root / ".git/dver/index.db"):
        path.unlink()
    with (
        pytest.raises(RepositoryError, match=r"no remote is configured|not checked out"),
        opened(project, slot, "HEAD"),
    ):
        pass


def test_data_that_a_remote_has_is_downloaded(project: Project, slot: Slot, tmp_path: Path) -> None:
    with project.opened() as repo:
        remote.add(repo, "origin", str(tmp_path / "remote"), default=True, scope="local")
    with project.opened() as repo:
        push(repo, (), cwd=project.root)
        store = repo.store.root
    for path in (*store.rglob("*.pack"), project.root / ".git/dver/index.db"):
        path.unlink()
    with opened(project, slot, "HEAD"):
        assert (slot.place / "data/a").read_bytes() == b"one\n"


def test_no_hook_of_the_user_runs(project: Project, slot: Slot) -> None:
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = project.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {project.root}/{name}-ran\n")
        hook.chmod(0o755)
    with project.opened() as repo:
        head = CommitId(project.git("rev-parse", "HEAD").strip())
        for path in project.root.glob("*-ran"):
            path.unlink()
        open_files(repo.git, slot.place, head, head)
    assert list(project.root.glob("*-ran")) == []
