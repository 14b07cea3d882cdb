"""The section of stages that are out of date, and why."""

from __future__ import annotations

from typing import Final

from dver.core.phrasing import count, printable
from dver.core.public_text import is_secret_name
from dver.formats.tree import Entry
from dver.pipelines.engine.plan import StagePlan
from dver.pipelines.engine.reason_text import reason_text
from dver.pipelines.engine.reasons import ParamChanged, Reason
from dver.pipelines.workspace.status import ProjectStages
from dver.reports.blocks.model import Code, Inline, ItemList
from dver.reports.pull_request.model import SectionBody
from dver.reports.pull_request.sections.changes import FACTS_MAX
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.wording import error_note
from dver.tracking.targets import tracked_in_worktree
from dver.workspace.changes.data_changes import compare_with_pointer, unchanged_files
from dver.workspace.state.data_state import DataState

_REASONS: Final = 3
"""The reasons of a stage that are listed."""


def stages_section(subject: ReportSubject) -> SectionBody:
    """The stages that `dver repro` would run. Data that is not checked out counts as it is recorded."""
    known, absent = _known_data(subject)
    status = ProjectStages(subject.repo).status(None, known, absent, subject.progress)
    notes = tuple(map(error_note, status.problems))
    steps = [step for step in status.steps if step.reasons]
    if not steps:
        return SectionBody(notes=notes)
    return SectionBody(
        (f"{count(len(steps), 'stage')} to run: ", Code("dver repro"), "."),
        (ItemList(tuple(map(_item, steps[:FACTS_MAX])), len(steps), more=("run ", Code("dver status"))),),
        notes,
        {"stages": [_facts(step) for step in steps[:FACTS_MAX]]},
    )


def _known_data(subject: ReportSubject) -> tuple[dict[bytes, Entry | None], frozenset[bytes]]:
    """The content of tracked data as stages see it, and the paths of data that is not checked out.

    A clean checkout without data is compared by what the pointers and lock files record.
    """
    repo = subject.repo
    tracked = tracked_in_worktree(repo)
    absent = frozenset(path for path in tracked if not repo.layout.exists(path))
    pointers = {path: one.pointer for path, one in tracked.items() if path not in absent}
    known: dict[bytes, Entry | None] = {path: tracked[path].entry for path in absent}
    known.update(unchanged_files(repo, pointers, subject.progress))
    placed = repo.state.placed
    for path, pointer in pointers.items():
        if path not in known:
            found = compare_with_pointer(repo, path, pointer, placed, subject.progress)
            known[path] = pointer.entry(path) if found.state is DataState.OUT_OF_DATE else found.found
    return known, absent


def _item(step: StagePlan) -> Inline:
    reasons: list[str | Code] = []
    for at, reason in enumerate(step.reasons[:_REASONS]):
        reasons += [", " if at else ": ", Code(_text(reason))]
    left = len(step.reasons) - _REASONS
    more = f" and {left:,} more" if left > 0 else ""
    return (Code(str(step.address)), " (frozen)" if step.is_frozen else "", *reasons, more)


def _text(reason: Reason) -> str:
    """The reason, without the values of a parameter that is named like a secret."""
    if isinstance(reason, ParamChanged) and is_secret_name(reason.key.rpartition(".")[2]):
        return f"parameter {printable(reason.key)} of {printable(reason.file)} changed"
    return reason_text(reason)


def _facts(step: StagePlan) -> dict[str, object]:
    return {
        "stage": str(step.address),
        "frozen": step.is_frozen,
        "reasons": [_text(one) for one in step.reasons],
    }
