"""The full names and paths of artifacts."""

from __future__ import annotations

import pytest

from dver.core.errors import PipelineError
from dver.models.artifact import artifact_in
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.definition.yaml_tree import Mark

MARK = Mark("dver.yaml", 1, 1)


@pytest.mark.parametrize(
    ("folder", "path", "name", "full"),
    [
        ("", "models/m.pkl", "churn", "models/m.pkl"),
        ("team/models", "m.pkl", "team/models:churn", "team/models/m.pkl"),
        ("team", "../shared/m", "team:churn", "shared/m"),
    ],
)
def test_the_directory_is_part_of_the_name_and_the_path(folder: str, path: str, name: str, full: str) -> None:
    found = artifact_in(folder, ArtifactDefinition("churn", path, MARK))
    assert (found.name, found.path) == (name, full)


@pytest.mark.parametrize(
    ("folder", "path", "why"),
    [
        ("my team", "m", "cannot be registered from the directory 'my team'"),
        ("team", "../../m", "outside of the repository"),
    ],
)
def test_what_no_tag_or_no_commit_can_have_is_refused(folder: str, path: str, why: str) -> None:
    with pytest.raises(PipelineError, match=why):
        artifact_in(folder, ArtifactDefinition("churn", path, MARK))
