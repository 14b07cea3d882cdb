"""`dver model unassign`: take a version out of a stage."""

from __future__ import annotations

from dver.core.progress import SILENT, Progress
from dver.gitflow.registry_changes import ChangeOptions, RegistryChange, change_registry
from dver.models.planned_tags import split_name
from dver.models.stage_plan import plan_unassignment
from dver.repo import Repository


def unassign(
    repo: Repository,
    name: str,
    stage: str,
    version: str | None,
    options: ChangeOptions,
    *,
    progress: Progress = SILENT,
) -> RegistryChange:
    """Take a version of the artifact `name` out of `stage`; by default its current one.

    Raises UsageError if it is not in the stage, and the errors of `change_registry`.
    """
    artifact, chosen = split_name(name, version)
    return change_registry(
        repo, artifact, lambda known: plan_unassignment(known, stage, chosen, options.message), options, progress
    )
