"""`dver push`: upload what the remote lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.progress import SILENT, Progress
from dver.project.history import CURRENT, Scope, by_remote, roots_of, targets_in
from dver.project.sending import PushedTo, send_roots
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class PushResult:
    """One entry for each remote that was concerned."""

    remotes: tuple[PushedTo, ...]
    dry_run: bool


def push(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    scope: Scope = CURRENT,
    remote: str | None = None,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> PushResult:
    """Upload the data that `scope` and `paths` mean to the remotes that it belongs on; `remote` replaces the default.

    Everything that a pointer stands for is on the remote once this returns, or an error says why not.
    """
    targets = [target for target in targets_in(repo, scope, paths, cwd) if target.tracked.pointer.push]
    groups = by_remote(repo, targets, remote)
    return PushResult(
        tuple(
            send_roots(repo, name, roots_of(repo, group), jobs=jobs, dry_run=dry_run, progress=progress)
            for name, group in groups.items()
        ),
        dry_run,
    )
