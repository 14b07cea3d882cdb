"""`dver fetch`: download into the store, and leave the workspace alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.project.getting import FetchedFrom, get_targets
from dver.project.history import CURRENT, Scope, targets_in
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class FetchResult:
    """One entry for each remote that was asked; none where nothing was lacking."""

    remotes: tuple[FetchedFrom, ...]
    dry_run: bool


def fetch(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: Scope = CURRENT,
    remote: str | None = None,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> FetchResult:
    """Download what the data that `scope` and `paths` mean needs and the store lacks."""
    targets = targets_in(repo, scope, paths, cwd)
    got = get_targets(repo, targets, remote=remote, jobs=jobs, dry_run=dry_run, progress=progress)
    return FetchResult(got, dry_run)
