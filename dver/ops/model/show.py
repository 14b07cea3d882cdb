"""`dver model show`: the versions and stages of an artifact, and what one version has."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dver.core.display import Displayed
from dver.core.errors import CorruptError
from dver.formats.registry_tag import TagDetails
from dver.git.git_repo import CommitId
from dver.git.registry.references import ArtifactReference, find_artifact, find_version
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.models.version_description import VersionDescription


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
class ModelDescription(Displayed):
    """An artifact with its versions, and the one that was asked for."""

    name: str
    deprecated: bool
    stages: Mapping[str, str]
    """The current version of each stage."""
    versions: tuple[ShownVersion, ...]
    """Those in the registry, the highest first."""
    type: str | None
    """Type and path of the latest version, as its tag records them."""
    path: str | None
    selected: VersionDescription | None
    """The version that was asked for; None for a plain name."""


def show_model(repo: Repository, reference: str) -> ModelDescription:
    """The artifact and the version that `reference` names: `churn`, `churn@v1.2.0`, `churn@latest` or `churn#prod`.

    A plain name shows the versions alone.

    Raises UsageError for an unknown one, RepositoryError if Git cannot list its tags.
    """
    asked = ArtifactReference.parse(reference)
    artifact = find_artifact(repo.git, asked.artifact)
    has_version = "@" in reference or "#" in reference
    selected = _describe(repo, artifact, asked) if has_version else None
    latest = _details_of_latest(artifact)
    return ModelDescription(
        artifact.name,
        artifact.deprecation is not None,
        {name: one.version for name, one in artifact.stages.items()},
        tuple(_shown(one) for one in artifact.versions if one.is_active),
        latest.type,
        latest.path,
        selected,
    )


def _details_of_latest(artifact: RegisteredArtifact) -> TagDetails:
    registration = artifact.latest.registration if artifact.latest is not None else None
    with suppress(CorruptError):  # `dver model doctor` reports it
        return registration.details if registration is not None else TagDetails()
    return TagDetails()


def _shown(version: ArtifactVersion) -> ShownVersion:
    event = version.registration
    return ShownVersion(
        version.version,
        version.commit,
        event.time if event is not None else None,
        event.author if event is not None else "",
        version.stages,
    )


def _describe(repo: Repository, artifact: RegisteredArtifact, asked: ArtifactReference) -> VersionDescription:
    from dver.models.version_description import describe_version  # takes 40 ms, and a plain name does not need it

    return describe_version(repo, artifact.name, find_version(artifact, asked))
