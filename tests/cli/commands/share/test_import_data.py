"""`dver import` through the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git, make_git_repo
from workspaces import write


@pytest.fixture
def source(run: Run, tmp_path: Path) -> Path:
    """A project with the tracked directory `data`."""
    source = make_git_repo(tmp_path / "source")
    run("init", cwd=source)
    write(source, {"data/a.csv": b"1,2\n", "data/deep/b": b"b" * 2000})
    run("add", "data", cwd=source)
    git("add", "-A", cwd=source)
    git("commit", "-qm", "v1", cwd=source)
    git("tag", "v1", cwd=source)
    return source


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    git("commit", "-qam", "Init", cwd=git_repo, rc=None)
    return git_repo


def test_import_says_what_came_from_where(run: Run, source: Path, project: Path) -> None:
    commit = git("rev-parse", "HEAD", cwd=source)[:12]
    result = run("import", "../source", "data", "-o", "raw", cwd=project)
    assert result.out == f"imported raw from ../source at {commit}  (2 files, 2.0 kB, 0 B downloaded)\n"
    assert "staged raw.dver, .gitignore: `git commit` records them, `dver push` uploads the data" in result.err
    assert (project / "raw/a.csv").read_bytes() == b"1,2\n"
    assert run("import", "../source", "data/a.csv", "-q", cwd=project).out == ""


def test_json_has_the_pointer_and_the_checkout(run: Run, source: Path, project: Path) -> None:
    (project / "sub").mkdir()
    answer = run("import", "../../source@v1:data", "--no-push", "--json", cwd=project / "sub").json
    assert answer["path"] == "sub/data"
    assert answer["pointer"]["source"]["rev"] == "v1"
    assert answer["pointer"]["push"] is False
    assert answer["restored"]["created"] == 2


def test_no_download_says_so(run: Run, source: Path, project: Path) -> None:
    result = run("import", "--no-download", "../source", "data", cwd=project)
    assert result.out.endswith("(2.0 kB, not downloaded)\n")
    assert "`dver update` downloads the data" in result.err
    assert "Not downloaded" in run("status", cwd=project).out


def test_errors_say_what_to_do(run: Run, source: Path, project: Path) -> None:
    refused = run("import", "https://me:secret@example.org/x.git", "data", cwd=project, rc=2)
    assert "fix: use https://example.org/x.git;" in refused.err
    assert "did you mean 'data'?" in run("import", "../source", "dat", cwd=project, rc=2).err
    run("import", cwd=project, rc=2)
    run("import", "../source", "data", cwd=project)
    again = run("import", "../source", "data/a.csv", "-o", "data", cwd=project, rc=4)
    assert "fix: `dver update data` downloads" in again.err
    assert "no directory '../nowhere'" in run("import", "../nowhere", "data", cwd=project, rc=3).err
