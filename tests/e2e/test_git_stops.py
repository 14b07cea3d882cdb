"""Where Git stops on its way (rebase, am), and where it takes a part along (stash, reset): data follows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from githooks import dver, git_says, put_dver_on_path
from support import git, make_git_repo

VERSIONS = ("one", "two", "three", "four")


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Other tests do without hooks."""
    monkeypatch.delenv("DVER_HOOKS_INSTALL")
    put_dver_on_path(tmp_path / "bin", monkeypatch)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves the repository that all of them copy."""
    return tmp_path_factory.mktemp("template") / "repo"


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Path:
    """A project whose `data`, and a file of code, have one version in each of four commits."""
    if not template.exists():
        make_git_repo(template)
        dver("init", cwd=template)
        git("commit", "-qm", "Project", cwd=template)
        for text in VERSIONS:
            _commit(template, text)
    shutil.copytree(template, tmp_path / "repo", symlinks=True)
    git("update-index", "-q", "--refresh", cwd=tmp_path / "repo")
    return tmp_path / "repo"


def _commit(repo: Path, text: str) -> None:
    (repo / "data").mkdir(exist_ok=True)
    (repo / "data" / "x").write_text(text)
    (repo / f"{text}.py").write_text(text)
    dver("add", "data", cwd=repo)
    git("add", f"{text}.py", cwd=repo)
    git("commit", "-qm", text, cwd=repo)


def _interactively(repo: Path, todo: str, base: str = "HEAD~4", rc: int = 0) -> str:
    """Rebase with the list `todo`, in which words stand for commits by their subjects."""
    subjects = dict(line.split(" ") for line in git("log", "--format=%s %h", "-4", cwd=repo).splitlines())
    lines = [" ".join(subjects.get(word, word) for word in line.split()) for line in todo.split(",")]
    (repo / ".git" / "todo").write_text("".join(f"{line}\n" for line in lines))
    return git_says(repo, "rebase", "-i", base, rc=rc, GIT_SEQUENCE_EDITOR=f"cp '{repo}/.git/todo'", GIT_EDITOR="true")


def _data(repo: Path) -> str:
    return (repo / "data" / "x").read_text()


def test_at_each_edit_stop_of_a_rebase_the_data_is_that_of_its_commit(repo: Path) -> None:
    _interactively(repo, "edit one,pick two,edit three,pick four")
    assert _data(repo) == "one"
    git_says(repo, "rebase", "--continue")
    assert _data(repo) == "three"
    (repo / "data" / "x").write_text("better")
    dver("add", "data", cwd=repo)
    git_says(repo, "commit", "-q", "--amend", "--no-edit")
    assert "Merge conflict in data.dver" in git_says(repo, "rebase", "--continue", rc=1)
    assert _data(repo) == "better"
    git_says(repo, "rebase", "--abort")
    assert _data(repo) == "four"


def test_a_rebase_that_is_aborted_at_a_break_or_a_failed_command_goes_back_to_the_data(repo: Path) -> None:
    for todo, rc in (("pick one,break,pick two", 0), ("pick one,pick two,exec false,pick three", 1)):
        _interactively(repo, todo, rc=rc)
        assert _data(repo) != "four"
        git_says(repo, "rebase", "--abort")
        assert _data(repo) == "four"


def test_commits_that_are_reworded_squashed_and_dropped_leave_the_data_of_the_last(repo: Path) -> None:
    said = _interactively(repo, "reword one,squash two,fixup three,drop four")
    assert _data(repo) == "three"
    assert "warning" not in said
    assert git("log", "--format=%s", "HEAD~1..", cwd=repo).split() == ["one"]
    dver("check", "available", cwd=repo)


def test_a_rebase_that_stops_at_a_conflict_of_code_has_the_data_so_far(repo: Path) -> None:
    git_says(repo, "checkout", "-q", "-b", "topic", "HEAD~2")
    (repo / "two.py").write_text("topic")
    git("commit", "-qam", "topic", cwd=repo)
    git_says(repo, "checkout", "-q", "main")
    (repo / "two.py").write_text("main")
    git("commit", "-qam", "main", cwd=repo)
    git_says(repo, "rebase", "topic", rc=1)
    assert _data(repo) == "four"
    (repo / "two.py").write_text("both")
    git("add", "two.py", cwd=repo)
    git_says(repo, "rebase", "--continue", GIT_EDITOR="true")
    assert _data(repo) == "four"


def test_commands_of_a_rebase_see_the_data_of_each_commit_and_merge(repo: Path) -> None:
    git_says(repo, "checkout", "-q", "-b", "side", "HEAD~1")
    (repo / "side.py").write_text("side")
    git("add", "side.py", cwd=repo)
    git("commit", "-qm", "side", cwd=repo)
    git_says(repo, "merge", "-q", "--no-edit", "main")
    command = "cat data/x >> .git/seen; echo >> .git/seen"
    git_says(repo, "rebase", "-q", "--rebase-merges", "--force-rebase", "--exec", command, "HEAD~3")
    assert sorted((repo / ".git" / "seen").read_text().split()) == sorted(["three", "three", "four", "four"])
    assert _data(repo) == "four"


def test_patches_that_are_applied_bring_their_data(repo: Path) -> None:
    git_says(repo, "format-patch", "-q", "-2", "-o", ".git/patches")
    git_says(repo, "reset", "-q", "--hard", "HEAD~2")
    patches = sorted(str(path) for path in (repo / ".git" / "patches").iterdir())
    git_says(repo, "am", "-q", patches[0])
    assert _data(repo) == "three"
    git_says(repo, "reset", "-q", "--hard", "HEAD~1")
    (repo / "four.py").write_text("in the way")
    git("add", "four.py", cwd=repo)
    git("commit", "-qm", "In the way", cwd=repo)
    git_says(repo, "am", "-q", "-3", *patches, rc=128)
    assert _data(repo) == "four"
    git_says(repo, "am", "--abort")
    assert _data(repo) == "two"


def test_a_stash_of_one_path_and_one_that_conflicts(repo: Path) -> None:
    (repo / "data" / "x").write_text("mine")
    (repo / "one.py").write_text("mine")
    dver("add", "data", cwd=repo)
    git_says(repo, "stash", "push", "-q", "--", "data.dver")
    dver("checkout", cwd=repo)  # for a part, Git runs no hook that tells that files have changed
    assert (_data(repo), (repo / "one.py").read_text()) == ("four", "mine")
    git_says(repo, "checkout", "-q", "HEAD~1")
    assert "Merge conflict in data.dver" in git_says(repo, "stash", "pop", rc=1)
    assert _data(repo) == "three"
    git_says(repo, "checkout", "-q", "--theirs", "data.dver")
    assert _data(repo) == "mine"


def test_a_pull_that_rebases_and_stashes_by_itself(repo: Path) -> None:
    git("clone", "-q", "--bare", repo, "../hub", cwd=repo)
    git("remote", "add", "origin", "../hub", cwd=repo)
    git_says(repo, "reset", "-q", "--hard", "HEAD~1")
    (repo / "mine.py").write_text("mine")
    git("add", "mine.py", cwd=repo)
    git("commit", "-qm", "mine", cwd=repo)
    (repo / "other").write_text("other")
    dver("add", "other", cwd=repo)
    git_says(repo, "pull", "-q", "--rebase", "--autostash", "origin", "main")
    assert (_data(repo), (repo / "other").read_text()) == ("four", "other")
    assert "A  other.dver" in git("status", "--porcelain", cwd=repo)


def test_resets_bring_data_where_they_change_files(repo: Path) -> None:
    git_says(repo, "reset", "-q", "--keep", "HEAD~1")
    assert _data(repo) == "three"
    git_says(repo, "reset", "-q", "--merge", "HEAD~1")
    assert _data(repo) == "two"
    git_says(repo, "reset", "-q", "--soft", "HEAD~1")
    assert _data(repo) == "two"
    git_says(repo, "reset", "-q", "--hard")
    assert _data(repo) == "one"
