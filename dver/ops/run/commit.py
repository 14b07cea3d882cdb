"""`dver commit`: record the current outputs of stages without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dver.core.display import Displayed
from dver.core.errors import DverError, StageError
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.pipelines.engine.env_variables import SecretVariable, secret_variables
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.reasons import NeverRun, OutputChanged, OutputMissing, OutputsDiffer, Reason
from dver.pipelines.execution.executor import WorkspaceExecutor
from dver.pipelines.workspace.evaluation import Evaluator, StageEvaluation
from dver.pipelines.workspace.external_deps import ExternalFingerprints
from dver.pipelines.workspace.out_of_date_data import OutOfDateData
from dver.pipelines.workspace.pipelines import load_pipelines, refuse_tracked, select_stages
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.checks.result import CheckedData

_OF_OUTPUTS = (NeverRun, OutputChanged, OutputMissing, OutputsDiffer)

Confirm = Callable[[Address, tuple[Reason, ...]], bool]
"""Called before a stage is recorded whose inputs changed, too."""


@dataclass(frozen=True, slots=True, repr=False)
class CommitResult(Displayed):
    """The stages that were not up to date."""

    recorded: tuple[Address, ...] = ()
    refused: tuple[Address, ...] = ()
    """Stages that the user declined to record."""
    missing: tuple[Address, ...] = ()
    """Stages with missing outputs."""
    secrets: tuple[SecretVariable, ...] = ()
    problems: tuple[DverError, ...] = ()
    """Errors of stages that were left out."""
    checked: tuple[CheckedData, ...] = ()
    """The results of checks of outputs."""


def commit(
    repo: Repository,
    targets: Sequence[str],
    *,
    cwd: Path,
    confirm: Confirm,
    force: bool = False,
    checks: bool = True,
    progress: Progress = SILENT,
) -> CommitResult:
    """Record current inputs and outputs of the target stages (all without targets) that differ from dver.lock.

    Stages with out-of-date data are left out, unless `force` is set. `confirm` is called for stages whose command,
    dependencies, parameters or environment changed. Raises StageError for targets with missing outputs or out-of-date
    data, for outputs that fail a critical check unless `checks` is off, PipelineError, UsageError.
    """
    pipelines = load_pipelines(repo)
    graph = pipelines.graph
    chosen = select_stages(repo, pipelines, targets, cwd)
    unusable = {} if targets else {one: error for one in chosen if (error := graph.stages[one].refused) is not None}
    chosen = [one for one in chosen if one not in unusable]
    refuse_tracked(repo, graph, chosen)
    evaluator = Evaluator(repo, graph, progress, external=ExternalFingerprints(repo))
    evaluator.prefetch(chosen)
    found = [evaluator.with_file_changes(evaluator.evaluate(one)) for one in chosen]
    changed = [one for one in found if one.changes or _checks_change(one, checks=checks, named=bool(targets))]
    complete = [one for one in changed if not one.missing_outs]
    if targets:
        _refuse_missing(changed)
    outdated = {} if force else _find_outdated(repo, complete, progress)
    if targets and outdated:
        raise next(iter(outdated.values()))
    candidates = [one for one in complete if one.address not in outdated]
    wanted = [one.address for one in candidates if _concerns_outputs_only(one) or confirm(one.address, one.changes)]
    executor = WorkspaceExecutor(repo, pipelines, evaluator, progress=progress, checks=checks)
    _record(executor, wanted)
    return CommitResult(
        recorded=tuple(wanted),
        refused=tuple(one.address for one in candidates if one.address not in wanted),
        missing=tuple(one.address for one in changed if one.missing_outs),
        secrets=secret_variables(graph.stages, wanted),
        problems=(*unusable.values(), *outdated.values()),
        checked=tuple(executor.output_checks.checked),
    )


def _refuse_missing(changed: Iterable[StageEvaluation]) -> None:
    for one in changed:
        if one.missing_outs:
            raise StageError(
                f"stage {str(one.address)!r} is missing its output {join_limited(one.missing_outs)}",
                why="only existing outputs can be recorded",
                fix=f"dver repro {quoted(str(one.address))}",
            )


def _find_outdated(
    repo: Repository, stages: Iterable[StageEvaluation], progress: Progress
) -> dict[Address, StageError]:
    """The errors of stages with out-of-date data."""
    data = OutOfDateData(repo, progress)
    errors: dict[Address, StageError] = {}
    for one in stages:
        try:
            data.refuse_to_record(one.address, one.stage)
        except StageError as error:
            errors[one.address] = error
    return errors


def _concerns_outputs_only(found: StageEvaluation) -> bool:
    return all(isinstance(one, _OF_OUTPUTS) for one in found.changes)


def _checks_change(found: StageEvaluation, *, checks: bool, named: bool) -> bool:
    """Whether only what dver.lock says of skipped checks may change."""
    if found.last_run is None or not named:
        return False
    return not checks or any(item.checks_skipped for item in found.last_run.outs)


def _record(executor: WorkspaceExecutor, stages: Iterable[Address]) -> None:
    try:
        for one in stages:
            executor.record_current(one)
    finally:
        executor.write()
