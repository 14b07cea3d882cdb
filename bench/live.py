"""What logging with dver.live costs, beside DVCLive, and an import of MLflow's runs.

    python bench/live.py FOLDER [--calls 5000] [--runs 10000] [--log-us 100] [--without-dvclive]

Prints microseconds for a step with one metric and with ten: `run.log`, and DVCLive's `log_metric` and `next_step`. Then
makes a file store of MLflow with that many runs (8 parameters, 4 metrics of 20 steps) and imports it twice. Exits with
1 if a step with one metric costs more than 100 µs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

from measure import work_folder
from tables import aligned

import dver
from dver import live

_META = """\
end_time: 1700000001000
experiment_id: '1'
lifecycle_stage: active
run_id: {id}
run_name: run-{number}
start_time: {start}
status: 3
user_id: ada
"""


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=10000)
    parser.add_argument("--log-us", type=float, default=100.0, help="the bar")
    parser.add_argument("--without-dvclive", action="store_true")
    args = parser.parse_args()
    with work_folder(args.folder, "live-bench") as work:
        one, ten = (dver_step(work, args.calls, metrics) for metrics in (1, 10))
        rows = [("µs for a step", "1 metric", "10 metrics"), ("dver.live", f"{one:.0f}", f"{ten:.0f}")]
        if not args.without_dvclive and find_spec("dvclive") is not None:
            calls = max(1, args.calls // 20)
            rows.append(("DVCLive", *(f"{dvclive_step(work, calls, metrics):.0f}" for metrics in (1, 10))))
        print("\n".join(aligned(rows)))
        print(f"\nimport of {args.runs:,} runs of MLflow: {import_runs(work, args.runs)}")
        return 0 if one <= args.log_us else 1


def dver_step(work: Path, calls: int, metrics: int) -> float:
    """Microseconds for a step of `dver.live`."""
    values = {f"train/m{at}": 0.1 * at for at in range(metrics)}
    with live.run(work / f"live-{metrics}") as run:
        run.log(values)
        start = time.perf_counter()
        for _ in range(calls):
            run.log(values)
        return (time.perf_counter() - start) / calls * 1e6


def dvclive_step(work: Path, calls: int, metrics: int) -> float:
    """Microseconds for a step of DVCLive, without its reports and experiments."""
    os.environ |= {"DVC_NO_ANALYTICS": "true", "DVC_STUDIO_OFFLINE": "true", "DVCLIVE_LOGLEVEL": "ERROR"}
    os.chdir(work)
    (work / ".dvc").mkdir(exist_ok=True)  # or it makes the Git repository around `work` one of DVC
    os.environ["DVC_ROOT"] = os.fspath(work)
    from dvclive import Live

    with Live(os.fspath(work / f"dvclive-{metrics}"), save_dvc_exp=False, report=None, dvcyaml=None) as run:
        start = time.perf_counter()
        for _ in range(calls):
            for at in range(metrics):
                run.log_metric(f"train/m{at}", 0.1 * at)
            run.next_step()
        return (time.perf_counter() - start) / calls * 1e6


def import_runs(work: Path, runs: int) -> str:
    """Seconds for a first and a second import."""
    experiment = work / "mlruns" / "1"
    experiment.mkdir(parents=True)
    (experiment / "meta.yaml").write_text("name: bench\nlifecycle_stage: active\n")
    for number in range(runs):
        write_run(experiment, number)
    repo = work / "repo"
    subprocess.run(["git", "init", "-q", os.fspath(repo)], check=True)
    project = dver.Project.init(repo)
    subprocess.run(["git", "commit", "-qm", "Project"], cwd=repo, check=True)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        project.exp.import_mlflow(work / "mlruns")
        seconds.append(time.perf_counter() - start)
    assert len(project.exp.list()) == runs
    return f"{seconds[0]:.1f} s, again {seconds[1]:.2f} s"


def write_run(experiment: Path, number: int) -> None:
    """Write a run as MLflow does."""
    run = experiment / uuid.uuid4().hex
    for part in ("params", "metrics", "tags", "artifacts"):
        (run / part).mkdir(parents=True)
    (run / "meta.yaml").write_text(_META.format(id=run.name, number=number, start=1_700_000_000_000 + number))
    for at in range(8):
        (run / "params" / f"p{at}").write_text(str(number * 0.1 + at))
    for at in range(4):
        lines = (f"170000000{step:04d} {number / (step + 1)} {step}\n" for step in range(20))
        (run / "metrics" / f"m{at}").write_text("".join(lines))
    (run / "tags" / "mlflow.user").write_text("ada")


if __name__ == "__main__":
    sys.exit(main())
