"""How long it takes to share many experiments: the first push, a push with nothing new, and a pull into a new clone.

    python bench/exp_share.py FOLDER [--experiments 1000]

Makes in FOLDER a project, a bare Git repository and a remote. Each experiment has data and a log of its own, is
recorded as `dver exp save` records it, and has a journal entry of its own. Everything is on one disk, so the figures
are those of dver and Git, without a network. Exits with 1 if a clone does not get every experiment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from measure import work_folder
from tables import aligned
from tools import environment

from dver.experiments.journal import Journal
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.repo import Repository


def main() -> int:
    """Measure, print a table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--experiments", type=int, default=1000)
    args = parser.parse_args()
    with work_folder(args.folder, "exp-share-bench") as work:
        (work / "home").mkdir()
        return measure(work, args.experiments)


def measure(work: Path, experiments: int) -> int:
    """Make the experiments, share them, and count what a new clone has."""
    env = environment(work / "home")

    def run(*command: str, cwd: Path) -> tuple[float, str]:
        start = time.perf_counter()
        done = subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True, text=True)
        return time.perf_counter() - start, done.stdout

    def dver(*command: str, cwd: Path) -> tuple[float, str]:
        return run(sys.executable, "-m", "dver", *command, cwd=cwd)

    ours, theirs = work / "ours", work / "theirs"
    run("git", "init", "-q", "--bare", "origin.git", cwd=work)
    run("git", "clone", "-q", "origin.git", "ours", cwd=work)
    dver("init", "--no-hooks", cwd=ours)
    dver("remote", "add", "-d", "store", "../store", cwd=ours)
    (ours / "data").mkdir()
    (ours / "data/rows").write_text("first\n")
    dver("add", "data", cwd=ours)
    run("git", "add", "-A", cwd=ours)
    run("git", "commit", "-qm", "Begin", cwd=ours)
    run("git", "push", "-q", "origin", "HEAD", cwd=ours)
    make_experiments(ours, experiments, env)
    steps = {"first push": dver("exp", "push", cwd=ours)[0], "second push": dver("exp", "push", cwd=ours)[0]}
    run("git", "clone", "-q", "origin.git", "theirs", cwd=work)
    steps["fetch into a new clone"] = dver("exp", "fetch", cwd=theirs)[0]
    steps["pull of all data"] = dver("exp", "pull", cwd=theirs)[0]
    steps["gc with nothing to remove"] = dver("gc", cwd=ours)[0]
    found = json.loads(dver("exp", "list", "--json", cwd=theirs)[1])
    table = [["step", "seconds"], *([name, f"{seconds:.2f}"] for name, seconds in steps.items())]
    sys.stdout.write(f"{len(found):,} experiments\n" + "\n".join(aligned(table)) + "\n")
    return 0 if len(found) == experiments else 1


def make_experiments(root: Path, number: int, env: dict[str, str]) -> None:
    """Record experiments: commits whose pointer names data of their own, with logs."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
    baseline, names = head.stdout.strip(), [f"file-{one}" for one in range(number)]
    for name in names:
        (root / name).write_text(f"rows of {name}\n")
    subprocess.run([sys.executable, "-m", "dver", "add", *names], cwd=root, env=env, check=True, capture_output=True)
    marks = root / ".git" / "bench-marks"
    stream = b"".join(_commit(one, baseline, (root / f"{name}.dver").read_bytes()) for one, name in enumerate(names, 1))
    command = ["git", "fast-import", "--quiet", f"--export-marks={marks}"]
    subprocess.run(command, cwd=root, check=True, input=stream)
    for command in (["update-ref", "-d", "refs/bench"], ["reset", "-q", "--hard"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    for name in names:
        (root / name).unlink()
    commits = dict(line[1:].split() for line in marks.read_text().splitlines())
    with Repository.open(root) as repo, Journal(repo) as journal:
        records = [
            Experiment(
                id=journal.new_id(),
                name=name,
                status=ExperimentStatus.DONE,
                baseline=baseline,
                commit=commits[str(one)],
                updated=time.time_ns(),
                created=time.time(),
                params={"params.yaml": {"lr": 0.1, "depth": one, "model": "forest"}},
                metrics={"metrics.json": {"loss": 1 / one, "accuracy": 1 - 1 / one}},
            )
            for one, name in enumerate(names, 1)
        ]
        journal.record(records, logs={one.id: f"log of {one.name}\n".encode() for one in records})


def _commit(number: int, baseline: str, pointer: bytes) -> bytes:
    """A commit on top of `baseline` with another pointer, for `git fast-import`."""
    head = f"commit refs/bench\nmark :{number}\ncommitter Bench <bench@example.org> 1795000000 +0000\ndata 5\nbench\n"
    change = f"from {baseline}\nM 100644 inline data.dver\ndata {len(pointer)}\n"
    return head.encode() + change.encode() + pointer + b"\n"


if __name__ == "__main__":
    sys.exit(main())
