"""`dver lineage`: trace an output to the code, data, parameters and environment that produced it."""

from __future__ import annotations

import os
from pathlib import Path

from dver.core.errors import UsageError
from dver.git import revisions
from dver.pipelines.lineage import Lineage, trace
from dver.repo import Repository
from dver.tracking.targets import resolve_data_path


def lineage(repo: Repository, path: str, *, cwd: Path, rev: str | None = None) -> Lineage:
    """Trace `path`, an output or a path inside of one, through `dver.lock` on disk or in `rev`.

    Raises UsageError if no lock file contains it, and the errors of reading them.
    """
    place = os.fsdecode(resolve_data_path(repo, path, cwd))
    found = trace(repo, place, revisions.resolve(repo.git, rev) if rev is not None else None)
    if found is None:
        where = f" of {rev}" if rev is not None else ""
        raise UsageError(
            f"no stage in dver.lock{where} made {path!r}",
            fix="`dver stage list` lists outputs; `dver repro` runs stages",
        )
    return found
