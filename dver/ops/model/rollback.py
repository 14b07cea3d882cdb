"""`dver model rollback`: assign the version that was in a stage before."""

from __future__ import annotations

from dver.core.progress import SILENT, Progress
from dver.gitflow.registry_changes import ChangeOptions, RegistryChange, change_registry
from dver.models.planned_tags import check_artifact
from dver.models.stage_plan import plan_rollback
from dver.repo import Repository


def rollback(
    repo: Repository,
    name: str,
    stage: str,
    options: ChangeOptions,
    *,
    progress: Progress = SILENT,
) -> RegistryChange:
    """Assign the version of the artifact `name` that was in `stage` before the current one, by a new tag.

    Raises UsageError if there is none, and the errors of `change_registry`.
    """
    artifact = check_artifact(name)
    return change_registry(
        repo, artifact, lambda known: plan_rollback(known, stage, options.message), options, progress
    )
