"""`dver model show`: the versions and stages of an artifact, and what one version has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dver.core.display import Displayed
from dver.core.errors import CorruptError, DverError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.formats.registry_tag import TagDetails
from dver.git.git_repo import CommitId
from dver.git.registry.references import ArtifactReference, find_artifact, find_version
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.git.revisions import is_shallow
from dver.models.artifacts import Artifact, artifacts_of
from dver.models.version_data import VersionDataReader, VersionDataState
from dver.pipelines.compare.compared_versions import ReadProblem, open_sides
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class ShownVersion(Displayed):
    """A version in the list of an artifact."""

    version: str
    """The commit, if a stage was assigned to a commit without a version."""
    commit: CommitId
    time: int | None
    """When it was registered, in Unix seconds."""
    author: str
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class VersionDescription(Displayed):
    """One version: what its tag records, and how its commit defines the artifact."""

    version: str
    commit: CommitId
    time: int | None
    author: str
    stages: tuple[str, ...]
    tag: str | None
    """The tag that registers it."""
    message: str
    path: str | None
    """Relative to the top of the Git repository; None if neither the tag nor a `dver.yaml` has it."""
    type: str | None
    desc: str | None
    labels: tuple[str, ...]
    meta: Any
    content: Oid | None
    """The object that was registered; None if Git tracks the file."""
    size: int | None
    data: VersionDataState
    """Where the data is, without a query of remotes."""
    data_fix: str | None
    """The command that gets data which is not here."""
    metrics: Mapping[str, float]
    lineage: str | None
    experiment: str | None
    problems: tuple[DverError, ...]
    """What could not be read."""


@dataclass(frozen=True, slots=True, repr=False)
class ModelDescription(Displayed):
    """An artifact, and the version that was asked for or the latest one."""

    name: str
    deprecated: bool
    stages: Mapping[str, str]
    """The current version of each stage."""
    versions: tuple[ShownVersion, ...]
    """Those in the registry, the highest first."""
    selected: VersionDescription | None
    """None if the artifact has no version."""


def show_model(repo: Repository, reference: str) -> ModelDescription:
    """The artifact and the version that `reference` names: `churn`, `churn@v1.2.0`, `churn@latest` or `churn#prod`.

    Raises UsageError for an unknown one, RepositoryError if Git cannot list its tags.
    """
    asked = ArtifactReference.parse(reference)
    artifact = find_artifact(repo.git, asked.artifact)
    is_plain = asked == ArtifactReference(asked.artifact)
    version = artifact.latest if is_plain and artifact.latest is None else find_version(artifact, asked)
    return ModelDescription(
        artifact.name,
        artifact.deprecation is not None,
        {name: one.version for name, one in artifact.stages.items()},
        tuple(_shown(one) for one in artifact.versions if one.is_active),
        _described(repo, artifact, version) if version is not None else None,
    )


def _shown(version: ArtifactVersion) -> ShownVersion:
    event = version.registration
    return ShownVersion(
        version.version,
        version.commit,
        event.time if event is not None else None,
        event.author if event is not None else "",
        version.stages,
    )


def _described(repo: Repository, artifact: RegisteredArtifact, version: ArtifactVersion) -> VersionDescription:
    problems: list[DverError] = []
    event = version.registration
    details = TagDetails()
    try:
        if event is not None:
            details = event.details
    except CorruptError as error:
        problems.append(error)
    defined = _definition(repo, artifact.name, version, problems)
    definition = defined.definition if defined is not None else None
    path = details.path or (defined.path if defined is not None else None)
    data = VersionDataReader(repo).read(version.commit, path, details.content)
    if data.error is not None:
        problems.append(data.error)
    shown = _shown(version)
    return VersionDescription(
        shown.version,
        shown.commit,
        shown.time,
        shown.author,
        shown.stages,
        str(event.tag) if event is not None else None,
        event.message if event is not None else "",
        path,
        details.type or (definition.type if definition is not None else None),
        definition.desc if definition is not None else None,
        definition.labels if definition is not None else (),
        definition.meta if definition is not None else None,
        details.content or data.oid,
        details.size if details.size is not None else data.size,
        data.state,
        _fix_of(repo, data.state, f"{artifact.name}@{version.version}" if event is not None else version.version, path),
        details.metrics,
        details.lineage,
        details.experiment,
        tuple(problems),
    )


def _fix_of(repo: Repository, state: VersionDataState, rev: str, path: str | None) -> str | None:
    match state:
        case VersionDataState.MISSING | VersionDataState.REMOTE if path is not None:
            if not repo.config.remote_names:
                return "dver remote add --default NAME URL"
            return f"dver fetch --rev {quoted(rev)} {quoted(repo.layout.shown(os.fsencode(path)))}"
        case VersionDataState.MOVED:
            return "dver model doctor"
        case VersionDataState.NO_COMMIT:
            return "git fetch --tags --unshallow" if is_shallow(repo.git) else "git fetch --tags"
        case _:
            return None


def _definition(repo: Repository, name: str, version: ArtifactVersion, problems: list[DverError]) -> Artifact | None:
    """The artifact as the `dver.yaml` of the version's commit defines it."""
    unreadable: list[ReadProblem] = []
    try:
        with open_sides(repo, [(version.version, version.commit)]) as (side,):
            found = artifacts_of(side, unreadable).get(name)
    except DverError:  # this clone does not have the commit, which `data` says
        return None
    if found is None:
        problems += [one.error for one in unreadable]
    return found
