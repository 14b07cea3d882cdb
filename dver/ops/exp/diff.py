"""`dver exp diff`: compare two experiments."""

from __future__ import annotations

from dver.core.progress import SILENT, Progress
from dver.experiments.difference import ExperimentDifference, compare_experiments
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.repo import Repository


def diff_experiments(
    repo: Repository, old: str = "HEAD", new: str = WORKSPACE, *, patch: bool = False, progress: Progress = SILENT
) -> ExperimentDifference:
    """Compare the experiments, revisions or workspace that `old` and `new` name. See `compare_experiments`."""
    return compare_experiments(repo, old, new, patch=patch, progress=progress)
