from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support import git

from dver.experiments.journal import Journal
from dver.experiments.leases import Lease, running
from dver.experiments.table.current import KILLED, current_experiments, latest_metrics
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository


@pytest.fixture
def project(git_repo: Path) -> Path:
    (git_repo / ".dver").mkdir()
    return git_repo


def recorded(project: Path, journal: Journal, status: ExperimentStatus, **fields: str) -> Experiment:
    head = git("rev-parse", "HEAD", cwd=project).strip()
    defaults = {"id": journal.new_id(), "name": status.value, "baseline": head, "commit": head}
    one = Experiment(**{**defaults, **fields}, status=status, updated=1)
    journal.record([one])
    return one


def statuses(journal: Journal) -> dict[str, ExperimentStatus]:
    return {one.name: one.status for one in current_experiments(journal)}


def test_an_experiment_runs_while_its_process_lives(project: Path) -> None:
    with Repository.open(project) as repo, Journal(repo) as journal:
        run, queued = (recorded(project, journal, one) for one in (ExperimentStatus.RUNNING, ExperimentStatus.QUEUED))
        leases = [Lease(journal.directory, one.id) for one in (run, queued)]
        assert all(one.try_acquire(project) for one in leases)
        assert statuses(journal) == dict.fromkeys(("running", "queued"), ExperimentStatus.RUNNING)
        for one in leases:
            one.abandon()
        assert statuses(journal) == {"running": ExperimentStatus.STOPPED, "queued": ExperimentStatus.QUEUED}
        assert current_experiments(journal)[0].error in (KILLED, "")


def test_ended_experiments_and_those_of_other_clones_stay_as_they_are(project: Path) -> None:
    with Repository.open(project) as repo, Journal(repo) as journal:
        recorded(project, journal, ExperimentStatus.FAILED)
        recorded(project, journal, ExperimentStatus.RUNNING, id="f" * 32, name="theirs")
        assert statuses(journal) == {"failed": ExperimentStatus.FAILED, "theirs": ExperimentStatus.RUNNING}


def test_a_running_experiment_has_the_latest_metrics_of_its_worktree(project: Path) -> None:
    (project / "dver.yaml").write_text("stages: {t: {cmd: 'true', metrics: [m.json, old.json]}}")
    (project / "live").mkdir()
    (project / "old.json").write_text('{"old": 1}')
    os.utime(project / "old.json", (1, 1))
    with Repository.open(project) as repo, Journal(repo) as journal:
        one = recorded(project, journal, ExperimentStatus.RUNNING)
        lease = Lease(journal.directory, one.id)
        assert lease.try_acquire(project)
        (project / "m.json").write_text('{"loss": 0.5}')
        (project / "live" / "metrics.json").write_text(json.dumps({"step": 7}))
        holder = running(journal.directory)[one.id]
        assert latest_metrics(repo, holder) == {"m.json": {"loss": 0.5}, "live/metrics.json": {"step": 7}}
        (project / "m.json").write_text('{"loss": ')
        assert latest_metrics(repo, holder) == {"live/metrics.json": {"step": 7}}
        assert latest_metrics(repo, replace(holder, since=time.time() + 9)) == {}
        assert latest_metrics(repo, replace(holder, worktree=str(project / "gone"))) == {}
        lease.release()
