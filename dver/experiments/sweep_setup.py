"""Which sweep to run: its definition in `dver.yaml`, with the options of the command line."""

from __future__ import annotations

import math
import posixpath
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from dver.core.errors import DverError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.experiments.overrides.parse import parse_overrides
from dver.experiments.sweeps.space import sweep_space
from dver.experiments.sweeps.trials import SweepRun
from dver.git.revisions import head
from dver.pipelines.definition.sweep import Sweep, SweepMethod, SweepMetric, SweepRange, check_sweep
from dver.pipelines.engine.graph import Address
from dver.pipelines.execution.repro import ReproOptions
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """Which sweep to run, and what to do otherwise than its definition says."""

    name: str
    params: tuple[str, ...] = ()
    """Other parameters to change in every trial, as `[FILE:]KEY=VALUE`."""
    message: str = ""
    trials: int | None = None
    method: SweepMethod | None = None
    metric: SweepMetric | None = None
    repro: ReproOptions = field(default_factory=ReproOptions)


def chosen_sweep(repo: Repository, options: SweepOptions) -> SweepRun:
    """The sweep that `options` name, with its space, for the current baseline.

    Raises UsageError for options that do not fit, PipelineError for a mistake in `dver.yaml`.
    """
    address, sweep = find_sweep(repo, options.name)
    sweep = replace(
        sweep,
        trials=options.trials or sweep.trials,
        method=options.method or sweep.method,
        metric=options.metric or sweep.metric,
    )
    check_sweep(sweep)
    if sweep.method.learns and sweep.metric is None:
        raise UsageError(
            f"sweep {sweep.name!r} has no metric",
            why=f"{sweep.method.value} learns from it",
            fix="add --minimize PATH:KEY or --maximize PATH:KEY, such as --maximize metrics.json:accuracy",
        )
    prefix = repo.layout.prefix.decode("utf-8", "surrogateescape")
    folder = posixpath.relpath(address.folder or ".", prefix or ".")
    space = sweep_space(sweep, "" if folder == "." else folder)
    fixed = parse_overrides(options.params)
    varied = {(one.file, one.key) for one in space.params}
    for one in fixed:
        if (one.file, one.key) in varied:
            raise UsageError(f"{one.short_text!r} is a parameter of sweep {sweep.name!r}", why="the sweep varies it")
    baseline = head(repo.git)
    if baseline is None:
        raise UsageError("there is no commit to start from", fix='git add -A && git commit -m "first version"')
    return SweepRun(address.key, sweep, space, baseline, address.folder, fixed)


def all_sweeps(repo: Repository) -> dict[Address, Sweep]:
    """The sweeps of every `dver.yaml` that can be read, by directory and name."""
    return {
        Address(folder, one.name): one
        for folder, file in pipelines_of_workspace(repo).items()
        if not isinstance(file, DverError)
        for one in file.sweeps.values()
    }


def find_sweep(repo: Repository, name: str) -> tuple[Address, Sweep]:
    """The sweep `name` in any `dver.yaml`; `DIRECTORY/dver.yaml:NAME` if several have one of this name.

    Raises UsageError, and the error of a file that cannot be read if no other one has the sweep.
    """
    found = all_sweeps(repo)
    matches = [address for address in found if name in (address.name, address.key)]
    exact = [address for address in matches if address.key == name]
    if len(matches) == 1 or exact:
        chosen = (exact or matches)[0]
        return chosen, found[chosen]
    if matches:
        keys = [one.key for one in matches]
        raise UsageError(
            f"several sweeps are named {name!r}", why=join_limited(keys), fix=f"dver exp run --sweep {quoted(keys[0])}"
        )
    errors = [file for file in pipelines_of_workspace(repo).values() if isinstance(file, DverError)]
    if errors:
        raise errors[0]
    names = [one.key for one in found]
    near = get_close_matches(name, names, 1)
    if not names:
        raise UsageError(f"no sweep is named {name!r}", why="no dver.yaml has any", fix="add `sweeps` to dver.yaml")
    fix = f"dver exp run --sweep {quoted((near or names)[0])}"
    raise UsageError(f"no sweep is named {name!r}", why=f"there are: {join_limited(names)}", fix=fix)


def planned_trials(run: SweepRun) -> int:
    """The number of trials. Raises UsageError if it is not known."""
    choices = [one.values for one in run.space.params if not isinstance(one.values, SweepRange)]
    if run.sweep.method is SweepMethod.GRID:
        size = math.prod(map(len, choices))
        return size if run.sweep.trials is None else min(size, run.sweep.trials)
    if run.sweep.trials is None:
        raise UsageError(
            f"sweep {run.sweep.name!r} does not say how many trials to run",
            fix="add --trials 20, or `trials: 20` in dver.yaml",
        )
    return run.sweep.trials
