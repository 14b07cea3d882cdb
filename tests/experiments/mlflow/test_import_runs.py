"""Runs of MLflow become experiments, once."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from support import git

from dver.core.errors import UsageError
from dver.experiments.journal import Journal
from dver.experiments.mlflow.file_store import MetricPoint, MlflowRun, RunStatus, find_runs, read_run
from dver.experiments.mlflow.import_runs import (
    METRICS,
    PARAMS,
    TAGS,
    MlflowImport,
    experiment_name,
    import_runs,
    run_files,
)
from dver.experiments.names import check_name
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository

STORE = Path(__file__).parents[2] / "fixtures" / "mlflow" / "mlruns"


@pytest.fixture
def project(git_repo: Path) -> Path:
    (git_repo / ".dver").mkdir()
    (git_repo / "train.py").write_text("train")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Train", cwd=git_repo)
    return git_repo


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORE, tmp_path / "mlruns"))


def do_import(project: Path, store: Path) -> MlflowImport:
    with Repository.open(project) as repo:
        return import_runs(repo, store)


def experiments(project: Path) -> dict[str, Experiment]:
    with Repository.open(project) as repo, Journal(repo) as journal:
        return {one.name: one for one in journal.all()}


def a_run(name: str = "x", **fields: object) -> MlflowRun:
    values: dict[str, object] = {
        "id": "ab" * 16,
        "experiment": "e",
        "name": name,
        "status": RunStatus.FINISHED,
        "is_deleted": False,
        "user": "",
        "start": None,
        "end": None,
    }
    return MlflowRun(**{**values, **fields})


def test_each_finished_run_is_an_experiment(project: Path, store: Path) -> None:
    found = do_import(project, store)
    assert (len(found.imported), found.known, found.unfinished, found.deleted, found.damaged) == (4, 0, 1, 1, ())
    named = experiments(project)
    (second,) = named.keys() - {"first try", "killed", "failed"}
    assert second.startswith("first try-")
    statuses = {name: (one.status, one.exit_code) for name, one in named.items()}
    assert statuses.pop(second) == (ExperimentStatus.DONE, 0)
    assert statuses == {
        "first try": (ExperimentStatus.DONE, 0),
        "killed": (ExperimentStatus.STOPPED, None),
        "failed": (ExperimentStatus.FAILED, None),
    }
    assert named["killed"].metrics == {METRICS: {"loss": 9.0}}
    one = named["first try"]
    assert one.message == "Smaller steps,\nlonger"
    assert one.user == "ada"
    assert one.params == {
        PARAMS: {"lr": 0.1, "depth": 6, "opt/name": "adam", "warm": True, "seed": "007", "none": None},
        TAGS: {"team": "blue", "mlflow.experiment": "digits"},
    }
    assert math.isnan(one.metrics[METRICS].pop("nan"))
    assert one.metrics == {METRICS: {"loss": 1 / 3, "val.acc": 0.7, "inf": -math.inf}}
    assert one.started is not None
    assert one.ended is not None
    assert one.created == one.started <= one.ended


def test_the_commit_has_the_files_of_the_run_on_top_of_the_baseline(project: Path, store: Path) -> None:
    do_import(project, store)
    one = experiments(project)["first try"]
    head = git("rev-parse", "HEAD", cwd=project).strip()
    assert one.baseline == head  # the commit of the run is one of another repository
    assert git("rev-parse", f"{one.commit}^", cwd=project).strip() == head
    assert git("diff", "--name-only", head, one.commit, cwd=project).split() == [
        "mlflow-run/metrics.json",
        "mlflow-run/params.json",
        "mlflow-run/plots/metrics/loss.tsv",
        "mlflow-run/plots/metrics/val/acc.tsv",
        "mlflow-run/run.json",
        "mlflow-run/tags.json",
    ]
    assert git("show", f"{one.commit}:mlflow-run/plots/metrics/val/acc.tsv", cwd=project).splitlines() == [
        "step\tacc",
        "0\t0.5",
        "1\t0.6",
        "2\t0.7",
    ]
    about = json.loads(git("show", f"{one.commit}:mlflow-run/run.json", cwd=project))
    assert about["artifacts"] == {"models/best/model.txt": 8}
    assert one.ended is not None
    assert git("log", "-1", "--format=%ct", one.commit, cwd=project).strip() == str(int(one.ended))
    assert git("for-each-ref", "--format=%(refname)", cwd=project).split()[1:] == ["refs/heads/main"]
    assert git("status", "--porcelain", cwd=project) == ""
    git("fsck", "--strict", cwd=project)


def test_a_run_is_on_top_of_the_commit_that_it_ran_at(project: Path, store: Path) -> None:
    first = git("rev-parse", "HEAD~1", cwd=project).strip()
    (found,) = (one for one in find_runs(store) if read_run(one).name == "killed")
    (found.path / "tags/mlflow.source.git.commit").write_text(first)
    do_import(project, store)
    assert experiments(project)["killed"].baseline == first
    assert git("ls-tree", "--name-only", experiments(project)["killed"].commit, cwd=project).split() == [
        "README",
        "mlflow-run",
    ]


def test_only_new_runs_are_imported_again(project: Path, store: Path) -> None:
    do_import(project, store)
    before = experiments(project)
    again = do_import(project, store)
    assert (again.imported, again.known, again.unfinished) == ((), 4, 1)
    (unfinished,) = (one for one in find_runs(store) if read_run(one).name == "unfinished")
    meta = unfinished.path / "meta.yaml"
    meta.write_text(meta.read_text().replace("status: 1", "status: 3"))
    assert [one.name for one in do_import(project, store).imported] == ["unfinished"]
    assert {name: one for name, one in experiments(project).items() if name != "unfinished"} == before


def test_the_others_are_imported_beside_a_damaged_one(project: Path, store: Path) -> None:
    (found,) = (one for one in find_runs(store) if read_run(one).name == "killed")
    (found.path / "metrics/loss").write_text("nothing")
    done = do_import(project, store)
    assert len(done.imported) == 3
    assert [one.id for one in done.damaged] == [found.id]
    assert done.error is not None


def test_batches_of_any_size_import_all(project: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dver.experiments.mlflow.import_runs.BATCH", 1)
    assert len(do_import(project, store).imported) == 4
    assert len(experiments(project)) == 4


def test_before_the_first_commit_there_is_nothing_to_start_from(tmp_path: Path, store: Path) -> None:
    git("init", "-q", str(tmp_path / "new"), cwd=tmp_path)
    (tmp_path / "new/.dver").mkdir()
    with pytest.raises(UsageError, match="needs a commit"):
        do_import(tmp_path / "new", store)


@pytest.mark.parametrize("name", ["", " ", "--all", "-", "a\nb\x1b[0m", "x" * 500, "ü", "\ud800"])
def test_names_of_runs_become_valid_names(name: str) -> None:
    taken: set[str] = set()
    for _ in range(3):
        found = experiment_name(a_run(name), taken)
        assert check_name(found) == found
        taken.add(found)
    assert len(taken) >= 2


def test_odd_names_of_metrics_are_paths_that_git_takes(project: Path) -> None:
    names = ["..", ".git/config", "a\\b", "git~1", 'q"', "a:b", "a.tsv/b", "a", "x" * 300, "\u200c.git", "é è"]
    points = (MetricPoint(0, 1, 1.0), MetricPoint(1, 2, 0.5))
    files = run_files(a_run(metrics=dict.fromkeys(names, points)))
    plots = [path for path in files if path.startswith("plots/metrics/")]
    assert len(plots) == len(names)
    for path in plots:
        target = project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[path])
    git("-c", "core.protectHFS=true", "-c", "core.protectNTFS=true", "add", "-A", cwd=project)
    assert len(git("diff", "--cached", "--name-only", cwd=project).splitlines()) == len(names)


def test_long_values_are_whole_in_the_files_and_short_in_the_record(project: Path, store: Path) -> None:
    (found,) = (one for one in find_runs(store) if read_run(one).name == "killed")
    (found.path / "params").mkdir(exist_ok=True)  # Git has no empty directories
    (found.path / "params/prompt").write_text("word " * 1000)
    do_import(project, store)
    one = experiments(project)["killed"]
    assert len(one.params[PARAMS]["prompt"]) == 501
    assert "word " * 1000 in git("show", f"{one.commit}:{PARAMS}", cwd=project)
