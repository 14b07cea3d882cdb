"""A report as JSON, for programs. It has the values of each section, and no pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from dver.reports.blocks.model import Inline
from dver.reports.pull_request.model import PullRequestReport, ReportedVersion

JSON_MARK: Final = b'{\n  "format": "dver report",'
"""The beginning of each report as indented JSON."""


def report_json(report: PullRequestReport) -> dict[str, Any]:
    """The versions, and each section by its key: its facts, a summary, and notes on what could not be read."""
    return {
        "format": "dver report",
        "version": 1,
        "old": _version(report.old),
        "new": _version(report.new),
        "has_changes": report.has_changes,
        "sections": {
            one.key: {
                "title": one.title,
                "has_changes": one.has_changes,
                "summary": _text(one.body.summary),
                "notes": [_text(note) for note in one.body.notes],
                **_plain(one.body.facts),
            }
            for one in report.sections
        },
    }


def _version(version: ReportedVersion) -> dict[str, str | None]:
    return {"name": version.name, "commit": version.commit}


def _text(text: Inline) -> str:
    return "".join(one.text if not isinstance(one, str) else one for one in text)


def _plain(value: Any) -> Any:
    """The value in types of JSON."""
    match value:
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case float() if not math.isfinite(value):  # not in JSON
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case None | bool() | int() | float() | str():
            return value
    return str(value)
