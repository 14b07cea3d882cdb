"""One artifact as a commit defines it: in `dver.yaml`, `dvc.yaml`, or the file of GTO before version 1."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from typing import Final

from dver.git.commits import CommitReader, TooLargeError
from dver.git.git_repo import CommitId, GitRepo
from dver.models.artifact import Artifact, artifact_in
from dver.models.gto_file import FILE_OF_GTO, artifact_of_gto
from dver.pipelines.definition.load import load_artifacts

_PIPELINE_FILES: Final = ("dver.yaml", "dvc.yaml")
_MAX_SIZE: Final = 16 << 20


def definition_in(read: Callable[[str], bytes | None], name: str) -> Artifact | None:
    """The definition of the artifact `name` in the files that `read` returns, by path from the top of the repository.

    Raises PipelineError for a file that is not valid.
    """
    folder, _, plain = name.rpartition(":")

    def read_below(path: str) -> bytes | None:
        return read(posixpath.normpath(posixpath.join(folder, path)))

    for file in _PIPELINE_FILES:
        content = read_below(file)
        path = posixpath.join(folder, file)
        found = {} if content is None else load_artifacts(content, read_below, name=path)
        if plain in found:
            return artifact_in(folder, found[plain])
    content = None if folder else read(FILE_OF_GTO)
    return None if content is None else artifact_of_gto(content, plain)


def definition_at(git: GitRepo, commit: CommitId, name: str) -> Artifact | None:
    """The definition of the artifact `name` in `commit`. Raises PipelineError, RepositoryError."""
    with CommitReader(git) as reader:

        def read(path: str) -> bytes | None:
            try:
                return reader.read(commit, os.fsencode(path), limit=_MAX_SIZE)
            except TooLargeError:
                return None

        return definition_in(read, name)
