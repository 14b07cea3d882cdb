"""Lines that all forms of a report share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from dver.core.errors import DverError, MissingObjectError
from dver.core.phrasing import count, quoted
from dver.pipelines.compare.compared_versions import WORKSPACE, ReadProblem
from dver.reports.blocks.model import Code, Inline, Toned
from dver.reports.pull_request.model import PullRequestReport, ReportedVersion

_SHORT: Final = 8
"""The digits of a commit that are shown."""
_FETCHED: Final = 5
"""The most paths in a command that fetches them; without paths, it fetches all of a version."""


def title_of(report: PullRequestReport) -> Inline:
    """The heading: both versions."""
    return ("Changes from ", *_version(report.old), " to ", *_version(report.new))


def unchanged_line(report: PullRequestReport) -> list[str]:
    """A line about the sections with nothing to show, if there are any."""
    text = "; ".join(one.unchanged for one in report.unchanged())
    return [f"{text[0].upper()}{text[1:]}."] if text else []


def error_note(error: DverError, where: Inline = ()) -> Inline:
    """What went wrong, why, and the fix. Messages quote names, so they are code."""
    parts: list[str | Code | Toned] = [*where, Code(error.what)]
    for label, text in (("why", error.why), ("fix", error.fix)):
        if text:
            parts += [f"; {label}: ", Code(text, is_whole=label == "fix")]
    return tuple(parts)


def error_facts(error: DverError) -> dict[str, str | None]:
    """An error as JSON types."""
    return {"what": error.what, "why": error.why, "fix": error.fix}


def problem_notes(problems: Iterable[ReadProblem]) -> tuple[Inline, ...]:
    """Files that could not be read, each once. Those that the store does not have are one note for each version."""
    absent: dict[str, list[str]] = {}
    others: dict[tuple[str, str], ReadProblem] = {}
    for one in problems:
        if isinstance(one.error, MissingObjectError):
            absent.setdefault(one.side, []).append(one.path)
        else:
            others[one.error.what, one.side] = one
    notes = [
        error_note(one.error, () if one.side in one.error.what else (Code(one.side), ": ")) for one in others.values()
    ]
    return (*(_absent_note(side, list(dict.fromkeys(paths))) for side, paths in absent.items()), *notes)


def _absent_note(side: str, paths: Sequence[str]) -> Inline:
    names = " ".join(map(quoted, paths)) if len(paths) <= _FETCHED else ""
    rev = "" if side == WORKSPACE else f"--rev {quoted(side)} "
    what = f"{count(len(paths), 'path')} not in the store"
    return (
        what,
        *((" at ", Code(side)) if rev else ()),
        "; fix: ",
        Code(f"dver fetch {rev}{names}".rstrip(), is_whole=True),
    )


def part_of(number: int, of: int, noun: str) -> str:
    """`2 of 14 metrics`."""
    return f"{number:,} of {count(of, noun)}"


def _version(version: ReportedVersion) -> Inline:
    if version.commit is None:
        return ("the workspace",)
    commit = version.commit[:_SHORT]
    if version.commit.startswith(version.name):
        return (Code(commit),)
    return (Code(version.name), " (", Code(commit), ")")
