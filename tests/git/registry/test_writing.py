"""New tags of the registry."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support import git

from dver.core.errors import UsageError
from dver.formats.registry_tag import TagDetails, encode_message
from dver.git.git_repo import CommitId, GitRepo, discover
from dver.git.registry.events import read_registry_tags
from dver.git.registry.writing import TagTakenError, make_tag_object, place_tag, tag_id

SECONDS = 1_800_000_000
MESSAGE = encode_message("# The first\n\n  one", TagDetails(path="model.pkl", size=3))


@pytest.fixture
def repo(git_repo: Path) -> tuple[GitRepo, CommitId]:
    git("commit", "-qm", "one", "--allow-empty", cwd=git_repo)
    return discover(git_repo), CommitId(git("rev-parse", "HEAD", cwd=git_repo).strip())


def test_the_object_has_no_name_until_it_is_placed_and_keeps_the_message(repo: tuple[GitRepo, CommitId]) -> None:
    found, commit = repo
    made = make_tag_object(found, "churn@v1.0.0", commit, MESSAGE, SECONDS)
    assert tag_id(found, "churn@v1.0.0") is None
    place_tag(found, "churn@v1.0.0", made)
    place_tag(found, "churn@v1.0.0", made)
    (event,) = read_registry_tags(found).events
    assert (event.commit, event.time, event.message) == (commit, SECONDS, "# The first\n\n  one")
    assert (event.author, event.email) == ("Test", "test@example.org")
    assert event.details == TagDetails(path="model.pkl", size=3)
    git("fsck", "--strict", cwd=found.worktree)


def test_a_tag_is_never_replaced(repo: tuple[GitRepo, CommitId]) -> None:
    found, commit = repo
    place_tag(found, "churn@v1.0.0", make_tag_object(found, "churn@v1.0.0", commit, MESSAGE, SECONDS))
    other = make_tag_object(found, "churn@v1.0.0", commit, MESSAGE, SECONDS + 1)
    with pytest.raises(TagTakenError):
        place_tag(found, "churn@v1.0.0", other)
    assert tag_id(found, "churn@v1.0.0") != other


@pytest.mark.parametrize("name", ["a//b@v1.0.0", "../x=churn@v1.0.0", "churn#a/.b#1"])
def test_names_that_git_does_not_allow_are_refused(repo: tuple[GitRepo, CommitId], name: str) -> None:
    with pytest.raises(UsageError, match="no tag can be called"):
        make_tag_object(*repo[:1], name, repo[1], MESSAGE, SECONDS)


@pytest.mark.parametrize("setting", ["tag.gpgSign", "tag.forceSignAnnotated"])
def test_tags_are_signed_if_the_user_configured_that(
    repo: tuple[GitRepo, CommitId], tmp_path: Path, setting: str
) -> None:
    found, commit = repo
    assert shutil.which("ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    for key, value in (("gpg.format", "ssh"), ("user.signingKey", str(tmp_path / "key.pub")), (setting, "true")):
        git("config", key, value, cwd=found.worktree)
    made = make_tag_object(found, "churn@v1.0.0", commit, MESSAGE, SECONDS)
    assert tag_id(found, "churn@v1.0.0") is None
    place_tag(found, "churn@v1.0.0", made)
    assert "-----BEGIN SSH SIGNATURE-----" in git("cat-file", "tag", made, cwd=found.worktree)
    (event,) = read_registry_tags(found).events
    assert event.details == TagDetails(path="model.pkl", size=3)
