"""File stores of MLflow: one that MLflow wrote (tests/fixtures/mlflow), and damaged ones."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import pytest

from dver.core.errors import CorruptError, UsageError
from dver.experiments.mlflow.file_store import MetricPoint, MlflowRun, RunStatus, find_runs, read_run

STORE = Path(__file__).parents[2] / "fixtures" / "mlflow" / "mlruns"


def runs(store: Path = STORE) -> dict[tuple[str, str], MlflowRun]:
    found = [read_run(one) for one in find_runs(store)]
    return {(one.experiment, one.name): one for one in found}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORE, tmp_path / "mlruns"))


def test_all_runs_are_found_with_their_status() -> None:
    assert {key: (run.status, run.is_deleted) for key, run in runs().items()} == {
        ("digits", "first try"): (RunStatus.FINISHED, False),
        ("digits", "killed"): (RunStatus.KILLED, False),
        ("digits", "failed"): (RunStatus.FAILED, False),
        ("digits", "deleted"): (RunStatus.FINISHED, True),
        ("other", "first try"): (RunStatus.FINISHED, False),
        ("other", "unfinished"): (RunStatus.RUNNING, False),
    }


def test_params_metrics_tags_and_artifacts_are_read() -> None:
    run = runs()["digits", "first try"]
    assert run.params == {
        "lr": "0.1",
        "depth": "6",
        "opt/name": "adam",
        "warm": "True",
        "seed": "007",
        "none": "None",
    }
    assert [(one.step, one.value) for one in run.metrics["val/acc"]] == [(0, 0.5), (1, 0.6), (2, 0.7)]
    assert math.isnan(run.metrics["nan"][0].value)
    assert run.metrics["inf"][0].value == -math.inf
    assert run.tags["team"] == "blue"
    assert run.tags["mlflow.note.content"] == "Smaller steps,\nlonger"
    assert run.artifacts == {"models/best/model.txt": 8}
    assert run.start is not None
    assert run.end is not None
    assert 1_700_000_000 < run.start <= run.end


def test_metrics_of_the_first_and_of_later_versions(store: Path) -> None:
    path = find_runs(store)[0].path
    (path / "metrics").mkdir(exist_ok=True)
    (path / "metrics/old").write_text("1500000000000 0.5\n1500000001000 0.25\n")
    (path / "metrics/new").write_text("1500000000000 1e-05 3 data 1a2b m-123\n")
    run = next(one for one in (read_run(one) for one in find_runs(store)) if one.id == path.name)
    assert run.metrics["old"] == (MetricPoint(0, 1500000000000, 0.5), MetricPoint(0, 1500000001000, 0.25))
    assert run.metrics["new"] == (MetricPoint(3, 1500000000000, 1e-05),)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("meta.yaml", None),
        ("meta.yaml", b""),
        ("meta.yaml", b"{"),
        ("meta.yaml", b"- 1"),
        ("meta.yaml", b"status: 9"),
        ("meta.yaml", b"status: 3\nstart_time: [1]"),
        ("meta.yaml", b"\xff\xfe"),
        ("metrics/loss", b"1 2\nx"),
        ("metrics/loss", b"1500000000000\n"),
    ],
)
def test_a_damaged_run_is_an_error_that_names_it(store: Path, file: str, content: bytes | None) -> None:
    (broken,) = (one for one in find_runs(store) if read_run(one).name == "killed")
    (broken.path / file).unlink()
    if content is not None:
        (broken.path / file).write_bytes(content)
    found = find_runs(store)
    assert len(found) == 6
    with pytest.raises(CorruptError) as caught:
        read_run(next(one for one in found if one.id == broken.id))
    assert broken.id in caught.value.what


def test_a_pipe_and_links_are_not_followed(store: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (found,) = (one for one in find_runs(store) if read_run(one).name == "killed")
    (found.path / "params").mkdir(exist_ok=True)  # Git has no empty directories
    (found.path / "params/link").symlink_to(tmp_path / "secret")
    os.mkfifo(found.path / "params/pipe")
    assert read_run(found).params == {}


def test_deleted_experiments_and_other_directories_have_no_runs(store: Path) -> None:
    (experiment,) = {one.path.parent for one in find_runs(store) if one.experiment == "other"}
    meta = experiment / "meta.yaml"
    meta.write_text(meta.read_text().replace("active", "deleted"))
    (store / ".trash").mkdir(exist_ok=True)
    (store / "notes").mkdir()
    assert {one.experiment for one in find_runs(store)} == {"digits"}


def test_runs_of_an_experiment_whose_meta_is_damaged_are_found(store: Path) -> None:
    (experiment,) = {one.path.parent for one in find_runs(store) if one.experiment == "other"}
    (experiment / "meta.yaml").write_bytes(b"{")
    assert {one.experiment for one in find_runs(store)} == {"digits", experiment.name}


def test_anything_else_is_refused_with_the_right_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a directory"):
        find_runs(tmp_path / "gone")
    with pytest.raises(UsageError, match="is not a file store") as caught:
        find_runs(tmp_path)
    assert caught.value.fix is not None
    assert "MLFLOW_TRACKING_URI" in caught.value.fix
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(UsageError) as caught:
        find_runs(tmp_path)
    assert caught.value.fix == "export the runs of the database to a file store first"
    shutil.copytree(STORE, tmp_path / "mlruns")
    with pytest.raises(UsageError) as caught:
        find_runs(tmp_path)
    assert caught.value.fix == f"dver exp import-mlflow {tmp_path / 'mlruns'}"
