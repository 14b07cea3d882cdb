"""`dver exp show`: the table of experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dver.core.progress import SILENT, Progress
from dver.experiments.journal import Journal
from dver.experiments.leases import LeaseHolder, running
from dver.experiments.table.baselines import baseline_rows, workspace_row
from dver.experiments.table.current import latest_metrics, with_current_status
from dver.experiments.table.rows import ReferenceRow
from dver.experiments.table.scope import ExperimentScope, baselines_in_scope
from dver.experiments.table.table import ExperimentTable, TableQuery, build_table
from dver.formats.experiment import Experiment
from dver.git import revisions
from dver.git.commits import branch_and_tag_tips
from dver.repo import Repository

__all__ = ["ExperimentScope", "TableQuery", "show_experiments"]


def show_experiments(
    repo: Repository, query: TableQuery, scope: ExperimentScope, *, context: bool = True, progress: Progress = SILENT
) -> ExperimentTable:
    """The table of the experiments in `scope` that `query` selects; with `context`, also of their baselines and the
    workspace.

    Running experiments have their latest metrics. Raises UsageError for an unknown revision, and for a filter or an
    order that cannot be understood.
    """
    with Journal(repo) as journal:
        alive = running(journal.directory)
        found = with_current_status(journal, journal.all(), alive)
        baselines = baselines_in_scope(repo.git, scope, {one.baseline for one in found})
        rows = [_live(repo, one, alive) for one in found if one.baseline in baselines]
        revs = dict(branch_and_tag_tips(repo.git, branches=True, tags=True))

        def baselines_of(commits: Sequence[str]) -> Mapping[str, ReferenceRow]:
            return baseline_rows(repo, journal, commits, revs, progress=progress) if context else {}

        table = build_table(
            rows,
            query,
            workspace=workspace_row(repo) if context else None,
            baselines_of=baselines_of,
            head=revisions.head(repo.git),
            revs=revs,
            other_branches=len(found) - len(rows),
        )
        return replace(table, problems=tuple(journal.problems.values()))


def _live(repo: Repository, one: Experiment, alive: Mapping[str, LeaseHolder]) -> Experiment:
    """An experiment, with its latest metrics if it runs."""
    if one.id not in alive:
        return one
    metrics = latest_metrics(repo, alive[one.id])
    return replace(one, metrics=metrics) if metrics else one
