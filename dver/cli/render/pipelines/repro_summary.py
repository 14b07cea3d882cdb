"""The summary of `dver repro`: results, times, and next steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from dver.cli.render.pipelines.running_stages import state_text
from dver.cli.render.terminal import Style, columns, count, duration, printable
from dver.core.phrasing import quoted
from dver.pipelines.engine.schedule import StageState
from dver.pipelines.execution.repro import ReproResult

_LISTED: Final = 10
"""List the times of at most this many stages."""
_NAMED: Final = 3
"""Advice names at most this many frozen stages."""
_WORDS: Final = {
    StageState.DONE: "run",
    StageState.RESTORED: "restored",
    StageState.UP_TO_DATE: "up to date",
    StageState.FROZEN: "frozen and out of date",
    StageState.FAILED: "failed",
    StageState.STOPPED: "stopped",
    StageState.SKIPPED: "not run",
    StageState.BLOCKED: "blocked",
    StageState.WAITING: "not reached",
}


def summary_lines(result: ReproResult, style: Style) -> Iterator[str]:
    """The lines of the summary."""
    counts = Counter(result.states.values())
    if not counts:
        yield "there are no stages: dver.yaml names none"
        return
    if counts.keys() == {StageState.UP_TO_DATE}:
        yield "everything is up to date"
        return
    done = counts.keys() - {StageState.UP_TO_DATE, StageState.FROZEN}
    yield _counted(counts, style) + (f", in {duration(result.elapsed)}" if done else "")
    yield from columns(_times(result, style), right=frozenset((1,)), indent=2)
    if len(result.seconds) > _LISTED:
        yield f"  … and {count(len(result.seconds) - _LISTED, 'faster stage')}"
    if result.frozen:
        yield _frozen(result)


def _frozen(result: ReproResult) -> str:
    if len(result.frozen) > _NAMED:
        return "frozen stages stay out of date until `dver unfreeze`; `dver status` lists them"
    names = " ".join(printable(quoted(str(one))) for one in result.frozen)
    return f"frozen stages stay out of date until `dver unfreeze {names}`"


def _counted(counts: Counter[StageState], style: Style) -> str:
    parts: list[str] = []
    for state, word in _WORDS.items():
        if counts[state]:
            number = f"{counts[state]:,}" if parts else count(counts[state], "stage")
            parts.append(state_text(state, f"{number} {word}", style))
    return ", ".join(parts)


def _times(result: ReproResult, style: Style) -> Iterator[list[str]]:
    """The times of stages in the order of their runs, or of the slowest if there are many."""
    times = list(result.seconds.items())
    if len(times) > _LISTED:
        times = sorted(times, key=lambda one: one[1], reverse=True)[:_LISTED]
    for address, seconds in times:
        state = result.states[address]
        failed = [state_text(state, state.value, style)] if state is not StageState.DONE else [""]
        yield [printable(str(address)), duration(seconds), *failed]
