"""The artifacts that the `dver.yaml` files of a version define, by their full names."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.core.errors import PipelineError
from dver.formats.registry_tag import is_artifact_name
from dver.pipelines import FILE_NAME
from dver.pipelines.compare.compared_versions import ReadProblem, Side, for_each_pipeline
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.definition.stage import PipelineFile
from dver.pipelines.definition.yaml_tree import error_at


@dataclass(frozen=True, slots=True, repr=False)
class Artifact(Displayed):
    """A model or dataset that `dver.yaml` names."""

    name: str
    """With the directory of its `dver.yaml`: `churn`, or `team/models:churn`."""
    path: str
    """Relative to the top of the Git worktree."""
    definition: ArtifactDefinition


def artifacts_of(side: Side, problems: list[ReadProblem]) -> dict[str, Artifact]:
    """The artifacts of the workspace or of a commit, by name. Adds unreadable files and artifacts to `problems`."""
    found: dict[str, Artifact] = {}

    def add_of(folder: str, file: PipelineFile) -> None:
        for definition in file.artifacts.values():
            try:
                artifact = artifact_in(folder, definition)
                found[artifact.name] = artifact
            except PipelineError as error:
                problems.append(ReadProblem(side.name, posixpath.join(folder, FILE_NAME), error))

    for_each_pipeline(side, problems, add_of)
    return dict(sorted(found.items()))


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
