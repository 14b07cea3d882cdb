"""The section of data checks: failed and skipped checks of changed data, and its drift against the base version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dver.checks.result import CheckedData, RuleResult, Severity
from dver.core.errors import DverError
from dver.core.phrasing import count
from dver.gates.suite_presence import may_have_checks, pipelines_may_have_checks
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.reports.blocks.model import Code, Inline, ReportTable, Tone, Toned
from dver.reports.pull_request.model import SectionBody
from dver.reports.pull_request.sections.drift import drift_rows
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.wording import error_note
from dver.tracking.targets import TrackedData

if TYPE_CHECKING:
    from dver.gates.data_checks import DataGate
    from dver.gates.recorded_data import Pipelines

_HEADER: tuple[Inline, ...] = (("Path",), ("Check",), ("Severity",), ("Expected",), ("Found",), ("In the base",))


@dataclass(frozen=True, slots=True)
class _FailedCheck:
    """A failed check of changed data."""

    data: CheckedData
    result: RuleResult
    before: str
    """How it ended in the base version: `passed`, `failed`, `new data` or `unknown`."""
    skipped: bool
    """Was the data recorded with `--no-checks`?"""

    @property
    def is_new(self) -> bool:
        return self.before in ("passed", "new data")


@dataclass(frozen=True, slots=True)
class _Findings:
    failed: tuple[_FailedCheck, ...]
    skipped: tuple[str, ...]
    problems: tuple[DverError, ...]


def checks_section(subject: ReportSubject) -> SectionBody:
    """The failed checks of data whose pointers or lock files differ, new failures first, and the drift of that data.

    Rules are those of the workspace. Content that is not here is read from kept results and profiles.
    """
    old, new = subject.tracked(subject.old), subject.tracked(subject.new)
    changed = [new[path] for path in sorted(new) if not _is_same(old.get(path), new[path])]
    found = _findings(subject, changed, old)
    drift = drift_rows(subject, [(old[one.path], one) for one in changed if one.path in old])
    blocks = []
    if found.failed:
        blocks.append(ReportTable(_HEADER, tuple(map(_row, found.failed)), len(found.failed)))
    if drift.rows:
        blocks.append(drift.table)
    facts = {"failed": list(map(_facts, found.failed)), "skipped": list(found.skipped), "drift": drift.facts}
    return SectionBody(
        _summary(found, drift.paths),
        tuple(blocks),
        tuple(error_note(one) for one in (*found.problems, *drift.problems)),
        facts if any(facts.values()) else {},
    )


def _is_same(old: TrackedData | None, new: TrackedData) -> bool:
    if old is None or not old.pointer.same_data(new.pointer):
        return False
    return old.pointer.checks_skipped == new.pointer.checks_skipped


def _findings(subject: ReportSubject, changed: Sequence[TrackedData], old: Mapping[bytes, TrackedData]) -> _Findings:
    repo = subject.repo
    skipped = tuple(repo.layout.shown(one.path) for one in changed if one.pointer.checks_skipped)
    if not (may_have_checks(repo, [one.path for one in changed]) or pipelines_may_have_checks(repo, changed)):
        return _Findings((), skipped, ())
    from dver.gates.data_checks import DataGate  # with a YAML library

    checks = DataGate(repo, subject.progress)
    has_outputs = any(one.maker is not None for one in changed)
    pipelines = pipelines_of_workspace(repo) if has_outputs else {}
    failed: list[_FailedCheck] = []
    problems: list[DverError] = []
    for one in changed:
        try:
            failed += _failed_checks(subject, checks, pipelines, one, old.get(one.path))
        except DverError as error:
            problems.append(error)
    failed.sort(key=lambda one: (not one.is_new, one.result.severity is not Severity.CRITICAL))
    return _Findings(tuple(failed), skipped, tuple(problems))


def _failed_checks(
    subject: ReportSubject, checks: DataGate, pipelines: Pipelines, data: TrackedData, old: TrackedData | None
) -> Iterator[_FailedCheck]:
    from dver.gates.recorded_data import suites_of_data

    for suite in suites_of_data(checks, data, pipelines):
        (found,) = checks.check_recorded([suite], data, subject.new.commit)
        bad = [one for one in found.results if not one.ok]
        base: CheckedData | None = None
        if bad and old is not None:
            with suppress(DverError):  # the base may be in the remote only
                (base,) = checks.check_recorded([suite], old, subject.old.commit)
        for one in bad:
            state = _state_before(one, base) if old is not None else "new data"
            yield _FailedCheck(found, one, state, data.pointer.checks_skipped)


def _state_before(result: RuleResult, base: CheckedData | None) -> str:
    """How the same rule ended in the base. Rules without a name differ only in what they expect."""
    if base is None:
        return "unknown"
    same = [one for one in base.results if _rule_of(one) == _rule_of(result)]
    if not same:
        return "new data" if base.oid is None else "unknown"
    return "passed" if all(one.ok for one in same) else "failed"


def _rule_of(result: RuleResult) -> tuple[str, str | None, str]:
    return result.rule, result.column, result.expected


def _row(one: _FailedCheck) -> tuple[Inline, ...]:
    column = (Code(one.result.column), " ") if one.result.column is not None else ()
    severity: Inline = (one.result.severity.value + (", skipped" if one.skipped else ""),)
    if one.result.severity is Severity.CRITICAL:
        severity = (Toned(severity[0] if isinstance(severity[0], str) else "critical", Tone.WORSE),)
    return (
        (Code(one.data.path),),
        (*column, Code(one.result.rule)),
        severity,
        (Code(one.result.expected),),
        (Code(one.result.found),),
        (one.before,),
    )


def _summary(found: _Findings, drifted: int) -> Inline:
    critical = [one for one in found.failed if one.result.severity is Severity.CRITICAL]
    warnings = len(found.failed) - len(critical)
    new = sum(one.is_new for one in found.failed)
    parts = []
    if critical:
        parts.append(f"{count(len(critical), 'critical check')} failed")
    if warnings:
        parts.append(count(warnings, "warning"))
    if parts and new:
        parts[-1] += f" ({new:,} new)"
    if found.skipped:
        parts.append(f"checks of {count(len(found.skipped), 'path')} were skipped")
    if drifted:
        parts.append(f"{count(drifted, 'path')} drifted")
    return (f"{', '.join(parts)}.".capitalize(),) if parts else ()


def _facts(one: _FailedCheck) -> dict[str, Any]:
    return {
        "path": one.data.path,
        "suite": one.data.suite,
        "rule": one.result.rule,
        "column": one.result.column,
        "severity": one.result.severity.value,
        "outcome": one.result.outcome.value,
        "expected": one.result.expected,
        "found": one.result.found,
        "failed_rows": one.result.failed_rows,
        "before": one.before,
        "skipped": one.skipped,
    }
