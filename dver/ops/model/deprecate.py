"""`dver model deprecate`: mark an artifact as no longer used."""

from __future__ import annotations

from dver.core.progress import SILENT, Progress
from dver.gitflow.registry_changes import ChangeOptions, RegistryChange, change_registry
from dver.models.planned_tags import check_artifact
from dver.models.retirement_plan import plan_deprecation
from dver.repo import Repository


def deprecate(repo: Repository, name: str, options: ChangeOptions, *, progress: Progress = SILENT) -> RegistryChange:
    """Mark the artifact `name` as deprecated, until its next registration or assignment.

    Raises UsageError for an unknown artifact, and the errors of `change_registry`.
    """
    artifact = check_artifact(name)
    return change_registry(repo, artifact, lambda known: plan_deprecation(known, options.message), options, progress)
