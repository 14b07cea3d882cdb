"""`dver model list`: the artifacts of the registry, each with its latest version and its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.git.git_repo import GitRepo
from dver.git.registry.events import read_registry_tags
from dver.git.registry.state import RegisteredArtifact, registry_state


@dataclass(frozen=True, slots=True, repr=False)
class ListedModel(Displayed):
    """A model or dataset of the registry."""

    name: str
    latest: str | None
    """The highest version; None if it has none."""
    time: int | None
    """When the latest version was registered, in Unix seconds."""
    stages: Mapping[str, str]
    """The current version of each stage, or a commit that has no version."""
    versions: int
    """The number of versions, without removed ones."""
    deprecated: bool


@dataclass(frozen=True, slots=True, repr=False)
class ModelList(Displayed):
    """The models and datasets of the registry, sorted by name."""

    models: tuple[ListedModel, ...]
    hidden: int
    """The number of deprecated ones that are left out."""


def list_models(git: GitRepo, *, everything: bool = False) -> ModelList:
    """The artifacts that are in the registry; with `everything`, also deprecated ones.

    Needs no dver project. Raises RepositoryError if Git cannot list its tags.
    """
    state = registry_state(read_registry_tags(git).events)
    found = tuple(_listed(one) for one in state.values() if everything or one.deprecation is None)
    return ModelList(found, len(state) - len(found))


def _listed(artifact: RegisteredArtifact) -> ListedModel:
    latest = artifact.latest
    return ListedModel(
        artifact.name,
        latest.version if latest is not None else None,
        latest.registration.time if latest is not None and latest.registration is not None else None,
        {name: stage.version for name, stage in artifact.stages.items()},
        sum(one.is_active and one.registration is not None for one in artifact.versions),
        artifact.deprecation is not None,
    )
