"""References to versions, alone and as revisions of other commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dver.core.errors import UsageError
from dver.git.git_repo import GitRepo, discover, run
from dver.git.registry.references import ArtifactReference
from dver.git.revisions import resolve


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("churn", ArtifactReference("churn")),
        ("churn@latest", ArtifactReference("churn")),
        ("churn@greatest", ArtifactReference("churn")),
        ("churn@v1.2.3", ArtifactReference("churn", "v1.2.3")),
        ("churn@1.2.3", ArtifactReference("churn", "v1.2.3")),
        ("churn#prod", ArtifactReference("churn", stage="prod")),
        ("team/models:churn#prod", ArtifactReference("team/models:churn", stage="prod")),
        ("team/models=churn@v1.0.0", ArtifactReference("team/models:churn", "v1.0.0")),
    ],
)
def test_a_reference_names_a_version_or_a_stage(text: str, expected: ArtifactReference) -> None:
    assert ArtifactReference.parse(text) == expected
    assert ArtifactReference.parse(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "-churn", "churn@", "churn#", "churn@v1", "churn@v1.0.0#prod", "a b", "churn#-x"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        ArtifactReference.parse(text)


@pytest.fixture
def git(tmp_path: Path) -> GitRepo:
    """A repository with the versions v1.0.0 and v2.0.0 of churn, the first one in stage prod."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    found = discover(tmp_path)
    for version in ("v1.0.0", "v2.0.0"):
        run(found, ["commit", "--quiet", "--allow-empty", "-m", version])
        run(found, ["tag", "-m", "text", f"churn@{version}"])
    run(found, ["tag", "-m", "text", "churn#prod#1", "HEAD~1"])
    return found


def test_a_reference_is_a_revision(git: GitRepo) -> None:
    assert resolve(git, "churn@latest") == resolve(git, "HEAD")
    assert resolve(git, "churn@2.0.0") == resolve(git, "HEAD")
    assert resolve(git, "churn#prod") == resolve(git, "HEAD~1")


def test_a_stage_without_a_version_is_named_with_those_that_have_one(git: GitRepo) -> None:
    with pytest.raises(UsageError, match="no version of 'churn' is in stage 'dev'") as caught:
        resolve(git, "churn#dev")
    assert caught.value.why == "stages with a version: prod"


@pytest.mark.parametrize("rev", ["feature#12", "HEAD@{99}", "user@host", "other@latest"])
def test_a_revision_that_names_no_artifact_is_an_unknown_revision(git: GitRepo, rev: str) -> None:
    with pytest.raises(UsageError, match="unknown revision"):
        resolve(git, rev)
