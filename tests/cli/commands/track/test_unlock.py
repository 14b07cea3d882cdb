"""`dver unlock` through the real command line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support import Run, git

BIG = os.urandom(1024) * 2048


@pytest.fixture(params=["hardlink", "symlink"])
def project(run: Run, git_repo: Path, request: pytest.FixtureRequest) -> Path:
    run("init", cwd=git_repo)
    run("config", "set", "cache.link", request.param, cwd=git_repo)
    (git_repo / "data/sub").mkdir(parents=True)
    (git_repo / "data/sub/big").write_bytes(BIG)
    (git_repo / "data/small").write_text("small\n")
    (git_repo / "data/link").symlink_to("small")
    (git_repo / "net").write_bytes(BIG[::-1])
    run("add", "data", "net", cwd=git_repo)
    git("commit", "-qm", "v1", cwd=git_repo)
    return git_repo


def is_private(path: Path) -> bool:
    status = os.lstat(path)
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and bool(status.st_mode & 0o200)


def test_linked_files_become_writable_copies(run: Run, project: Path) -> None:
    assert not is_private(project / "data/sub/big")
    assert run("unlock", "data", "net", cwd=project).out == "unlocked 2 files, 4.2 MB\n"
    assert is_private(project / "data/sub/big")
    assert is_private(project / "net")
    assert (project / "data/sub/big").read_bytes() == BIG
    assert (project / "data/link").is_symlink()
    assert {one["data"] for one in run("status", "--json", cwd=project).json["paths"]} == {"unchanged"}


def test_an_edit_after_unlocking_leaves_the_stores_copy_alone(run: Run, project: Path) -> None:
    run("unlock", "data/sub/big", cwd=project)
    assert not is_private(project / "net")
    with (project / "data/sub/big").open("ab") as file:
        file.write(b"more")
    run("checkout", "--force", cwd=project)
    assert (project / "data/sub/big").read_bytes() == BIG


def test_unlocking_again_does_nothing(run: Run, project: Path) -> None:
    assert run("unlock", "--json", "data", cwd=project).json == {
        "unlocked": ["data/sub/big"],
        "size": len(BIG),
        "edited": [],
    }
    assert "no linked files" in run("unlock", "data", cwd=project).out
    assert "is not tracked" in run("unlock", "nope", cwd=project, rc=2).err


def test_a_file_that_was_edited_while_linked_keeps_its_edits(run: Run, project: Path) -> None:
    target = Path(os.path.realpath(project / "net"))
    target.chmod(0o644)
    with target.open("r+b") as file:
        file.write(b"edited")
    result = run("unlock", "net", cwd=project)
    assert "net was edited through its link to the store" in result.err
    assert "dver fsck --repair" in result.err
    assert is_private(project / "net")
    assert (project / "net").read_bytes().startswith(b"edited")
    run("add", "net", cwd=project)
    assert run("fsck", cwd=project, rc=None).rc != 0


def test_without_links_there_is_nothing_to_unlock(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "net").write_bytes(BIG)
    run("add", "net", cwd=git_repo)
    assert "no linked files" in run("unlock", "net", cwd=git_repo).out


def test_a_large_executable_keeps_its_mode_and_is_not_linked(run: Run, project: Path) -> None:
    (project / "data/tool").write_bytes(BIG[1:])
    (project / "data/tool").chmod(0o755)
    run("add", "data", cwd=project)
    assert is_private(project / "data/tool")
    assert os.access(project / "data/tool", os.X_OK)
    assert {one["data"] for one in run("status", "--json", cwd=project).json["paths"]} == {"unchanged"}
    kinds = {one["path"]: one["kind"] for one in run("ls", "--json", "data", cwd=project).json}
    assert kinds["data/tool"] == "executable"
