"""The artifacts that the `dver.yaml` files of a version define, by their full names."""

from __future__ import annotations

import posixpath

from dver.core.errors import PipelineError
from dver.models.artifact import Artifact, artifact_in
from dver.pipelines import FILE_NAME
from dver.pipelines.compare.compared_versions import ReadProblem, Side, for_each_pipeline
from dver.pipelines.definition.stage import PipelineFile


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
