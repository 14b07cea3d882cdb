"""Reading the tags of the registry."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.core.errors import RepositoryError
from dver.formats.registry_tag import TagDetails, encode_message
from dver.git.git_repo import discover
from dver.git.registry.events import read_registry_tags
from dver.git.registry.references import ArtifactReference, find_version, read_artifact


def test_the_tags_of_one_artifact_include_stages_with_slashes(git_repo: Path) -> None:
    for name in ("churn@v1.0.0", "churn#team/prod#1", "team=churn@v1.0.0", "churn-2@v1.0.0", "a/churn@v1.0.0"):
        git("tag", "-a", "-m", "text", name, cwd=git_repo)
    found = read_artifact(discover(git_repo), "churn")
    assert [str(one.tag) for one in found.events] == ["churn@v1.0.0", "churn#team/prod#1"]
    assert find_version(found, ArtifactReference.parse("churn#team/prod")).version == "v1.0.0"


def test_tags_that_are_no_events_are_reported_with_the_reason(git_repo: Path) -> None:
    git("tag", "churn@v1.0.0", cwd=git_repo)
    git("tag", "-a", "-m", "text", "churn@v1.1.0", "HEAD^{tree}", cwd=git_repo)
    git("tag", "-a", "-m", "text", "churn@v1.2.0", cwd=git_repo)
    lost = git("rev-parse", "churn@v1.2.0", cwd=git_repo).strip()
    (git_repo / ".git/objects" / lost[:2] / lost[2:]).unlink()
    git("tag", "-a", "-m", "text", "churn@v1.3.0", cwd=git_repo)
    found = read_registry_tags(discover(git_repo))
    assert [str(one.tag) for one in found.events] == ["churn@v1.3.0"]
    assert {one.name: one.reason for one in found.unusable} == {
        "churn@v1.0.0": "it is a lightweight tag",
        "churn@v1.1.0": "it names a tree, not a commit",
        "churn@v1.2.0": "its object is missing or corrupt in this clone",
    }


def test_the_parts_of_a_tag_are_decoded(git_repo: Path) -> None:
    message = encode_message("First release\n\nof many", TagDetails(path="models/churn.pkl", size=12))
    author = ("-c", "user.name=Zoë <Z>", "-c", "user.email=zoe@example.org")
    git(*author, "tag", "-a", "-m", message, "churn@v1.0.0", cwd=git_repo)
    (event,) = read_registry_tags(discover(git_repo)).events
    assert (event.author, event.email, event.message) == ("Zoë Z", "zoe@example.org", "First release\n\nof many")
    assert event.details == TagDetails(path="models/churn.pkl", size=12)
    assert event.commit == git("rev-parse", "HEAD", cwd=git_repo).strip()


def test_a_corrupt_object_is_reported_like_a_missing_one(git_repo: Path) -> None:
    git("tag", "-a", "-m", "text", "churn@v1.0.0", cwd=git_repo)
    damaged = git("rev-parse", "churn@v1.0.0", cwd=git_repo).strip()
    path = git_repo / ".git/objects" / damaged[:2] / damaged[2:]
    path.chmod(0o644)
    path.write_bytes(b"no object")
    (found,) = read_registry_tags(discover(git_repo)).unusable
    assert found.reason == "its object is missing or corrupt in this clone"


def test_a_failure_of_git_has_its_reason(git_repo: Path) -> None:
    (git_repo / ".git/packed-refs").write_text("no ref\n")
    with pytest.raises(RepositoryError) as caught:
        read_registry_tags(discover(git_repo))
    assert caught.value.what == "git for-each-ref failed"
    assert "no ref" in str(caught.value.why)
