"""What Git shows of pointers: `git diff` through the external driver, `git show` and `git log -p` through textconv."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from githooks import put_dver_on_path
from support import Run, git, make_git_repo


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits of a directory and a file, and the drivers."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    data = repo / "my data"
    data.mkdir()
    for name in ("changed", "gone", "moved", "same"):
        (data / name).write_text(name)
    (repo / "model").write_bytes(bytes(2000))
    run("add", "my data", "model", cwd=repo)
    (repo / ".gitattributes").write_text("*.dver diff=dver\n")
    git("add", ".gitattributes", cwd=repo)
    git("commit", "-qm", "First", cwd=repo)
    (data / "changed").write_text("changed more")
    (data / "gone").unlink()
    (data / "sub").mkdir()
    (data / "moved").rename(data / "sub" / "möved")
    (data / "new\n").write_text("new")
    run("add", "my data", cwd=repo)
    git("config", "diff.dver.command", "dver diff-driver", cwd=repo)
    git("config", "diff.dver.textconv", "dver textconv", cwd=repo)
    return repo


CHANGES = """\
diff --dver a/my data.dver b/my data.dver
M my data/changed  (7 B -> 12 B)
D my data/gone  (4 B)
A "my data/new\\n"  (3 B)
R my data/moved -> my data/sub/möved
1 added, 1 removed, 1 modified, 1 renamed
"""


def test_git_diff_shows_the_files_that_changed(repo: Path) -> None:
    assert git("diff", "--cached", cwd=repo) == CHANGES
    git("commit", "-qm", "Second", cwd=repo)
    assert git("diff", "HEAD~1", "HEAD", cwd=repo) == CHANGES
    (repo / "folder").mkdir()
    assert git("diff", "HEAD~1", cwd=repo / "folder") == CHANGES


def test_git_diff_shows_new_and_deleted_data(run: Run, repo: Path) -> None:
    git("commit", "-qm", "Second", cwd=repo)
    run("remove", "model", cwd=repo)
    assert git("diff", "HEAD", "--", "model.dver", cwd=repo) == (
        "diff --dver a/model.dver /dev/null\nD model  (2.0 kB)\n1 removed\n"
    )
    assert git("diff", "-R", "HEAD", "--", "model.dver", cwd=repo) == (
        "diff --dver /dev/null b/model.dver\nA model  (2.0 kB)\n1 added\n"
    )


def test_the_text_is_shown_where_the_data_is_the_same_or_the_pointer_is_none(repo: Path) -> None:
    git("commit", "-qm", "Second", cwd=repo)
    with (repo / "model.dver").open("a") as file:
        file.write("desc: zeros\n")
    assert "+desc: zeros" in git("diff", cwd=repo)
    (repo / "model.dver").write_text("<<<<<<< ours\n\x1b[31mred\n")
    shown = git("diff", cwd=repo)
    assert "+<<<<<<< ours" in shown
    assert "\x1b" not in shown


def test_what_is_not_here_is_said_in_one_line_and_the_pointer_is_compared(repo: Path) -> None:
    git("commit", "-qm", "Second", cwd=repo)
    shutil.rmtree(repo / ".git" / "dver")
    shown = git("diff", "HEAD~1", "HEAD", cwd=repo)
    assert shown.count("dver fetch") == 1
    assert "+oid: blake3:" in shown
    assert "dver fetch" in git("show", cwd=repo)


def test_an_unmerged_pointer_is_named(run: Run, repo: Path) -> None:
    git("commit", "-qm", "Second", cwd=repo)
    git("checkout", "-q", "-b", "other", "HEAD~1", cwd=repo)
    (repo / "my data" / "other").write_text("other")
    run("add", "--force", "my data", cwd=repo)  # no hook has brought the data of this commit
    git("commit", "-qm", "Other", cwd=repo)
    git("merge", "main", cwd=repo, rc=1)
    assert "* Unmerged pointer my data.dver" in git("diff", "--cached", cwd=repo)
    assert "- other  5  " in git("diff", cwd=repo)  # which compares all sides by their texts


def test_git_show_and_git_log_compare_lists_of_files(repo: Path) -> None:
    git("commit", "-qm", "Second", cwd=repo)
    shown = git("show", cwd=repo)
    assert "-changed  7  " in shown
    assert "+changed  12  " in shown
    assert "+sub/möved  5  " in shown
    assert '+"new\\n"  3  ' in shown
    assert "\n same  4  " in shown
    assert git("log", "-p", "-1", cwd=repo).endswith(shown.partition("diff --git")[2])


def test_of_many_files_the_folders_are_listed(run: Run, repo: Path) -> None:
    for number in range(6):
        folder = repo / "many" / f"folder {number}"
        folder.mkdir(parents=True)
        for name in range(1000):
            (folder / str(name)).write_text("")
    run("add", "many", cwd=repo)
    lines = run("textconv", "many.dver", cwd=repo).out.splitlines()
    assert len([line for line in lines if line.startswith("folder ")]) == 6
    assert any(line.startswith("folder 0/  1000 files  0  ") for line in lines)


def test_a_bare_repository_shows_the_pointers(repo: Path, tmp_path: Path) -> None:
    git("commit", "-qm", "Second", cwd=repo)
    git("clone", "-q", "--bare", repo, tmp_path / "bare", cwd=tmp_path)
    bare = tmp_path / "bare"
    (bare / "info").mkdir(exist_ok=True)
    (bare / "info" / "attributes").write_text("*.dver diff=dver\n")
    git("config", "diff.dver.command", "dver diff-driver", cwd=bare)
    git("config", "diff.dver.textconv", "dver textconv", cwd=bare)
    assert "+oid: blake3:" in git("diff", "HEAD~1", "HEAD", cwd=bare)
    assert "+oid: blake3:" in git("show", cwd=bare)


def test_colours_are_those_that_git_would_use(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b" not in git("diff", "--cached", cwd=repo)
    monkeypatch.setenv("GIT_PAGER_IN_USE", "true")
    assert "\x1b[32mA" in git("diff", "--cached", cwd=repo)
    git("config", "color.diff", "false", cwd=repo)
    assert "\x1b" not in git("diff", "--cached", cwd=repo)
    assert os.environ["TERM"] == "xterm"
