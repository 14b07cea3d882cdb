"""`dver fsck`: damage is reported where it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "m.bin").write_bytes(bytes(range(256)))
    run("add", "m.bin", cwd=git_repo)
    git("add", ".", cwd=git_repo)
    git("commit", "--quiet", "-m", "Model", cwd=git_repo)
    git("tag", "v1", cwd=git_repo)
    return git_repo


def damage(project: Path) -> None:
    """Zero the content in every pack of the store."""
    for pack in (project / ".git/dver/store/packs").rglob("*"):
        if pack.is_file():
            content = pack.read_bytes()
            pack.chmod(0o644)
            pack.write_bytes(content.replace(bytes(range(100, 120)), bytes(20)))


def test_damage_of_the_workspace_is_named_beside_that_of_commits(run: Run, project: Path) -> None:
    damage(project)
    assert "  m.bin in the workspace, v1" in run("fsck", cwd=project, rc=6).out
    assert run("fsck", "--json", cwd=project, rc=6).json["bad"][0]["affected"][0]["in_workspace"] is True


def test_damage_of_commits_alone_does_not_name_the_workspace(run: Run, project: Path) -> None:
    damage(project)
    run("remove", "m.bin", cwd=project)
    git("commit", "--quiet", "-am", "Gone", cwd=project)
    assert "  m.bin in v1\n" in run("fsck", cwd=project, rc=6).out


def test_damage_of_the_workspace_alone_names_no_commit(run: Run, project: Path) -> None:
    (project / "new.bin").write_bytes(bytes(range(1, 256)))
    run("add", "new.bin", cwd=project)
    damage(project)
    assert "  new.bin in the workspace\n" in run("fsck", cwd=project, rc=6).out


def test_a_malformed_pointer_is_named_for_the_workspace_and_the_commits(run: Run, project: Path) -> None:
    (project / "m.bin.dver").write_text("no pointer\n")
    git("commit", "--quiet", "--no-verify", "-am", "Broken", cwd=project)
    git("tag", "broken", cwd=project)
    assert "unreadable pointer m.bin.dver in the workspace, broken" in run("fsck", cwd=project, rc=6).out
