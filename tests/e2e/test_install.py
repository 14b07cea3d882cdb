"""`dver install` and `uninstall`: hooks, drivers and attributes, in the places that Git knows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from githooks import put_dver_on_path, write_hook
from support import Run, git, make_git_repo

HOOKS = {
    "pre-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "post-index-change",
    "post-applypatch",
    "pre-push",
}


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests do without hooks."""
    monkeypatch.delenv("DVER_HOOKS_INSTALL")


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder with a name that needs quotes, set up for Git; two branches with different data."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "my prójekt")
    run("init", cwd=repo)
    run("install", cwd=repo)
    (repo / "dätä set").mkdir()
    (repo / "dätä set" / "a b").write_text("one\n")
    run("add", "dätä set", cwd=repo)
    git("commit", "-qm", "One", cwd=repo)
    git("checkout", "-q", "-b", "other", cwd=repo)
    (repo / "dätä set" / "a b").write_text("two\n")
    run("add", "dätä set", cwd=repo)
    git("commit", "-qm", "Two", cwd=repo)
    return repo


def hooks_in(repo: Path) -> set[str]:
    folder = repo / ".git/hooks"
    return {path.name for path in folder.iterdir() if not path.name.endswith(".sample")}


def data(repo: Path) -> str:
    return (repo / "dätä set" / "a b").read_text()


def test_data_follows_once_dver_is_installed(repo: Path) -> None:
    assert hooks_in(repo) == HOOKS
    git("checkout", "-q", "main", cwd=repo)
    assert data(repo) == "one\n"
    git("merge", "-q", "other", cwd=repo)
    assert data(repo) == "two\n"
    git("reset", "-q", "--hard", "HEAD~1", cwd=repo)
    assert data(repo) == "one\n"


def test_init_installs_unless_it_is_told_not_to(run: Run, tmp_path: Path) -> None:
    for number, (args, wanted) in enumerate(((["init"], HOOKS), (["init", "--no-hooks"], set()))):
        repo = make_git_repo(tmp_path / f"{number}")
        run(*args, cwd=repo)
        assert hooks_in(repo) == wanted
        assert (repo / ".gitattributes").exists() == bool(wanted)


def test_a_second_install_changes_nothing(run: Run, repo: Path) -> None:
    before = {name: (repo / ".git/hooks" / name).read_bytes() for name in HOOKS}
    config = (repo / ".git/config").read_bytes()
    assert run("install", cwd=repo).out.startswith("everything is installed")
    assert {name: (repo / ".git/hooks" / name).read_bytes() for name in HOOKS} == before
    assert (repo / ".git/config").read_bytes() == config
    assert git("status", "--porcelain", cwd=repo) == ""


def test_uninstall_leaves_what_was_there_before(run: Run, tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    (repo / ".gitattributes").write_text("*.png binary\n")
    write_hook(repo / ".git/hooks", "pre-commit", "exit 0")
    run("init", "--no-hooks", cwd=repo)
    before = {path: path.read_bytes() for path in (repo / ".git/config", repo / ".gitattributes")}
    hooks = {path: path.read_bytes() for path in (repo / ".git/hooks").iterdir()}
    run("install", cwd=repo)
    assert "pre-commit.before-dver" in hooks_in(repo)
    assert "restored: pre-commit" in run("uninstall", cwd=repo).out
    assert {path: path.read_bytes() for path in before} == before
    assert {path: path.read_bytes() for path in (repo / ".git/hooks").iterdir()} == hooks
    assert run("uninstall", cwd=repo).rc == 0


def test_no_hook_of_anybody_is_lost(run: Run, tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    hooks = repo / ".git/hooks"
    write_hook(hooks, "pre-commit", "echo first")
    run("init", cwd=repo)
    git("config", "dver.mine", "1", cwd=repo)
    write_hook(hooks, "pre-commit", "echo second")  # as another program does that knows of no others
    result = run("install", cwd=repo, rc=4)
    assert "pre-commit.before-dver" in result.err
    assert "second" in (hooks / "pre-commit").read_text()
    assert "first" in (hooks / "pre-commit.before-dver").read_text()
    (hooks / "pre-commit").unlink()
    (hooks / "post-merge").write_text((hooks / "post-merge").read_text() + "echo edited\n")
    run("install", cwd=repo)
    assert "edited" in (hooks / "post-merge.edited").read_text()
    (hooks / "post-merge").write_text((hooks / "post-merge").read_text() + "echo again\n")
    (hooks / "pre-commit").unlink()
    run("uninstall", cwd=repo)
    assert "again" in (hooks / "post-merge.edited.2").read_text()
    assert "first" in (hooks / "pre-commit").read_text()
    assert hooks_in(repo) == {"pre-commit", "post-merge.edited", "post-merge.edited.2"}
    assert git("config", "dver.mine", cwd=repo) == "1\n"


def test_a_hook_that_was_there_runs_first_with_its_arguments_and_input(run: Run, tmp_path: Path, repo: Path) -> None:
    run("uninstall", cwd=repo)
    git("checkout", "-q", "--", ".", cwd=repo)
    log = tmp_path / "log"
    write_hook(repo / ".git/hooks", "post-checkout", f'echo "checkout $3" >> "{log}"; exit 3')
    write_hook(repo / ".git/hooks", "pre-push", f'echo "push $1" >> "{log}"; cat >> "{log}"')
    run("install", cwd=repo)
    git("checkout", "-q", "main", cwd=repo, rc=1)  # which is how Git tells of a hook that failed
    assert data(repo) == "one\n"
    git("init", "-q", "--bare", tmp_path / "hub", cwd=tmp_path)
    git("remote", "add", "origin", tmp_path / "hub", cwd=repo)
    run("remote", "add", "-d", "store", tmp_path / "store", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo)
    head = git("rev-parse", "main", cwd=repo).strip()
    assert log.read_text() == f"checkout 1\npush origin\nrefs/heads/main {head} refs/heads/main {'0' * 40}\n"
    assert (tmp_path / "store/indexes").exists()
    write_hook(repo / ".git/hooks", "pre-push.before-dver", "exit 1")
    git("commit", "-q", "--allow-empty", "-m", "More", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo, rc=1)


def test_hooks_find_dver_where_the_path_has_none(repo: Path) -> None:
    """As for a graphical client that was started from a desktop."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ["HOME"]}
    program = git("config", "dver.program", cwd=repo).strip()
    assert os.path.samefile(program, Path(sys.executable).parent / "dver")
    done = subprocess.run(["git", "checkout", "-q", "main"], cwd=repo, env=env, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"dver: files: 1 updated\n")
    assert data(repo) == "one\n"


def test_a_hook_whose_dver_is_gone_says_so_and_only_a_push_stops(repo: Path, tmp_path: Path) -> None:
    git("config", "dver.program", "/nowhere/dver", cwd=repo)
    env = {**os.environ, "PATH": "/usr/local/bin:/usr/bin:/bin"}

    def run_git(*args: str) -> tuple[int, bytes]:
        done = subprocess.run(["git", *args], cwd=repo, env=env, capture_output=True, check=False)
        return done.returncode, done.stderr

    code, said = run_git("checkout", "-q", "main")
    assert code == 0
    assert b"dver: not found" in said
    assert run_git("commit", "-q", "--allow-empty", "-m", "Without")[0] == 0
    git("init", "-q", "--bare", tmp_path / "hub", cwd=tmp_path)
    code, said = run_git("push", "-q", os.fspath(tmp_path / "hub"), "main")
    assert code == 1
    assert b"dver: not found" in said


def test_hooks_of_all_repositories_or_of_the_project_are_left_alone(run: Run, repo: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared hooks"
    shared.mkdir()
    git("config", "core.hooksPath", shared, cwd=repo)
    result = run("install", cwd=repo)
    assert "core.hooksPath" in result.err
    assert 'dver hook pre-commit "$@"' in result.err
    assert list(shared.iterdir()) == []
    assert "hooks" in run("doctor", "--offline", cwd=repo).out
    for name in HOOKS:
        write_hook(shared, name, f'dver hook {name} "$@"')
    assert run("install", cwd=repo).out.startswith("everything is installed")
    git("checkout", "-q", "main", cwd=repo)
    assert data(repo) == "one\n"


def test_doctor_names_what_is_missing(run: Run, repo: Path) -> None:
    def findings() -> list[str]:
        found = run("doctor", "--offline", "--json", cwd=repo).json["findings"]
        return [f"{one['level']} {one['text']}" for one in found if one["topic"] == "hooks"]

    (good,) = findings()
    assert good.startswith("ok in place")
    (repo / ".git/hooks/pre-push").unlink()
    (repo / ".git/hooks/post-merge").chmod(0o644)
    write_hook(repo / ".git/hooks", "pre-commit", "exit 0")
    git("config", "--unset", "merge.dver.driver", cwd=repo)
    (repo / ".gitattributes").unlink()
    text = "\n".join(findings())
    for part in (
        "pre-push: absent",
        "post-merge: changed",
        "pre-commit: another",
        "merge.dver.driver",
        ".gitattributes",
    ):
        assert part in text
    run("install", cwd=repo)
    assert findings() == [good]


def test_linked_worktrees_and_folders_of_a_monorepo_share_the_hooks(run: Run, repo: Path, tmp_path: Path) -> None:
    git("worktree", "add", "-q", tmp_path / "linked", "main", cwd=repo)
    assert (tmp_path / "linked/dätä set/a b").read_text() == "one\n"
    (repo / "models").mkdir()
    run("init", cwd=repo / "models")
    run("install", cwd=repo / "models")
    (repo / "models/net").write_text("net 1\n")
    run("add", "net", cwd=repo / "models")
    git("commit", "-qm", "Net", cwd=repo)
    (repo / "models/net").write_text("net 2\n")
    run("add", "net", cwd=repo / "models")
    git("commit", "-qm", "Net 2", cwd=repo)
    git("checkout", "-q", "HEAD~1", cwd=repo)
    assert (repo / "models/net").read_text() == "net 1\n"
    assert (repo / "models/.gitattributes").exists()


@pytest.mark.parametrize("lfs_first", [True, False])
def test_git_lfs_works_beside_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lfs_first: bool) -> None:
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    install = [lambda: git("lfs", "install", "--local", "--force", cwd=repo), lambda: run("install", cwd=repo)]
    for one in install if lfs_first else reversed(install):
        one()
    run("install", cwd=repo)
    git("lfs", "track", "*.psd", cwd=repo)
    (repo / "art.psd").write_bytes(b"\0" * 100_000)
    (repo / "data").write_text("one\n")
    run("add", "data", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Both", cwd=repo)
    git("init", "-q", "--bare", tmp_path / "hub", cwd=tmp_path)
    git("remote", "add", "origin", tmp_path / "hub", cwd=repo)
    run("remote", "add", "-d", "store", tmp_path / "store", cwd=repo)
    git("push", "-q", "origin", "main", cwd=repo)
    assert (tmp_path / "store/indexes").exists()
    assert list((tmp_path / "hub/lfs/objects").rglob("*"))
    assert git("show", "HEAD:art.psd", cwd=repo).startswith("version https://git-lfs")
