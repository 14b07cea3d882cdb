"""`dver commit`: record the current outputs of stages without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.core.errors import DverError, StageError
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.pipelines.engine.env_variables import SecretVariable, secret_variables
from dver.pipelines.engine.graph import Address, Graph
from dver.pipelines.engine.reasons import NeverRun, OutputChanged, OutputMissing, OutputsDiffer, Reason
from dver.pipelines.execution.executor import WorkspaceExecutor
from dver.pipelines.workspace.evaluation import Evaluator
from dver.pipelines.workspace.out_of_date_data import OutOfDateData
from dver.pipelines.workspace.pipelines import load_pipelines, refuse_tracked, select_stages
from dver.repo import Repository

_OF_OUTPUTS = (NeverRun, OutputChanged, OutputMissing, OutputsDiffer)

Confirm = Callable[[Address, tuple[Reason, ...]], bool]
"""Called before a stage is recorded whose inputs changed, too."""


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The stages that were not up to date."""

    recorded: tuple[Address, ...] = ()
    refused: tuple[Address, ...] = ()
    """Stages that the user declined to record."""
    missing: tuple[Address, ...] = ()
    """Stages with missing outputs."""
    secrets: tuple[SecretVariable, ...] = ()
    problems: tuple[DverError, ...] = ()
    """Errors of stages that were left out."""


def commit(
    repo: Repository,
    targets: Sequence[str],
    *,
    cwd: Path,
    confirm: Confirm,
    force: bool = False,
    progress: Progress = SILENT,
) -> CommitResult:
    """Record current inputs and outputs of the target stages (all without targets) that differ from dver.lock.

    Stages with out-of-date data are left out, unless `force` is set. `confirm` is called for stages whose command,
    dependencies, parameters or environment changed. Raises StageError for targets with missing outputs or out-of-date
    data, PipelineError, UsageError.
    """
    pipelines = load_pipelines(repo)
    graph = pipelines.graph
    chosen = select_stages(repo, pipelines, targets, cwd)
    unusable = [] if targets else [one for one in chosen if graph.stages[one].refused is not None]
    problems = tuple(error for one in unusable if (error := graph.stages[one].refused) is not None)
    chosen = [one for one in chosen if one not in unusable]
    refuse_tracked(repo, graph, chosen)
    evaluator = Evaluator(repo, graph, progress)
    evaluator.prefetch(chosen)
    found = {one: evaluator.with_file_changes(evaluator.evaluate(one)) for one in chosen}
    absent = {one: found[one].missing_outs for one in chosen if found[one].changes}
    if targets:
        _refuse_absent(absent)
    present = [one for one, paths in absent.items() if not paths]
    out_of_date = OutOfDateData(repo, progress)
    outdated = (
        {}
        if force
        else {one: found_behind for one in present if (found_behind := _out_of_date(out_of_date, graph, one))}
    )
    if targets and outdated:
        raise next(iter(outdated.values()))
    present = [one for one in present if one not in outdated]
    wanted = [one for one in present if _concerns_outputs_only(found[one].changes) or confirm(one, found[one].changes)]
    executor = WorkspaceExecutor(repo, pipelines, evaluator, progress=progress)
    try:
        for one in wanted:
            executor.record_current(one)
    finally:
        executor.write()
    refused = tuple(one for one in present if one not in wanted)
    missing = tuple(one for one, paths in absent.items() if paths)
    return CommitResult(
        tuple(wanted), refused, missing, secret_variables(graph.stages, wanted), (*problems, *outdated.values())
    )


def _out_of_date(out_of_date: OutOfDateData, graph: Graph, one: Address) -> StageError | None:
    try:
        out_of_date.refuse_to_record(one, graph.stages[one])
    except StageError as error:
        return error
    return None


def _concerns_outputs_only(reasons: Iterable[Reason]) -> bool:
    return all(isinstance(one, _OF_OUTPUTS) for one in reasons)


def _refuse_absent(absent: Mapping[Address, Sequence[str]]) -> None:
    for one, paths in absent.items():
        if paths:
            raise StageError(
                f"stage {str(one)!r} is missing its output {join_limited(paths)}",
                why="only existing outputs can be recorded",
                fix=f"dver repro {quoted(str(one))}",
            )
