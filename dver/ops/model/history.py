"""`dver model history`: what happened to an artifact, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from dver.core.display import Displayed
from dver.formats.registry_tag import RegistryAction
from dver.git.git_repo import CommitId, GitRepo
from dver.git.registry.references import find_artifact


@dataclass(frozen=True, slots=True, repr=False)
class HistoryEvent(Displayed):
    """One tag of an artifact."""

    time: int
    """Unix seconds."""
    action: RegistryAction
    version: str | None
    """None for a deprecation; the commit, if a stage was assigned to a commit without a version."""
    stage: str | None
    commit: CommitId
    author: str
    email: str
    message: str
    tag: str


@dataclass(frozen=True, slots=True, repr=False)
class ModelHistory(Displayed):
    """The events of an artifact, newest first."""

    events: tuple[HistoryEvent, ...]
    older: int
    """The number of older events that are left out."""


def model_history(git: GitRepo, name: str, *, limit: int | None = None) -> ModelHistory:
    """The events of the artifact `name`, newest first; at most `limit`.

    Needs no dver project. Raises UsageError if the registry has no such artifact, RepositoryError if Git cannot list
    its tags.
    """
    artifact = find_artifact(git, name)
    newest_first = zip(reversed(artifact.events), reversed(artifact.versions_of_events), strict=True)
    events = tuple(
        HistoryEvent(
            event.time,
            event.tag.action,
            version,
            event.tag.stage,
            event.commit,
            event.author,
            event.email,
            event.message,
            str(event.tag),
        )
        for event, version in islice(newest_first, limit)
    )
    return ModelHistory(events, len(artifact.events) - len(events))
