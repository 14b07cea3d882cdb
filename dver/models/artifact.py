"""An artifact that `dver.yaml` defines, with its full name."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.formats.registry_tag import is_artifact_name
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.definition.yaml_tree import error_at


@dataclass(frozen=True, slots=True, repr=False)
class Artifact(Displayed):
    """A model or dataset that `dver.yaml` names."""

    name: str
    """With the directory of its `dver.yaml`: `churn`, or `team/models:churn`."""
    path: str
    """Relative to the top of the Git worktree."""
    definition: ArtifactDefinition


def artifact_in(folder: str, definition: ArtifactDefinition) -> Artifact:
    """The artifact that a `dver.yaml` in the directory `folder` defines. Raises PipelineError for an unusable one."""
    if definition.refused is not None:
        raise definition.refused
    name = f"{folder}:{definition.name}" if folder else definition.name
    if not is_artifact_name(name):
        raise error_at(
            definition.mark,
            f"the artifact {definition.name!r} cannot be registered from the directory {folder!r}",
            fix="rename the directory: tags have letters, digits, `-`, `_`, `.` and `/`",
        )
    path = posixpath.normpath(posixpath.join(folder, definition.path))
    if path.split("/")[0] == "..":
        raise error_at(
            definition.mark,
            f"the artifact {definition.name!r} is outside of the repository: {definition.path!r}",
            fix="write a path in the repository, relative to the directory of dver.yaml",
        )
    return Artifact(name, path, definition)
