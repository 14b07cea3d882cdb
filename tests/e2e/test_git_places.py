"""Where a project can be: in a submodule, in folders of one repository, in clones of every kind. Hooks work there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from githooks import git_says, put_dver_on_path
from support import Run, git, make_git_repo, run_dver


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Other tests do without hooks."""
    monkeypatch.delenv("DVER_HOOKS_INSTALL")
    put_dver_on_path(tmp_path / "bin", monkeypatch)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves what all of them copy."""
    return tmp_path_factory.mktemp("template") / "all"


@pytest.fixture
def hub(template: Path, tmp_path: Path) -> Path:
    """A bare repository of a project, on whose dver remote are both versions of its `data`."""
    if not template.exists():
        repo = make_git_repo(template / "repo")
        run_dver("init", cwd=repo)
        run_dver("remote", "add", "-d", "store", "../store", cwd=repo)
        for text in ("one", "two"):
            _commit(repo, text)
        git("clone", "-q", "--bare", repo, template / "hub", cwd=repo)
        run_dver("push", "--all-commits", cwd=repo)
        shutil.rmtree(repo)
    shutil.copytree(template, tmp_path / "all", symlinks=True)
    return tmp_path / "all" / "hub"


def _commit(repo: Path, text: str) -> None:
    (repo / "data").mkdir(exist_ok=True)
    (repo / "data" / "x").write_text(text)
    run_dver("add", "data", cwd=repo)
    git("commit", "-qm", text, cwd=repo)


def _clone(hub: Path, *args: str, name: str = "clone") -> Path:
    """A clone that is set up and has its data."""
    git("clone", "-q", *args, f"file://{hub}", hub.with_name(name), cwd=hub)
    return _set_up(hub.with_name(name))


def _set_up(repo: Path) -> Path:
    run_dver("install", cwd=repo)
    run_dver("config", "set", "--local", "hooks.fetch", "true", cwd=repo)
    run_dver("pull", cwd=repo)
    return repo


def _data(repo: Path) -> str | None:
    file = repo / "data" / "x"
    return file.read_text() if file.exists() else None


def _is_pushed(repo: Path) -> bool:
    return run_dver("check", "--remote", cwd=repo, rc=None).rc == 0


@pytest.fixture
def above(hub: Path, tmp_path: Path) -> Path:
    """A repository with the project as a submodule, at a commit for each of its versions."""
    above = make_git_repo(tmp_path / "all" / "above")
    git("clone", "-q", "--bare", above, tmp_path / "all" / "above.git", cwd=above)
    git("remote", "add", "origin", tmp_path / "all" / "above.git", cwd=above)
    git("submodule", "--quiet", "add", hub, "s ub", cwd=above)
    sub = above / "s ub"
    run_dver("config", "set", "--local", "remote.store.url", tmp_path / "all" / "store", cwd=sub)
    _set_up(sub)
    for rev in ("HEAD~1", "main"):
        git("checkout", "-q", rev, cwd=sub)
        git("commit", "-qam", rev, cwd=above)
    return above


def test_submodules_are_updated_with_their_data(above: Path) -> None:
    git_says(above, "checkout", "-q", "HEAD~1")
    git_says(above, "submodule", "update")
    assert _data(above / "s ub") == "one"
    git_says(above, "checkout", "-q", "--recurse-submodules", "main")
    assert _data(above / "s ub") == "two"


def test_a_push_from_above_takes_the_data_of_a_submodule_along(above: Path, hub: Path) -> None:
    sub = above / "s ub"
    git("checkout", "-q", "main", cwd=sub)
    _commit(sub, "three")
    git("commit", "-qam", "three", cwd=above)
    assert not _is_pushed(sub)
    git_says(above, "push", "-q", "--recurse-submodules=on-demand", "origin", "main")
    assert _is_pushed(sub)
    assert git("rev-parse", "main", cwd=hub) == git("rev-parse", "main", cwd=sub)


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    """Two projects in folders, with a remote each, and one commit of each version of both."""
    repo = make_git_repo(tmp_path / "all" / "monorepo")
    git("init", "-q", "--bare", tmp_path / "all" / "hub", cwd=repo)
    git("remote", "add", "origin", tmp_path / "all" / "hub", cwd=repo)
    for name in ("één", "t wo"):
        (repo / name).mkdir()
        run_dver("init", cwd=repo / name)
        run_dver("remote", "add", "-d", "store", tmp_path / "all" / f"store {name}", cwd=repo / name)
    return repo


def test_a_commit_and_a_push_may_be_about_several_projects(monorepo: Path) -> None:
    one, two = monorepo / "één", monorepo / "t wo"
    for text in ("1", "2"):
        for project in (one, two):
            (project / "data").mkdir(exist_ok=True)
            (project / "data" / "x").write_text(text)
            run_dver("add", "data", cwd=project)
        git_says(one, "commit", "-qm", text)
    git_says(two, "checkout", "-q", "HEAD~1")
    assert (_data(one), _data(two)) == ("1", "1")
    git_says(one, "checkout", "-q", "main", "--", "../t wo")
    assert (_data(one), _data(two)) == ("1", "2")
    git_says(one, "reset", "-q", "--hard", "main")
    (monorepo / "elsewhere").mkdir()
    git_says(monorepo / "elsewhere", "push", "-q", "origin", "main")
    for project in (one, two):
        run_dver("check", "--remote", "--all-commits", cwd=project)
        (project / "gone.dver").write_text(f"kind: blob\noid: blake3:{'ab' * 32}\nsize: 4\nversion: 1\n")
    git("add", "-A", cwd=monorepo)
    said = git_says(two, "commit", "-qm", "Gone", rc=1)
    assert said.count("its data is not in the store") == 2


def test_a_bare_repository_is_refused_and_takes_pushes(run: Run, hub: Path) -> None:
    for verb in ("install", "init", "uninstall"):
        assert "is a Git directory without a worktree" in run(verb, cwd=hub, rc=3).err
    run("init", cwd=hub / "objects", rc=3)
    clone = _clone(hub)
    for hook in ("pre-receive", "post-receive", "post-index-change", "post-checkout"):
        (hub / "hooks" / hook).write_text(f'#!/bin/sh\nexec dver hook {hook} "$@"\n')
    _commit(clone, "three")
    git_says(clone, "push", "-q", "origin", "main")
    assert _is_pushed(clone)


def test_a_shallow_clone_is_worked_in_and_deepened(hub: Path) -> None:
    clone = _clone(hub, "--depth=1")
    assert _data(clone) == "two"
    _commit(clone, "three")
    git_says(clone, "push", "-q", "origin", "main")
    assert _is_pushed(clone)
    git_says(clone, "fetch", "-q", "--unshallow")
    git_says(clone, "checkout", "-q", "main~2")
    assert _data(clone) == "one"


def test_a_clone_without_a_checkout_gets_its_data_by_the_first_one(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVER_HOOKS_FETCH", "true")
    git("clone", "-q", "--no-checkout", hub, hub.with_name("empty"), cwd=hub)
    empty = hub.with_name("empty")
    run_dver("install", cwd=empty)
    git_says(empty, "checkout", "-q", "main")
    assert _data(empty) == "two"


@pytest.mark.parametrize("cone", [["--cone", "in"], ["--no-cone", "/in/", "/.dver/", "!*.py"]])
def test_a_sparse_checkout_has_the_data_of_what_is_checked_out(hub: Path, cone: list[str]) -> None:
    clone = _clone(hub)
    for folder in ("in", "out"):
        (clone / folder).mkdir()
        (clone / folder / "set").write_text("1")
        run_dver("add", f"{folder}/set", cwd=clone)
    git("commit", "-qm", "1", cwd=clone)
    for folder in ("in", "out"):
        (clone / folder / "set").write_text("2")
        run_dver("add", f"{folder}/set", cwd=clone)
    git("commit", "-qm", "2", cwd=clone)
    git_says(clone, "sparse-checkout", "set", *cone)
    if "--cone" in cone:  # which takes away all folders that are not named, and so the project's settings
        fix = run_dver("status", cwd=clone / "in", rc=3).err.split("fix: ")[1]
        subprocess.run(fix, shell=True, check=True, cwd=clone / "in")
    git_says(clone, "checkout", "-q", "HEAD~1")
    assert (clone / "in" / "set").read_text() == "1"
    assert not (clone / "out" / "set").exists()
    (clone / "in" / "set").write_text("3")
    run_dver("add", "in/set", cwd=clone)
    assert "warning" not in git_says(clone, "commit", "-qam", "3")
    assert git("show", "--format=", "--name-only", cwd=clone).split() == ["in/set.dver"]
    git_says(clone, "push", "-q", "origin", "HEAD:refs/heads/sparse")
    run_dver("check", "--remote", "--rev", "HEAD", cwd=clone)


def test_a_worktree_without_a_branch_commits_and_goes(hub: Path) -> None:
    clone, other = _clone(hub), hub.with_name("ö ther")
    git_says(clone, "worktree", "add", "-q", "--detach", other, "HEAD~1")
    assert _data(other) == "one"
    _commit(other, "own")
    git_says(other, "push", "-q", "origin", "HEAD:refs/heads/own")
    assert _is_pushed(other)
    git_says(clone, "worktree", "remove", other)
    assert not other.exists()
    assert _data(clone) == "two"
    git_says(clone, "pull", "-q", "--rebase", "origin", "own", rc=1)


def test_an_orphan_branch_begins_without_data(hub: Path) -> None:
    clone = _clone(hub)
    git_says(clone, "switch", "-q", "--orphan", "fresh")
    assert _data(clone) is None
    git_says(clone, "commit", "-q", "--allow-empty", "-m", "Fresh")
    git_says(clone, "switch", "-q", "-c", "again", "main")
    assert _data(clone) == "two"
