"""The artifacts that the `dver.yaml` files of a version define, by their full names."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.pipelines.compare.compared_versions import ReadProblem, Side, for_each_pipeline
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.definition.stage import PipelineFile


@dataclass(frozen=True, slots=True, repr=False)
class Artifact(Displayed):
    """A model or dataset that `dver.yaml` names."""

    name: str
    """With the directory of its `dver.yaml`: `churn`, or `team/models:churn`."""
    path: str
    """Relative to the top of the Git worktree."""
    definition: ArtifactDefinition


def artifacts_of(side: Side, problems: list[ReadProblem]) -> dict[str, Artifact]:
    """The artifacts of the workspace or of a commit, by name. Adds unreadable files to `problems`."""
    found: dict[str, Artifact] = {}

    def add_of(folder: str, file: PipelineFile) -> None:
        for definition in file.artifacts.values():
            name = f"{folder}:{definition.name}" if folder else definition.name
            path = posixpath.normpath(posixpath.join(folder, definition.path))
            found[name] = Artifact(name, path, definition)

    for_each_pipeline(side, problems, add_of)
    return dict(sorted(found.items()))
