"""The rows of the workspace and of baselines: what their files say, read once for each commit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from dver.core.batches import batched
from dver.core.errors import DverError, PipelineError, UsageError
from dver.core.progress import SILENT, Progress
from dver.experiments.journal import Journal
from dver.experiments.table.rows import ReferenceRow
from dver.experiments.values import read_data, read_params_and_metrics
from dver.git.git_repo import CommitId, run
from dver.pipelines.compare.compared_versions import WORKSPACE
from dver.repo import Repository
from dver.tracking.targets import tracked_in_commit

_SHORT: Final = 7
_BATCH: Final = 50
"""Commits that are read before what was read is kept."""
_NAMED: Final = 3
"""The most branches and tags in the name of a baseline."""


def workspace_row(repo: Repository) -> ReferenceRow:
    """The row of the workspace."""
    (((params, metrics),), _) = read_params_and_metrics(repo)
    return ReferenceRow(name=WORKSPACE, params=params, metrics=metrics, data=read_data(repo, {}))


def baseline_rows(
    repo: Repository, journal: Journal, commits: Sequence[str], revs: Mapping[str, str], *, progress: Progress = SILENT
) -> dict[str, ReferenceRow]:
    """The rows of `commits`, by commit. `revs` has the commits of branches and tags.

    Files that cannot be read are left out. What is read is kept in the cache of the journal, unless files are missing
    only until the next `dver fetch`.
    """
    known = journal.commit_facts(commits)
    unknown = [one for one in commits if one not in known]
    if unknown:
        with progress.task("read baselines", total=len(unknown)) as task:
            for batch in batched(unknown, _BATCH):
                fresh, incomplete = _read(repo, batch)
                journal.keep_commit_facts({one: facts for one, facts in fresh.items() if one not in incomplete})
                known |= fresh
                task.advance(len(batch))
    names: dict[str, list[str]] = {}
    for rev, commit in revs.items():
        names.setdefault(commit, []).append(rev)
    found = ((one, json.loads(known[one])) for one in commits if one in known)
    return {one: ReferenceRow(name=_name(one, names), commit=one, **facts) for one, facts in found}


def _name(commit: str, names: Mapping[str, Sequence[str]]) -> str:
    found = names.get(commit, ())
    return ", ".join(found[:_NAMED]) if found else commit[:_SHORT]


def _read(repo: Repository, commits: Sequence[str]) -> tuple[dict[str, bytes], set[str]]:
    """The fields of rows of commits as JSON, by commit; and the commits with values that are not in the store.

    Commits that this clone does not have are left out.
    """
    present = _subjects(repo, commits)
    sides = [(one, CommitId(one)) for one in present]
    values, problems = read_params_and_metrics(repo, sides)
    found: dict[str, bytes] = {}
    for (commit, (created, subject)), (params, metrics) in zip(present.items(), values, strict=True):
        facts: dict[str, Any] = {"created": created, "message": subject, "params": params, "metrics": metrics}
        facts["data"] = _data(repo, commit)
        found[commit] = json.dumps(facts).encode()
    return found, {one.side for one in problems if not isinstance(one.error, (UsageError, PipelineError))}


def _data(repo: Repository, commit: str) -> dict[str, str]:
    with suppress(DverError):
        tracked = tracked_in_commit(repo, commit)
        return {os.fsdecode(path): one.pointer.oid.hex() for path, one in tracked.items() if one.maker is None}
    return {}


def _subjects(repo: Repository, commits: Iterable[str]) -> dict[str, tuple[float, str]]:
    """The time and the subject of each commit that exists."""
    asked = "".join(f"{one}\n" for one in commits).encode()
    args = ["log", "--no-walk=unsorted", "--ignore-missing", "-z", "--format=%H %ct %s", "--stdin"]
    output = run(repo.git, args, stdin=asked).decode("utf-8", "replace")
    fields = (line.split(" ", 2) for line in output.split("\0") if line)
    return {commit: (float(time), subject) for commit, time, subject in fields}
