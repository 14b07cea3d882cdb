"""`dver model deregister`: remove a version from the registry."""

from __future__ import annotations

from dver.core.progress import SILENT, Progress
from dver.gitflow.registry_changes import ChangeOptions, RegistryChange, change_registry
from dver.models.planned_tags import split_name
from dver.models.retirement_plan import plan_deregistration
from dver.repo import Repository


def deregister(
    repo: Repository,
    name: str,
    version: str | None,
    options: ChangeOptions,
    *,
    progress: Progress = SILENT,
) -> RegistryChange:
    """Remove a version of the artifact `name` from the registry. Its commit, data and tags stay.

    Raises UsageError for an unknown version, ConflictError for the current version of a stage, and the errors of
    `change_registry`.
    """
    artifact, chosen = split_name(name, version)
    return change_registry(
        repo, artifact, lambda known: plan_deregistration(known, chosen, options.message), options, progress
    )
