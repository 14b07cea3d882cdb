"""The metrics that a trial reports step by step, in the files that real programs write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dver import live
from dver.experiments.sweeps.reported_steps import load_steps, read_steps, save_steps
from dver.pipelines.definition.sweep import SweepMetric


def metric(key: str, path: str = "live/metrics.json") -> SweepMetric:
    return SweepMetric(path, key, maximize=False)


@pytest.mark.parametrize(("name", "key"), [("loss", "loss"), ("train/loss", "train.loss"), ("a.b", "a.b")])
def test_steps_of_dver_live_are_read_while_it_runs(tmp_path: Path, name: str, key: str) -> None:
    with live.run(tmp_path / "live") as run:
        assert read_steps(tmp_path, metric(key), since=0) == {}
        for step, value in enumerate((0.5, 0.25, float("inf"))):
            run.log({name: value}, step=step)
        assert read_steps(tmp_path, metric(key), since=0) == {0: 0.5, 1: 0.25, 2: float("inf")}


def test_steps_of_dvclive_are_read(tmp_path: Path) -> None:
    program = (
        "from dvclive import Live\n"
        "with Live('dvclive', save_dvc_exp=False, dvcyaml=None) as live:\n"
        "    for step in range(3):\n"
        "        live.log_metric('train/loss', step / 2)\n"
        "        live.next_step()\n"
    )
    offline = {"DVC_NO_ANALYTICS": "true", "DVC_STUDIO_OFFLINE": "true", "DVC_SITE_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, **offline}, check=True)
    found = read_steps(tmp_path, metric("train.loss", "dvclive/metrics.json"), since=0)
    assert found == {0: 0.0, 1: 0.5, 2: 1.0}


@pytest.mark.parametrize(
    ("content", "steps"),
    [
        ('{"step": 3, "loss": 0.5}', {3: 0.5}),
        ('{"loss": 0.5}', {}),
        ('{"step": 3, "loss": "low"}', {}),
        ('{"step": 3, "lo', {}),
        ("[]", {}),
    ],
)
def test_a_metrics_file_with_its_step_has_the_last_one(tmp_path: Path, content: str, steps: dict[int, float]) -> None:
    (tmp_path / "m.json").write_text(content)
    assert read_steps(tmp_path, metric("loss", "m.json"), since=0) == steps


def test_files_of_the_baseline_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"step": 3, "loss": 0.5}))
    os.utime(tmp_path / "m.json", (1000, 1000))
    assert read_steps(tmp_path, metric("loss", "m.json"), since=1001) == {}
    assert read_steps(tmp_path, metric("loss", "m.json"), since=999) == {3: 0.5}


def test_a_row_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    rows = tmp_path / "live/plots/metrics/loss.tsv"
    rows.parent.mkdir(parents=True)
    rows.write_text("step\tloss\n0\t0.5\n1\t0.2")
    assert read_steps(tmp_path, metric("loss"), since=0) == {0: 0.5}


def test_steps_are_kept_for_later_trials(tmp_path: Path) -> None:
    save_steps(tmp_path, "a" * 32, {1: 0.5, 2: float("nan")})
    save_steps(tmp_path, "b" * 32, {})
    (tmp_path / "steps" / "c").write_text("damaged")
    found = load_steps(tmp_path, ["a" * 32, "b" * 32, "c"])
    assert list(found) == ["a" * 32]
    assert found["a" * 32][1] == 0.5
