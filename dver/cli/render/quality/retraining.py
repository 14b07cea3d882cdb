"""Retraining in the terminal."""

from __future__ import annotations

from dver.cli.context import Context
from dver.core.phrasing import join_limited, quoted
from dver.retraining.record import RetrainingRecord
from dver.retraining.result import RetrainingOutcome, RetrainingResult, RetrainingStep


def step_text(step: RetrainingStep, record: RetrainingRecord) -> str | None:
    """A line about a finished step; None for one that the result tells about."""
    match step:
        case RetrainingStep.DATA:
            return f"new data: {join_limited(list(record.data))}" if record.data else "no new data"
        case RetrainingStep.TRAIN:
            return f"trained: experiment {record.experiment}"
        case RetrainingStep.REGISTER:
            return f"registered: {record.artifact} {record.version}"
    return None


def print_retraining(ctx: Context, result: RetrainingResult) -> None:
    """Print how a retraining ended."""
    if result.verdict is not None:
        ctx.table([(one.text, one.found, one.answer) for one in result.verdict.conditions], indent=2)
    ctx.say(_outcome_text(result))
    if result.pull_request is not None:
        ctx.say(result.pull_request)
        return
    if result.outcome is RetrainingOutcome.REJECTED and result.version:
        name = quoted(f"{result.artifact}@{result.version}")
        ctx.note(f"promote it nevertheless: dver model assign {name} {quoted(result.stage)}")
    if result.outcome in (RetrainingOutcome.PROMOTED, RetrainingOutcome.REJECTED) and result.experiment is not None:
        ctx.note(f"make the workspace this version: dver exp apply {quoted(result.experiment)}")


def _outcome_text(result: RetrainingResult) -> str:
    name, before = result.artifact, f" instead of {result.before}" if result.before else ""
    match result.outcome:
        case RetrainingOutcome.PROMOTED:
            return f"promoted: {name} {result.version} is in {result.stage}{before}"
        case RetrainingOutcome.PROPOSED:
            return f"opened a pull request for {name} {result.version}"
        case RetrainingOutcome.REJECTED:
            kept = f"{result.before} stays in {result.stage}" if result.before else f"{result.stage} stays empty"
            return f"not promoted: {name} {result.version}; {kept}"
        case RetrainingOutcome.UNCHANGED:
            return f"not registered: {result.why}"
    return f"nothing to do: {result.why or result.outcome.value}"
