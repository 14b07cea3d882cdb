"""`dver exp import-mlflow`: make experiments of the runs in a file store of MLflow."""

from __future__ import annotations

from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.experiments.mlflow.import_runs import MlflowImport, import_runs
from dver.repo import Repository


def import_mlflow(repo: Repository, directory: Path, *, progress: Progress = SILENT) -> MlflowImport:
    """Make an experiment of each finished run that is none yet. See `import_runs`."""
    return import_runs(repo, directory, progress=progress)
