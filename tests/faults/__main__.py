"""Inject every fault into every command, and check after each that nothing is lost (docs/testing.md).

python -m faults                    all of it
python -m faults --every 20         every twentieth fault, from a random first one
python -m faults --only "push more" one scenario; --mode power one kind of fault; --at 17 one site
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from environment import use_environment
from faults.inject import Mode
from faults.runner import warm_up
from faults.scenarios import SCENARIOS, Scenario
from faults.trial import Failure, Fault, Trial
from githooks import write_dver


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    only: str
    modes: tuple[Mode, ...]
    at: int
    every: int
    seed: int
    jobs: int
    keep: bool

    def chosen(self, faults: Sequence[Fault]) -> list[Fault]:
        """The faults to inject of all there are."""
        wanted = [one for one in faults if one.mode in self.modes and self.at in (0, one.site.number)]
        first = random.Random(self.seed + len(wanted)).randrange(self.every)
        return wanted[first :: self.every]


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="scenarios whose name begins so")
    parser.add_argument("--mode", action="append", choices=[mode.value for mode in Mode], help="kinds of fault")
    parser.add_argument("--at", type=int, default=0, help="the site with this number only")
    parser.add_argument("--every", type=int, default=1, help="inject one of so many faults")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="decides which with --every")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at once")
    parser.add_argument("--keep", action="store_true", help="keep the folders of faults that found something")
    found = parser.parse_args(arguments)
    modes = tuple(map(Mode, found.mode or [mode.value for mode in Mode]))
    return Options(found.only, modes, found.at, found.every, found.seed, found.jobs, found.keep)


def main(arguments: Sequence[str]) -> int:
    """Run; the exit code is 1 if an invariant did not hold."""
    options = _options(arguments)
    chosen = [one for one in SCENARIOS if one.name.startswith(options.only)]
    folder = Path(tempfile.mkdtemp(prefix="dver-faults-"))
    (folder / "home").mkdir()
    use_environment(folder / "home", TMPDIR=str(folder))
    program = write_dver(folder / "bin")  # for the hooks with which repositories are prepared
    os.environ["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    warm_up()
    start = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    counts, failures = _in_parallel(chosen, folder, options)
    for name, (sites, injected) in sorted(counts.items()):
        print(f"{injected:6} faults at {sites:4} sites: dver {name}")
    for failure in failures:
        print(f"\nFAILED dver {failure.scenario}: {failure.fault}\n  " + "\n  ".join(failure.problems))
        if options.keep:
            print(f"  see {failure.folder}")
    total = sum(injected for _, injected in counts.values())
    print(f"{total} faults injected, {len(failures)} broke something; {time.monotonic() - start:.0f} s")
    if not (options.keep and failures):
        shutil.rmtree(folder)
    return bool(failures)


def _in_parallel(
    scenarios: Sequence[Scenario], folder: Path, options: Options
) -> tuple[dict[str, tuple[int, int]], list[Failure]]:
    """Share the faults of each scenario among forked processes."""
    pids = []
    for job in range(options.jobs):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _work(scenarios, folder, options, job)
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    counts: dict[str, tuple[int, int]] = {}
    failures: list[Failure] = []
    for job, pid in enumerate(pids):
        _, status = os.waitpid(pid, 0)
        report = folder / f"report-{job}"
        if status or not report.exists():
            raise SystemExit("a process of the trial has died")
        for line in report.read_text().splitlines():
            kind, *rest = json.loads(line)
            if kind == "count":
                name, sites, injected = rest
                counts[name] = (sites, injected + counts.get(name, (0, 0))[1])
            else:
                scenario, fault, problems, place = rest
                failures.append(Failure(scenario, fault, tuple(problems), Path(place)))
    return counts, failures


def _work(scenarios: Sequence[Scenario], folder: Path, options: Options, job: int) -> None:
    with (folder / f"report-{job}").open("w") as report:
        for scenario in scenarios:
            trial = Trial(scenario, folder / f"{scenario.name.replace(' ', '-')}-{job}")
            chosen = options.chosen(list(trial.faults()))[job :: options.jobs]
            report.write(json.dumps(["count", scenario.name, len(trial.sites), len(chosen)]) + "\n")
            for fault in chosen:
                failure = trial.run(fault)
                if failure is not None:
                    entry = [failure.scenario, failure.fault, failure.problems, str(failure.folder)]
                    report.write(json.dumps(["failure", *entry]) + "\n")
                    report.flush()
            if not options.keep:
                shutil.rmtree(trial.folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
