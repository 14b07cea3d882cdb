"""What a commit's `.dver/config.toml` says of places outside of the repository counts after it was accepted."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from githooks import git_says, put_dver_on_path
from support import Run, git, make_git_repo

from dver.config import Config, ConfigPaths

SHARED = "ignored cache.dir = {} of .dver/config.toml"


@pytest.fixture
def theirs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's repository, with data on a remote, and hooks in every clone."""
    monkeypatch.setenv("DVER_HOOKS_INSTALL", "true")
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "theirs")
    run("init", cwd=repo)
    (repo / "m.bin").write_text("model")
    run("add", "m.bin", cwd=repo)
    run("remote", "add", "-d", "origin", str(tmp_path / "remote"), cwd=repo)
    git("add", ".", cwd=repo)
    git("commit", "--quiet", "-m", "Model", cwd=repo)
    run("push", cwd=repo)
    return repo


@pytest.fixture
def clone_with(run: Run, tmp_path: Path, theirs: Path) -> Callable[[str], Path]:
    """A clone of it, with hooks, once a commit has added `settings` to the project's file."""

    def make(settings: str) -> Path:
        git("clone", "--quiet", theirs, tmp_path / "clone", cwd=tmp_path)
        run("install", cwd=tmp_path / "clone")
        file = theirs / ".dver/config.toml"
        file.write_text(file.read_text() + settings)
        git("commit", "--quiet", "--allow-empty", "-am", "Settings", "--no-verify", cwd=theirs)
        return tmp_path / "clone"

    return make


def test_a_pulled_commit_does_not_decide_where_the_store_is_and_who_may_write_there(
    run: Run, clone_with: Callable[[str], Path], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    clone = clone_with(f'[cache]\ndir = "{outside}"\nshared = "all"\n')
    git_says(clone, "pull", "--quiet")
    said = run("pull", cwd=clone).err
    assert SHARED.format(outside) in said
    assert "ignored cache.shared = all" in said
    assert (clone / "m.bin").read_text() == "model"
    assert not outside.exists()
    assert not (clone / ".git/dver/store").stat().st_mode & (stat.S_ISGID | stat.S_IWGRP)


def test_the_fix_of_the_warning_accepts_the_value_for_this_clone(
    run: Run, clone_with: Callable[[str], Path], tmp_path: Path
) -> None:
    clone = clone_with(f'[cache]\ndir = "{tmp_path / "team"}"\n')
    git_says(clone, "pull", "--quiet")
    fix = run("status", cwd=clone).err.split("`")[1]
    run(*shlex.split(fix)[1:], cwd=clone)
    assert "ignored" not in run("pull", cwd=clone).err
    assert (tmp_path / "team").is_dir()
    assert not git("status", "--porcelain", cwd=clone)


def test_trust_is_of_a_value_and_can_be_revoked(run: Run, clone_with: Callable[[str], Path], tmp_path: Path) -> None:
    clone = clone_with(f'[cache]\ndir = "{tmp_path / "team"}"\n')
    git_says(clone, "pull", "--quiet")
    assert f"would trust cache.dir = {tmp_path / 'team'}\n" in run("config", "trust", "--dry-run", cwd=clone).out
    assert run("config", "get", "cache.dir", cwd=clone, rc=1).out == ""
    assert f"trusted cache.dir = {tmp_path / 'team'}\n" in run("config", "trust", cwd=clone).out
    assert run("config", "get", "cache.dir", cwd=clone).out == f"{tmp_path / 'team'}\n"
    config = clone / ".dver/config.toml"
    config.write_text(config.read_text().replace("team", "another"))
    assert "cache.dir" in run("config", "trust", "--dry-run", cwd=clone).out
    config.write_text(config.read_text().replace("another", "team"))
    assert "revoked cache.dir" in run("config", "trust", "--revoke", "cache.dir", cwd=clone).out
    assert run("config", "get", "cache.dir", cwd=clone, rc=1).out == ""
    assert "project, ignored: not trusted" in run("config", "list", cwd=clone).out


def test_a_checkout_contacts_no_remote_because_a_commit_says_so(
    run: Run, clone_with: Callable[[str], Path], tmp_path: Path
) -> None:
    clone = clone_with("[hooks]\nfetch = true\n")
    git_says(clone, "pull", "--quiet")
    git_says(clone, "checkout", "--quiet", "-b", "other")
    assert not (clone / "m.bin").exists()
    assert "ignored hooks.fetch = true" in run("status", cwd=clone).err


def test_hooks_that_may_fetch_contact_only_addresses_that_were_used_or_accepted(
    run: Run, clone_with: Callable[[str], Path], theirs: Path, tmp_path: Path
) -> None:
    clone = clone_with("")
    run("config", "set", "--local", "hooks.fetch", "true", cwd=clone)
    (theirs / "m.bin").write_text("second")
    run("add", "m.bin", cwd=theirs)
    git("commit", "--quiet", "-am", "Second", cwd=theirs)
    run("push", cwd=theirs)
    said = git_says(clone, "pull", "--quiet")
    assert f"the address of the remote 'origin' is not trusted: {tmp_path / 'remote'}" in said
    assert not (clone / "m.bin").exists()
    run("pull", cwd=clone)  # typed: asked for, and from now on known
    (theirs / "m.bin").write_text("third")
    run("add", "m.bin", cwd=theirs)
    git("commit", "--quiet", "-am", "Third", cwd=theirs)
    run("push", cwd=theirs)
    git_says(clone, "pull", "--quiet")
    assert (clone / "m.bin").read_text() == "third"


def test_a_push_hook_sends_nothing_to_an_address_that_a_commit_has_changed(
    run: Run, clone_with: Callable[[str], Path], theirs: Path, tmp_path: Path
) -> None:
    clone = clone_with("")
    run("pull", cwd=clone)
    run("remote", "set", "origin", "url", str(tmp_path / "thief"), cwd=theirs)
    git("commit", "--quiet", "-am", "Elsewhere", "--no-verify", cwd=theirs)
    git_says(clone, "pull", "--quiet")
    git("checkout", "--quiet", "-b", "mine", cwd=clone)
    (clone / "secret.bin").write_text("secret")
    run("add", "secret.bin", cwd=clone)
    git("commit", "--quiet", "-m", "Mine", cwd=clone)
    said = git_says(clone, "push", "origin", "mine", rc=1)
    assert "not trusted" in said
    assert not (tmp_path / "thief").exists()
    fix = said.split("fix: ")[1].splitlines()[0]
    run(*shlex.split(fix)[1:], cwd=clone)
    git_says(clone, "push", "origin", "mine")
    assert (tmp_path / "thief").is_dir()


def test_what_was_typed_in_a_clone_is_trusted_there(run: Run, theirs: Path, tmp_path: Path) -> None:
    run("config", "set", "cache.dir", str(tmp_path / "team"), cwd=theirs)
    run("config", "set", "cache.shared", "group", cwd=theirs)
    assert run("config", "trust", cwd=theirs).out == "no setting of the project waits for trust\n"
    assert "ignored" not in run("status", cwd=theirs).err


def test_a_link_in_the_commit_does_not_lead_the_store_out(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    (root / ".dver").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path)
    paths = ConfigPaths.of(root, root / ".git")
    for value, trusted in (("link/x", False), (".git/hooks", False), ("../x", False), ("store", True), ("~", False)):
        paths.project_file.write_text(f'[cache]\ndir = "{value}"\n')
        config = Config.load(paths, {})
        assert (not config.ignored) is trusted, value


def test_a_file_of_trust_that_is_broken_accepts_nothing(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    (root / ".dver").mkdir(parents=True)
    (root / ".git/dver").mkdir(parents=True)
    paths = ConfigPaths.of(root, root / ".git")
    paths.project_file.write_text("[hooks]\nfetch = true\n")
    for content in ("", "[]", "{", '{"version": 1}', '{"version": 2, "trusted": {"hooks.fetch": [true]}}', "[" * 9999):
        (root / ".git/dver/trusted.json").write_text(content)
        assert not Config.load(paths, {}).hooks_fetch
    (root / ".git/dver/trusted.json").write_text('{"version": 1, "trusted": {"hooks.fetch": [1]}}')
    assert not Config.load(paths, {}).hooks_fetch
    (root / ".git/dver/trusted.json").write_text('{"version": 1, "trusted": {"hooks.fetch": [true]}}')
    assert Config.load(paths, {}).hooks_fetch
