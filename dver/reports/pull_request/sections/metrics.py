"""The section of changed metrics: which got better, and which got worse."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from dver.pipelines.compare.compared_versions import open_sides
from dver.pipelines.compare.directions import MetricDirections, Verdict, directions_of, judge
from dver.pipelines.compare.params_metrics import metrics_of, read_table
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.metric_goals import Direction
from dver.reports.blocks.model import Code, Inline, ReportTable, Tone, Toned
from dver.reports.blocks.values import difference_text, value_inline
from dver.reports.pull_request.model import SectionBody
from dver.reports.pull_request.sections.changes import (
    FACTS_MAX,
    change_facts,
    changed_values,
)
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.unread_files import unread_files
from dver.reports.pull_request.wording import part_of, problem_notes

_BETTER: Final = {Direction.MAXIMIZE: "higher is better", Direction.MINIMIZE: "lower is better"}
_TONES: Final = {Verdict.BETTER: Tone.BETTER, Verdict.WORSE: Tone.WORSE}


def metrics_section(subject: ReportSubject) -> SectionBody:
    """The metrics that differ. `maximize:` and `minimize:` in dver.yaml decide what is better, else the name."""
    table = read_table(subject.repo, metrics_of, subject.sides, (), subject.repo.root)
    unread = unread_files(subject, table.problems)
    notes = problem_notes(unread.problems)
    changed, total = changed_values(table, unread)
    if not changed:
        return SectionBody(notes=notes)
    directions = _directions(subject)
    judged = [(file, one, directions.of(file, one.key)) for file, one in changed]
    verdicts = Counter(judge(direction, one) for _, one, direction in judged)
    header: tuple[Inline, ...] = (
        ("File",), ("Metric",), (Code(subject.old.name),), (Code(subject.new.name),), ("Change",), ("Verdict",)
    )  # fmt: skip
    rows = tuple(_row(file, one, direction) for file, one, direction in judged)
    return SectionBody(
        (*_summary(len(changed), total, verdicts),),
        (ReportTable(header, rows, len(rows), frozenset((2, 3, 4)), subject.command("metrics diff")),),
        notes,
        {
            "total": total,
            "changed": len(changed),
            "better": verdicts[Verdict.BETTER],
            "worse": verdicts[Verdict.WORSE],
            "changes": [_facts(*one) for one in judged[:FACTS_MAX]],
        },
    )


def _directions(subject: ReportSubject) -> MetricDirections:
    with open_sides(subject.repo, subject.sides[1:]) as (side,):
        return directions_of(subject.repo.layout, side)


def _summary(changed: int, total: int, verdicts: Counter[Verdict | None]) -> Inline:
    words = [Toned(f"{verdicts[one]:,} {one.value}", _TONES[one]) for one in _TONES if verdicts[one]]
    parts: list[str | Code | Toned] = [f"{part_of(changed, total, 'metric')} changed"]
    for at, word in enumerate(words):
        parts += [", " if at else ": ", word]
    return (*parts, ".")


def _row(file: str, change: ValueChange, direction: Direction | None) -> tuple[Inline, ...]:
    verdict = judge(direction, change)
    words: Inline = ()
    if direction is not None:
        words = (_BETTER[direction],)
        if verdict in _TONES:
            words = (Toned(verdict.value, _TONES[verdict]), f" ({_BETTER[direction]})")
    return (
        (Code(file),),
        (Code(change.key),),
        value_inline(change.old),
        value_inline(change.new),
        (difference_text(change.difference),),
        words,
    )


def _facts(file: str, change: ValueChange, direction: Direction | None) -> dict[str, Any]:
    verdict = judge(direction, change)
    found = change_facts(file, change)
    found["difference"] = change.difference
    found["direction"] = direction.value if direction is not None else None
    found["verdict"] = verdict.value if verdict is not None else None
    return found
