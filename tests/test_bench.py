"""The benches run, at small sizes, and the bars that are about bytes hold there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


def run(script: str, folder: Path, *arguments: str) -> str:
    command = [sys.executable, os.fspath(BENCH / script), os.fspath(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("change", ["1 KB put into noise", "appended to a CSV", "one layer", "another branch"])
def test_a_change_costs_about_what_changed(tmp_path: Path, change: str) -> None:
    told = run("dedup.py", tmp_path, "--tools", "none", "--scale", "0.15", "--only", change)
    assert change in told


def test_many_small_files_and_a_large_one_are_measured(tmp_path: Path) -> None:
    told = run("scale.py", tmp_path, "--files", "200", "--large-mb", "20", "--s3-files", "100")
    assert "| pull into a clone" in told
    assert "| objects on the remote | 4 " in told
    assert "| second push " in told


def test_a_merge_is_measured(tmp_path: Path) -> None:
    told = run("merge.py", tmp_path, "--files", "200", "--folders", "20", "--changes", "4")
    assert "| 15 | 5 |" in told  # the root and four folders, on three sides


def test_samples_find_what_compresses(tmp_path: Path) -> None:
    told = run("compression.py", tmp_path, "--mb", "2", "--rounds", "1", "--kinds", "json,csv,bfloat16,sqlite,noise")
    assert told.count("| 1.000 |") >= 4


def test_one_file_of_another_repository_costs_little(tmp_path: Path) -> None:
    told = run("get.py", tmp_path, "--history-mb", "5", "--objects", "20000", "--dvc", "", "--seconds", "600")
    assert told.count("| met |") == 3


def test_reads_from_python_are_measured(tmp_path: Path) -> None:
    arguments = ("--files", "20", "--history-mb", "1", "--runs", "1", "--without-dvc", "--import-ms", "10000")
    told = run("python_api.py", tmp_path, *arguments)
    assert "| import " in told
    assert "| a file of another repository, first time " in told


def test_logging_and_an_import_of_mlflow_are_measured(tmp_path: Path) -> None:
    output = run("live.py", tmp_path, "--calls", "20", "--runs", "3", "--without-dvclive", "--log-us", "100000")
    assert "| dver.live " in output
    assert "import of 3 runs of MLflow" in output


def test_an_update_of_an_import_transfers_about_what_changed(tmp_path: Path) -> None:
    told = run("update.py", tmp_path, "--files", "20", "--large-mb", "12", "--dvc", "")
    assert "| dver update            |" in told
    assert told.count(" met ") == 1


def test_an_import_to_the_remote_is_measured(tmp_path: Path) -> None:
    told = run("import_to_remote.py", tmp_path, "--mb", "50")
    assert "| 50.0 MB " in told
    assert " met " in told


def test_parts_of_files_and_long_lists_are_measured(tmp_path: Path) -> None:
    told = run("ranges.py", tmp_path, "--parquet-mb", "20", "--files", "2000")
    assert "footer, cold" in told
    assert "MISSED" not in told


def test_streaming_is_measured_beside_pull(tmp_path: Path) -> None:
    command = [sys.executable, os.fspath(BENCH / "stream.py"), os.fspath(tmp_path), "--files", "60", "--count"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    rows = {cells[1].strip(): cells for line in done.stdout.splitlines() if len(cells := line.split("|")) > 3}
    assert done.returncode in (0, 1), done.stderr  # 1: a bar about time is missed, as on a busy machine
    assert rows["cached, again"][8].strip() == "0"  # requests
    assert "resumed" in rows


def test_runs_of_experiments_are_measured_beside_repro(tmp_path: Path) -> None:
    command = [sys.executable, os.fspath(BENCH / "exp_run.py"), os.fspath(tmp_path), "--files", "20", "--code", "20"]
    command += ["--ignored", "20", "--rounds", "1", "--dvc", ""]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done.stderr  # 1: a bar about time is missed, as on a busy machine
    assert done.stdout.count("| dver | the stage runs |") == 2
    assert done.stdout.count("| dver | nothing to run |") == 2


def test_tables_of_experiments_are_measured(tmp_path: Path) -> None:
    measured = run("experiments.py", tmp_path, "--counts", "7", "--dvc", "", "--rounds", "1")
    assert "| 7 experiments, after a clone |" in measured
    assert "| 7 experiments, sorted and filtered |" in measured


def test_the_registry_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, os.fspath(BENCH / "registry.py"), os.fspath(tmp_path), "--tags", "400", "--rounds", "1"]
    done = subprocess.run([*command, "--gto-tags", "4"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done.stderr  # 1: a bar about time is missed, as on a busy machine
    assert done.stdout.count("`dver model show m0#prod`") == 4
    assert "| 4 packed tags of 1 model: `gto show` |" in done.stdout


def test_sharing_experiments_is_measured(tmp_path: Path) -> None:
    output = run("exp_share.py", tmp_path, "--experiments", "6")
    assert output.startswith("6 experiments\n")
    assert "| first push " in output
