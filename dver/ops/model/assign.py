"""`dver model assign`: make a version the current one of a stage."""

from __future__ import annotations

from dver.core.progress import SILENT, Progress
from dver.gitflow.registry_changes import ChangeOptions, RegistryChange, change_registry
from dver.models.planned_tags import split_name
from dver.models.stage_plan import plan_assignment
from dver.repo import Repository


def assign(
    repo: Repository,
    name: str,
    stage: str,
    version: str | None,
    options: ChangeOptions,
    *,
    progress: Progress = SILENT,
) -> RegistryChange:
    """Assign a version of the artifact `name` to `stage`: `v1.2.0`, the one of `#dev`, or by default the latest one.

    Raises UsageError for an unknown artifact or version, and the errors of `change_registry`.
    """
    artifact, chosen = split_name(name, version)
    return change_registry(
        repo, artifact, lambda known: plan_assignment(known, stage, chosen, options.message), options, progress
    )
