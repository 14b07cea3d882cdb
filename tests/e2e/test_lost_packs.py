"""Packs that were deleted on a remote: `check --remote` reports them, and `push` restores their objects."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support import Run, git, run_dver
from workspaces import Project


def fill(project: Project, version: int) -> None:
    for number in range(40):
        path = project.root / f"data/d{number % 4}/f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = number if number >= 10 else f"{number} of {version}"
        path.write_bytes(random.Random(seed).randbytes(3000))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two versions of data, pushed one after the other, each in packs of its own."""
    project = Project.make(tmp_path / "repo")
    run_dver("remote", "add", "-d", "origin", tmp_path / "remote", cwd=project.root)
    for version in (1, 2):
        fill(project, version)
        project.save("data")
        run_dver("push", cwd=project.root)
    return project


def packs(project: Project) -> list[Path]:
    return sorted((project.root.parent / "remote/packs").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def assert_pulled(project: Project, name: str = "fresh") -> None:
    """A new clone gets every version."""
    clone = project.root.parent / name
    git("clone", "--quiet", project.root, clone, cwd=project.root)
    for rev in ("HEAD", "HEAD~1"):
        git("checkout", "--quiet", rev, cwd=clone)
        run_dver("pull", cwd=clone)
        assert run_dver("check", "available", cwd=clone).rc == 0


@pytest.mark.parametrize("number", [0, -1])
def test_a_deleted_pack_is_noticed_and_restored_by_the_next_push(run: Run, project: Project, number: int) -> None:
    packs(project)[number].unlink()
    missing = run("check", "available", "--remote", cwd=project.root, rc=1)
    assert "data" in missing.out
    planned = run("push", "--dry-run", cwd=project.root)
    assert "1 pack missing on origin" in planned.err
    done = run("push", cwd=project.root)
    assert "1 pack missing on origin" in done.err
    assert run("check", "available", "--remote", "--all-commits", cwd=project.root).rc == 0
    assert_pulled(project)
    assert "missing" not in run("push", cwd=project.root).err


def test_all_deleted_packs_are_restored(run: Run, project: Project) -> None:
    for path in packs(project):
        path.unlink()
    run("push", cwd=project.root)
    run("check", "available", "--remote", "--all-commits", cwd=project.root)
    run("fsck", "--remote", "origin", cwd=project.root)
    assert_pulled(project)


def test_a_truncated_pack_is_restored(run: Run, project: Project) -> None:
    path = packs(project)[-1]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    run("check", "available", "--remote", cwd=project.root, rc=1)
    run("push", cwd=project.root)
    run("fsck", "--remote", "origin", cwd=project.root)


def test_a_clone_restores_its_half_of_the_objects_and_the_owner_the_rest(
    run: Run, project: Project, tmp_path: Path
) -> None:
    half = Project(tmp_path / "half")
    git("clone", "--quiet", project.root, half.root, cwd=tmp_path)
    run("pull", "data/d1", cwd=half.root)
    for path in packs(project):
        path.unlink()
    (half.root / "own").write_text("own data\n")
    half.save("own")
    pushed = run("push", "own", cwd=half.root)
    assert "not in this clone" in pushed.err
    run("check", "available", "--remote", "origin", "own", cwd=half.root)
    assert "data" in run("check", "available", "--remote", cwd=project.root, rc=1).out
    run("push", "--all-commits", cwd=project.root)
    run("check", "available", "--remote", "--all-commits", cwd=project.root)
    run("fsck", "--remote", "origin", cwd=project.root)
    assert_pulled(project)


def test_the_fix_that_pull_suggests_works(run: Run, project: Project, tmp_path: Path) -> None:
    packs(project)[-1].unlink()
    clone = tmp_path / "clone"
    git("clone", "--quiet", project.root, clone, cwd=tmp_path)
    assert "dver push" in run("pull", cwd=clone, rc=5).err
    run("push", cwd=project.root)
    run("pull", cwd=clone)


def test_a_gc_of_the_remote_works_after_a_repair(run: Run, project: Project, tmp_path: Path) -> None:
    packs(project)[0].unlink()
    run("push", "--all-commits", cwd=project.root)
    for _ in range(2):
        run("gc", "--remote", "origin", "--grace", "0d", cwd=project.root)
    run("check", "available", "--remote", "--all-commits", cwd=project.root)
    assert_pulled(project)
