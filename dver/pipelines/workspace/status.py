"""The status of stages: which are out of date, without letting an error in one stage hide the others."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dver.core.errors import DverError
from dver.core.progress import Progress
from dver.formats.tree import Entry
from dver.git.pointers import LOCK_NAME
from dver.pipelines.engine.graph import Address, Graph, OutputIndex
from dver.pipelines.engine.plan import StagePlan, plan_stages, stages_in_scope
from dver.pipelines.engine.reasons import DependencyMissing, OutputChanged, OutputMissing, Reason, Upstream
from dver.pipelines.workspace.evaluation import Evaluator
from dver.pipelines.workspace.pipelines import Pipelines, load_pipelines, refuse_tracked, select_stages
from dver.pipelines.workspace.stage_files import dep_paths, out_paths, param_paths
from dver.repo import Repository
from dver.tracking.targets import is_at_or_below


@dataclass(frozen=True, slots=True)
class StagesStatus:
    """The stages that are out of date, in order, and the errors that prevented an evaluation."""

    steps: tuple[StagePlan, ...] = ()
    problems: tuple[DverError, ...] = ()
    not_checked: tuple[str, ...] = ()
    """Dependencies outside of the repository: a status contacts no address."""


class ProjectStages:
    """The stages of a project, read once. An error in a `dver.yaml` is kept for the status."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._pipelines: Pipelines | None = None
        self._problem: DverError | None = None
        try:
            self._pipelines = load_pipelines(repo)
        except DverError as error:
            self._problem = error

    def named(self, text: str, cwd: Path) -> list[Address]:
        """The stages that `text` names. Raises UsageError if there are none."""
        return select_stages(self._repo, self._pipelines, [text], cwd) if self._pipelines else []

    def at_path(self, path: bytes) -> list[Address]:
        """The stages with inputs or outputs at, in or around `path`, or the stages of the lock file `path`."""
        if self._pipelines is None:
            return []
        graph, (folder, name) = self._pipelines.graph, os.path.split(path)
        if name == LOCK_NAME:
            return [one for one in graph.order if os.fsencode(one.folder) == folder]
        return [one for one in graph.order if _touches(graph, one, path)]

    def output_paths(self, address: Address) -> list[bytes]:
        """The paths of the outputs of a stage."""
        assert self._pipelines is not None
        return [os.fsencode(one) for one in out_paths(address, self._pipelines.graph.stages[address].outs)]

    def status(
        self,
        wanted: Collection[Address] | None,
        known: Mapping[bytes, Entry | None],
        absent: Collection[bytes],
        progress: Progress,
    ) -> StagesStatus:
        """Find the stages among `wanted` (all if it is None) that are out of date.

        Files that `known` describes are not read again. Recorded data that is missing at the paths `absent` is no
        reason, nor is `always_changed`.
        """
        if self._pipelines is None:
            return StagesStatus(problems=(self._problem,) if self._problem else ())
        graph = self._pipelines.graph
        stages = graph.order if wanted is None else stages_in_scope(graph, list(wanted))
        there = {os.fsdecode(path): one for path, one in known.items()}
        evaluator = Evaluator(self._repo, graph, progress, there)
        stale, problems = _find_stale(self._repo, evaluator, stages)
        steps = drop_absent_data(plan_stages(graph, stages, stale), absent)
        chosen = [one for one in stages if wanted is None or one in wanted]
        external = dict.fromkeys(dep.path for one in chosen for dep in graph.stages[one].external)
        return StagesStatus(
            tuple(one for one in steps if wanted is None or one.address in wanted), problems, tuple(external)
        )


def drop_absent_data(steps: Iterable[StagePlan], absent: Collection[bytes]) -> Iterator[StagePlan]:
    """Drop the reasons that recorded data missing at the paths `absent` explains.

    A stage without other reasons is up to date once the data is checked out. The changed files of outputs are dropped,
    too, because the status of the data lists them.
    """
    stale: set[Address] = set()
    for step in steps:
        reasons = tuple(
            left for one in step.reasons if (left := _without_absent(one, step.address, stale, absent)) is not None
        )
        if reasons:
            stale.add(step.address)
            yield replace(step, reasons=reasons)


def _without_absent(
    reason: Reason, address: Address, stale: Collection[Address], absent: Collection[bytes]
) -> Reason | None:
    match reason:
        case OutputMissing(path) | DependencyMissing(path):
            place = os.fsencode(os.path.normpath(os.path.join(address.folder, path)))
            explained = any(is_at_or_below(place, one) or is_at_or_below(one, place) for one in absent)
            return None if explained else reason
        case OutputChanged():
            return replace(reason, files=None)
        case Upstream(stages):
            left = tuple(one for one in stages if one in stale)
            return Upstream(left) if left else None
        case _:
            return reason


def _touches(graph: Graph, address: Address, path: bytes) -> bool:
    stage = graph.stages[address]
    places = (*dep_paths(address, stage), *param_paths(address, stage), *out_paths(address, stage.outs))
    here = OutputIndex({os.fsdecode(path): address})
    return not path or any(here.of(place) for place in places)


def _find_stale(
    repo: Repository, evaluator: Evaluator, stages: Sequence[Address]
) -> tuple[dict[Address, tuple[Reason, ...]], tuple[DverError, ...]]:
    problems: dict[str, DverError] = {}
    stale: dict[Address, tuple[Reason, ...]] = {}
    try:
        evaluator.prefetch(stages)
        refuse_tracked(repo, evaluator.graph, stages)
    except DverError as error:
        problems[error.what] = error
    for one in stages:
        try:
            stale[one] = evaluator.with_file_changes(evaluator.evaluate(one)).changes
        except DverError as error:
            problems[error.what] = error  # once, although a broken lock file concerns many stages
    return stale, tuple(problems.values())
