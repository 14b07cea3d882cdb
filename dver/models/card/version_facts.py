"""Reads what a commit knows about a model: its definition, metrics, parameters and lineage."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from dver.core.display import Displayed
from dver.core.errors import DverError
from dver.formats.lock import NAME as LOCK_NAME
from dver.formats.pointer_source import Source
from dver.formats.registry_tag import TagDetails
from dver.git.git_repo import CommitId
from dver.git.registry.state import ArtifactVersion
from dver.models.artifact import Artifact
from dver.models.artifact_content import ArtifactContent, CommitContents
from dver.models.artifacts import artifacts_of
from dver.models.package.environment import PackageEnvironment
from dver.models.package.packaged_model import stage_environment
from dver.models.related_metrics import related_metrics
from dver.pipelines.compare.compared_versions import ReadProblem, Side, open_sides
from dver.pipelines.compare.directions import MetricDirections, directions_of
from dver.pipelines.compare.params_metrics import read_values
from dver.pipelines.definition.param_files import flatten
from dver.pipelines.lineage import InputOrigin, Lineage, LineageInput, locked_stages, trace
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.tracking.targets import target_containing, tracked_in_commit

Values: TypeAlias = Mapping[tuple[str, str], Any]
"""Values by file and key. Files are relative to the top of the Git repository."""


@dataclass(slots=True, repr=False)
class VersionFacts(Displayed):
    """What the commit and the tag of a version say about it."""

    version: ArtifactVersion
    details: TagDetails = field(default_factory=TagDetails)
    artifact: Artifact | None = None
    content: ArtifactContent | None = None
    metrics: Values = field(default_factory=dict)
    directions: MetricDirections = field(default_factory=MetricDirections)
    lineage: Lineage | None = None
    environment: PackageEnvironment = field(default_factory=PackageEnvironment)
    """Of the stage that made the model; empty if this clone has no record of its run."""
    imports: Mapping[str, Source] = field(default_factory=dict)
    """The sources of imported data, by path."""
    problems: list[ReadProblem] = field(default_factory=list)

    @property
    def path(self) -> str | None:
        """The model's path, relative to the top of the Git repository. The one that was registered comes first."""
        return self.details.path or (self.artifact.path if self.artifact is not None else None)

    @property
    def params(self) -> Values:
        """The parameters of the stages that made the model."""
        return {
            (posixpath.normpath(posixpath.join(step.address.folder, file)), key): value
            for step in (self.lineage.stages if self.lineage else ())
            for file, values in step.run.params.items()
            for key, value in flatten(dict(values)).items()
        }

    def inputs(self) -> Iterator[LineageInput]:
        """The data and code that no stage made, each once."""
        found = (one for step in (self.lineage.stages if self.lineage else ()) for one in step.sources)
        yield from {one.place: one for one in found if one.origin is not InputOrigin.STAGE}.values()


def read_facts(repo: Repository, version: ArtifactVersion) -> VersionFacts:
    """The facts about `version`. Files that cannot be read are in its problems.

    Raises RepositoryError if this clone does not have the commit.
    """
    found = VersionFacts(version)
    with open_sides(repo, [(version.version, version.commit)]) as (side,):
        found.artifact = artifacts_of(side, found.problems).get(version.artifact)
        with _noting(found, "its tag"):
            found.details = version.registration.details if version.registration is not None else found.details
        if found.path is not None:
            _read_of_path(repo, side, found, found.path)
    return found


def _read_of_path(repo: Repository, side: Side, found: VersionFacts, path: str) -> None:
    commit = found.version.commit
    with _noting(found, path):
        found.content = CommitContents(repo, commit, side.name).at(path)
    with _noting(found, LOCK_NAME):
        found.lineage = trace(repo, path, commit)
        if found.lineage is not None:
            found.environment = stage_environment(found.lineage, partial(_read_source, side))
        top = Layout(repo.root, repo.git, repo.git.worktree)
        wanted = related_metrics(side, locked_stages(repo, commit), path, found.problems)
        values = read_values(top, side, wanted, found.problems)
        found.metrics = {(file, key): one for file, of_file in values.files.items() for key, one in of_file.items()}
        found.directions = directions_of(top, side)
    found.metrics = found.metrics or {_file_and_key(name): one for name, one in found.details.metrics.items()}
    with _noting(found, "pointers"):
        found.imports = _imports(repo, commit, [path, *(one.place for one in found.inputs())])


def _read_source(side: Side, path: str) -> bytes | None:
    with suppress(DverError):
        return side.read(path)
    return None


def _imports(repo: Repository, commit: CommitId, paths: Iterable[str]) -> dict[str, Source]:
    tracked = tracked_in_commit(repo, commit)
    targets = {path: target_containing(tracked, os.fsencode(path)) for path in paths}
    sources = {path: target.tracked.pointer.source for path, target in targets.items() if target is not None}
    return {path: source for path, source in sources.items() if source is not None}


@contextmanager
def _noting(found: VersionFacts, name: str) -> Iterator[None]:
    """Adds an error of reading `name` to the problems."""
    try:
        yield
    except DverError as error:
        found.problems.append(ReadProblem(found.version.version, name, error))


def _file_and_key(name: str) -> tuple[str, str]:
    file, _, key = name.partition(":")
    return file, key
