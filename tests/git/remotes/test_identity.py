"""What tells one Git repository from another."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.git.git_repo import discover
from dver.git.remotes.identity import first_commits, git_remotes, path_on_host, public_url


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://github.com/org/model.git", "https://github.com/org/model.git"),
        ("https://ann:secret@github.com/org/model?token=x#y", "https://github.com/org/model"),
        ("ssh://git:secret@host:2222/org/model.git", "ssh://git@host:2222/org/model.git"),
        ("git@github.com:org/model.git", "git@github.com:org/model.git"),
        ("work:org/model", "work:org/model"),
        ("/srv/git/model.git", ""),
        ("../model", ""),
        ("./odd:name", ""),
        ("file:///srv/git/model.git", ""),
        ("ext::ssh -i key host", ""),
        ("https://[broken/model", ""),
        ("", ""),
    ],
)
def test_a_url_is_made_public_without_its_secrets(url: str, public: str) -> None:
    assert public_url(url) == public


@pytest.mark.parametrize(
    "url", ["https://github.com/Org/Model.git", "git@github.com:org/model", "ssh://git@alias:22/org/model.git/"]
)
def test_one_repository_has_one_path_by_every_protocol(url: str) -> None:
    assert path_on_host(public_url(url)) == "org/model"


def test_the_remote_is_the_one_that_git_push_would_choose(git_repo: Path) -> None:
    repo = discover(git_repo)
    assert git_remotes(repo).push is None
    for name in ("origin", "fork", "other.dotted"):
        git("remote", "add", name, f"https://host/{name}", cwd=git_repo)
    assert git_remotes(repo).push == "origin"
    git("config", "branch.main.remote", "fork", cwd=git_repo)
    assert git_remotes(repo).push == "fork"
    git("config", "remote.pushDefault", "other.dotted", cwd=git_repo)
    git("remote", "set-url", "--push", "other.dotted", "https://host/push", cwd=git_repo)
    found = git_remotes(repo)
    assert found.push == "other.dotted"
    assert found.urls["other.dotted"] == ("https://host/push", "https://host/other.dotted")
    git("config", "branch.main.pushRemote", "origin", cwd=git_repo)
    assert git_remotes(repo).push == "origin"


def test_first_commits_are_known_unless_the_clone_is_shallow(git_repo: Path, tmp_path: Path) -> None:
    root = git("rev-parse", "HEAD", cwd=git_repo).strip()
    git("commit", "-qm", "Second", "--allow-empty", cwd=git_repo)
    assert first_commits(discover(git_repo)) == (root,)
    git("clone", "-q", "--depth=1", git_repo.as_uri(), tmp_path / "shallow", cwd=tmp_path)
    assert first_commits(discover(tmp_path / "shallow")) == ()
    git("init", "-q", tmp_path / "empty", cwd=tmp_path)
    assert first_commits(discover(tmp_path / "empty")) == ()
