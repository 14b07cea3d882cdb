"""Where a project can be: in a submodule, in folders of one repository, in clones of every kind. Hooks work there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from githooks import dver, git_says, put_dver_on_path
from support import Run, git, make_git_repo, run_dver


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves what all of them copy."""
    return tmp_path_factory.mktemp("template") / "all"


@pytest.fixture(autouse=True)
def folder(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each test has `hub`, a bare repository of a project, and `store`, with both versions of its `data`.

    Whatever Git clones has the hooks that `dver install` puts in place, and these fetch data from an address that is
    trusted.
    """
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    monkeypatch.delenv("DVER_HOOKS_INSTALL")
    if not template.exists():
        repo = make_git_repo(template / "repo")
        dver("init", cwd=repo)
        dver("remote", "add", "-d", "store", "../store", cwd=repo)
        for text in ("one", "two"):
            _commit(repo, text)
        dver("push", "--all-commits", cwd=repo)
        git("clone", "-q", "--bare", repo, template / "hub", cwd=repo)
        shutil.copytree(repo / ".git" / "hooks", template / "git" / "hooks")
        (template / "git" / "dver").mkdir()
        shutil.copy(repo / ".git" / "dver" / "trusted.json", template / "git" / "dver")
        shutil.rmtree(repo)
    shutil.copytree(template, tmp_path / "all", symlinks=True)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template / "git"))
    monkeypatch.setenv("DVER_HOOKS_FETCH", "true")
    return tmp_path / "all"


@pytest.fixture
def hub(folder: Path) -> Path:
    """The bare repository."""
    return folder / "hub"


def _commit(repo: Path, text: str) -> None:
    (repo / "data").mkdir(exist_ok=True)
    (repo / "data" / "x").write_text(text)
    dver("add", "data", cwd=repo)
    git("commit", "-qm", text, cwd=repo)


def _clone(hub: Path, *args: str, name: str = "clone") -> Path:
    git("clone", "-q", *args, f"file://{hub}", hub.with_name(name), cwd=hub)
    return hub.with_name(name)


def _data(repo: Path) -> str | None:
    file = repo / "data" / "x"
    return file.read_text() if file.exists() else None


def _is_pushed(repo: Path, *, rc: int = 0) -> None:
    dver("check", "available", "--remote", cwd=repo, rc=rc)


def test_a_submodule_is_updated_with_its_data_and_pushed_from_above(folder: Path, hub: Path) -> None:
    above = make_git_repo(folder / "above")
    git("clone", "-q", "--bare", above, folder / "above.git", cwd=above)
    git("remote", "add", "origin", folder / "above.git", cwd=above)
    git("submodule", "--quiet", "add", hub, "s ub", cwd=above)
    sub = above / "s ub"
    dver("config", "set", "--local", "remote.store.url", folder / "store", cwd=sub)
    for rev in ("HEAD~1", "main"):
        git_says(sub, "checkout", "-q", rev)
        git("commit", "-qam", rev, cwd=above)
    git_says(above, "checkout", "-q", "HEAD~1")
    git_says(above, "submodule", "update")
    assert _data(sub) == "one"
    git_says(above, "checkout", "-q", "--recurse-submodules", "main")
    assert _data(sub) == "two"
    git("checkout", "-q", "main", cwd=sub)
    _commit(sub, "three")
    git("commit", "-qam", "three", cwd=above)
    _is_pushed(sub, rc=1)
    git_says(above, "push", "-q", "--recurse-submodules=on-demand", "origin", "main")
    _is_pushed(sub)
    assert git("rev-parse", "main", cwd=hub) == git("rev-parse", "main", cwd=sub)


def test_a_commit_and_a_push_may_be_about_several_projects(folder: Path) -> None:
    repo = make_git_repo(folder / "monorepo")
    git("init", "-q", "--bare", folder / "empty", cwd=repo)
    one, two = repo / "één", repo / "t wo"
    for project in (one, two):
        project.mkdir()
        dver("init", "--no-hooks", cwd=project)
        dver("remote", "add", "-d", "store", folder / f"store {project.name}", cwd=project)
    for text in ("1", "2"):
        for project in (one, two):
            (project / "data").mkdir(exist_ok=True)
            (project / "data" / "x").write_text(text)
            dver("add", "data", cwd=project)
        git_says(one, "commit", "-qm", text)
    git_says(two, "checkout", "-q", "HEAD~1")
    assert (_data(one), _data(two)) == ("1", "1")
    git_says(one, "checkout", "-q", "main", "--", "../t wo")
    assert (_data(one), _data(two)) == ("1", "2")
    git_says(one, "push", "-q", folder / "empty", "main")
    for project in (one, two):
        dver("check", "available", "--remote", "--all-commits", cwd=project)
        (project / "gone.dver").write_text(f"kind: blob\noid: blake3:{'ab' * 32}\nsize: 4\nversion: 1\n")
    git("add", "-A", cwd=repo)
    said = git_says(two, "commit", "-qm", "Gone", rc=1)
    assert said.count("its data is not in the store") == 2


def test_a_bare_repository_is_refused_and_takes_pushes(run: Run, folder: Path, hub: Path) -> None:
    for verb in ("install", "init", "uninstall"):
        assert "is a Git directory without a worktree" in run(verb, cwd=hub, rc=3).err
    run("init", cwd=hub / "objects", rc=3)
    shutil.copytree(folder / "git" / "hooks", hub / "hooks", dirs_exist_ok=True)  # where nothing is for them to do
    clone = _clone(hub)
    _commit(clone, "three")
    git_says(clone, "push", "-q", "origin", "main")
    _is_pushed(clone)


def test_a_shallow_clone_is_worked_in_and_deepened(hub: Path) -> None:
    clone = _clone(hub, "--depth=1")
    assert _data(clone) == "two"
    _commit(clone, "three")
    git_says(clone, "push", "-q", "origin", "main")
    _is_pushed(clone)
    git_says(clone, "fetch", "-q", "--unshallow")
    git_says(clone, "checkout", "-q", "main~2")
    assert _data(clone) == "one"


def test_a_clone_without_a_checkout_and_an_orphan_branch_get_data_by_the_next_checkout(hub: Path) -> None:
    empty = _clone(hub, "--no-checkout")
    dver("install", cwd=empty)
    git_says(empty, "checkout", "-q", "main")
    assert _data(empty) == "two"
    git_says(empty, "switch", "-q", "--orphan", "fresh")
    assert _data(empty) is None
    git_says(empty, "commit", "-q", "--allow-empty", "-m", "Fresh")
    git_says(empty, "switch", "-q", "-c", "again", "main")
    assert _data(empty) == "two"


def test_a_sparse_checkout_has_the_data_of_what_is_checked_out(hub: Path) -> None:
    clone = _clone(hub)
    inside, outside = clone / "in" / "set", clone / "out" / "set"
    for text in ("1", "2"):
        for file in (inside, outside):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        dver("add", "in/set", "out/set", cwd=clone)
        git("commit", "-qm", text, cwd=clone)
    git_says(clone, "sparse-checkout", "set", "--cone", "in")
    fix = run_dver("status", cwd=clone / "in", rc=3).err.split("fix: ")[1]  # the settings are in a folder, too
    subprocess.run(fix, shell=True, check=True, cwd=clone / "in")
    git_says(clone, "checkout", "-q", "HEAD~1")
    assert inside.read_text() == "1"
    assert not outside.exists()
    inside.write_text("3")
    dver("add", "in/set", cwd=clone)
    assert "warning" not in git_says(clone, "commit", "-qam", "3")
    assert git("show", "--format=", "--name-only", cwd=clone).split() == ["in/set.dver"]
    git_says(clone, "push", "-q", "origin", "HEAD:refs/heads/sparse")
    dver("check", "available", "--remote", cwd=clone)
    git_says(clone, "sparse-checkout", "set", "--no-cone", "/in/", "/.dver/", "!*.py")
    git_says(clone, "checkout", "-q", "main")
    assert inside.read_text() == "2"
    dver("install", cwd=clone)
    assert not (clone / ".gitattributes").exists()
    assert "not named in .gitattributes" not in run_dver("doctor", "--offline", cwd=clone).out
    assert git("status", "--porcelain", cwd=clone) == ""


def test_a_worktree_without_a_branch_commits_and_goes(hub: Path) -> None:
    clone, other = _clone(hub), hub.with_name("ö ther")
    git_says(clone, "worktree", "add", "-q", "--detach", other, "HEAD~1")
    assert _data(other) == "one"
    _commit(other, "own")
    git_says(other, "push", "-q", "origin", "HEAD:refs/heads/own")
    _is_pushed(other)
    git_says(clone, "worktree", "remove", other)
    assert not other.exists()
    assert _data(clone) == "two"
