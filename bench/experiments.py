"""What `dver exp show` takes with many experiments, beside `dvc exp show` of as many.

    python bench/experiments.py /mnt/bench [--counts 100,200,10000] [--dvc PROGRAM] [--dvc-count 200] [--rounds 5]

Experiments are written with `git fast-import`: a commit and two records each (its start and its end), as `exp run`
writes them. The bars: 10,000 experiments in 0.5 s, and in 3 s after a fresh clone; 100 in 0.15 s and the start of the
interpreter; 1/20 of DVC's time, both after a clone. Times are those of the quickest of several runs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import Times, times

from dver.formats.experiment import Experiment, ExperimentStatus, encode_entry

WRITER = "0123456789abcdef"
REF = f"refs/dver/experiments/local/{WRITER}"
BASELINES = 5
BAR_FRESH = 3.0
BAR_DVC = 1 / 20
FRESH = ".git/dver/experiments"
"""What `dver exp show` keeps."""
FRESH_OF_DVC = ".dvc/tmp/exps"
_STAGE = {
    "cmd": "python train.py",
    "deps": ["train.py"],
    "params": ["model", "train", "seed"],
    "metrics": [{"metrics.json": {"cache": False}}],
}


def main() -> int:
    """Measure, print, and say whether the bars are held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", default="100,200,10000")
    parser.add_argument("--dvc", default=shutil.which("dvc"))
    parser.add_argument("--dvc-count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder: Path = options.folder / "experiments"
    shutil.rmtree(folder, ignore_errors=True)
    start = _best([sys.executable, "-m", "dver", "version"], Path.cwd(), options.rounds)
    print(f"start of the interpreter: {start}\n")
    print("| Work | by the clock (of processors) | bar | |\n| --- | --- | --- | --- |")
    held = True
    for count in map(int, options.counts.split(",")):
        repo = folder / str(count)
        make(repo, count)
        fresh, warm = _fresh(_show(), repo, FRESH), _best(_show(), repo, options.rounds)
        bars = {100: 0.15 + start.wall, 10_000: 0.5}
        held &= _row(f"{count:,} experiments, after a clone", fresh, BAR_FRESH if count == max(bars) else None)
        held &= _row(f"{count:,} experiments", warm, bars.get(count))
        for name, more in (
            ("`--json`", ["--json"]),
            ("sorted and filtered", ["--sort", "-auc", "--filter", "auc > 0.5"]),
        ):
            held &= _row(f"{count:,} experiments, {name}", _best([*_show(), *more], repo, options.rounds), None)
        if options.dvc and options.dvc_count == count:
            held &= _beside_dvc(folder / "dvc", count, options.dvc, fresh, warm, options.rounds)
    return int(not held)


def _beside_dvc(repo: Path, count: int, dvc: str, fresh: Times, warm: Times, rounds: int) -> bool:
    make(repo, count, dvc=dvc)
    command = [dvc, "exp", "show", "-A"]
    first, later = _fresh(command, repo, FRESH_OF_DVC), _best(command, repo, rounds)
    _row(f"dvc, {count:,} experiments", later, None)
    print(f"the first time 1/{first.cpu / fresh.cpu:.0f} of dvc's processor time, later 1/{later.cpu / warm.cpu:.0f}")
    return _row(f"dvc, {count:,} experiments, after a clone", first, None) and fresh.wall / first.wall <= BAR_DVC


def _row(work: str, found: Times, bar: float | None) -> bool:
    held = bar is None or found.wall <= bar
    print(f"| {work} | {found} | {'' if bar is None else f'{bar:.2f} s'} | {'' if held else 'missed'} |")
    return held


def make(repo: Path, count: int, dvc: str | None = None) -> None:
    """A repository with `count` experiments, packed as after a clone; of DVC, if `dvc` is its program."""
    repo.mkdir(parents=True)
    _run(repo, "git", "init", "-q", "-b", "main")
    _run(repo, "git", "config", "user.email", "bench@example.org")
    _run(repo, "git", "config", "user.name", "Bench")
    _run(repo, *([dvc, "init", "-q"] if dvc else [sys.executable, "-m", "dver", "-q", "init"]))
    (repo / ("dvc.yaml" if dvc else "dver.yaml")).write_text(json.dumps({"stages": {"train": _STAGE}}))
    (repo / "train.py").write_text("train()\n")
    (repo / "params.yaml").write_text(json.dumps(params_of(random.Random(0))))
    (repo / "metrics.json").write_text(json.dumps(metrics_of(random.Random(0))))
    (repo / ".gitignore").write_text("")
    _run(repo, "git", "add", "-A")
    baselines = []
    for number in range(BASELINES):
        (repo / "train.py").write_text(f"train({number})\n")
        _run(repo, "git", "commit", "-q", "--no-verify", "-am", f"Commit {number}")
        baselines.append(_output(repo, "git", "rev-parse", "HEAD").strip())
    commits = _import_commits(repo, count, baselines, with_refs=dvc is not None)
    if dvc is None:
        _run(repo, "git", "fast-import", "--quiet", stdin=b"".join(_journal(commits, baselines)))
        shutil.rmtree(repo / ".git" / "dver" / "experiments", ignore_errors=True)
    _run(repo, "git", "gc", "-q")


def params_of(chosen: random.Random) -> dict[str, object]:
    """Twenty parameters, of which a few vary."""
    fixed = {f"option_{number}": number for number in range(14)}
    return {
        "model": {"depth": chosen.randrange(2, 9), "width": chosen.choice([64, 128, 256]), **fixed},
        "train": {"lr": 10 ** chosen.uniform(-5, -1), "batch": 32, "optimizer": chosen.choice(["adam", "sgd"])},
        "seed": chosen.randrange(10**6),
    }


def metrics_of(chosen: random.Random) -> dict[str, float]:
    """Four metrics."""
    return {name: chosen.random() for name in ("auc", "accuracy", "loss", "seconds")}


def _import_commits(repo: Path, count: int, baselines: list[str], *, with_refs: bool) -> list[str]:
    """The commits of the experiments; `with_refs` keeps them as DVC does."""

    def stream() -> Iterator[bytes]:
        for number in range(count):
            chosen, baseline = random.Random(number + 1), baselines[number % len(baselines)]
            ref = f"refs/exps/{baseline[:2]}/{baseline[2:]}/exp-{number}" if with_refs else "refs/bench/last"
            message = f"experiment {number}".encode()
            yield f"commit {ref}\nmark :{number + 1}\n".encode()
            yield f"committer Bench <bench@example.org> {1_700_000_000 + number} +0000\n".encode()
            yield b"data %d\n%s\nfrom %s\n" % (len(message), message, baseline.encode())
            for name, values in (("params.yaml", params_of(chosen)), ("metrics.json", metrics_of(chosen))):
                content = json.dumps(values).encode()
                yield b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content)
            yield b"reset %s\n" % ref.encode() if not with_refs else b""

    marks = repo / ".git" / "marks"
    _run(repo, "git", "fast-import", "--quiet", "--force", f"--export-marks={marks}", stdin=b"".join(stream()))
    found = dict(line.split(" ") for line in marks.read_text().splitlines())
    return [found[f":{number + 1}"] for number in range(count)]


def _journal(commits: list[str], baselines: list[str]) -> Iterator[bytes]:
    """A journal: for each experiment an entry with the record of its start, and one with that of its end."""
    for number, commit in enumerate(commits):
        chosen = random.Random(number + 1)
        params = {"params.yaml": flat(params_of(chosen))}
        started = Experiment(
            id=f"{number:016x}{WRITER}",
            name=f"exp-{number}",
            status=ExperimentStatus.RUNNING,
            baseline=baselines[number % len(baselines)],
            commit=commit,
            updated=2 * number + 1,
            params=params,
            data={"data": "ab" * 32 if number % 2 else "cd" * 32},
            set=("params.yaml:train.lr=0.1",),
            created=1_700_000_000.0 + number,
            started=1_700_000_000.0 + number,
            host="box",
            user="Bench",
        )
        ended = {"status": ExperimentStatus.DONE, "updated": 2 * number + 2, "ended": 1_700_000_060.0 + number}
        values = {name: getattr(started, name) for name in Experiment.__slots__}
        done = Experiment(**{**values, **ended, "metrics": {"metrics.json": metrics_of(chosen)}, "exit_code": 0})
        for record in (started, done):
            message = encode_entry([record])
            first = number == 0 and record is started
            yield f"commit {REF}\ncommitter dver <dver@localhost> {1_700_000_000 + number} +0000\n".encode()
            yield b"data %d\n%s\n" % (len(message), message)
            # Without a first entry, the commit itself is the first parent, which only this stream would have.
            yield b"" if first else f"merge {commit}\n".encode() if record is started else b""
            yield b"deleteall\n"


def flat(values: dict[str, object], above: str = "") -> dict[str, object]:
    """The values by dotted key."""
    found: dict[str, object] = {}
    for key, value in values.items():
        found.update(flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value})
    return found


def _show() -> list[str]:
    return [sys.executable, "-m", "dver", "exp", "show"]


def _best(command: list[str], cwd: Path, rounds: int) -> Times:
    """The quickest of several runs, after one that does not count."""
    found = [times(command, cwd, _environment()) for _ in range(rounds + 1)][1:]
    return min(found, key=lambda one: one.wall)


def _fresh(command: list[str], cwd: Path, caches: str) -> Times:
    """A run without the files that earlier ones left."""
    shutil.rmtree(cwd / caches, ignore_errors=True)
    return times(command, cwd, _environment())


def _environment() -> dict[str, str]:
    """Modules are compiled once, as they are where dver is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _run(cwd: Path, *command: str, stdin: bytes = b"") -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, input=stdin)


def _output(cwd: Path, *command: str) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
