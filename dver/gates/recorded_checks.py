"""What tags of the model registry record about checks (docs/format/registry.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from dver.checks.result import CheckedData
from dver.gates.errors import result_text

_MOST: Final = 20
"""The most failed checks that are named for each path."""


def recorded_checks(
    checked: Sequence[CheckedData], skipped: Collection[str] = (), unknown: Collection[str] = ()
) -> dict[str, Any]:
    """The field `checks` of a tag; empty without any.

    `skipped` are paths that were recorded with `--no-checks`, `unknown` those whose data is not here.
    """
    if not (checked or unknown):
        return {}
    critical = sum(len(one.critical) for one in checked)
    warnings = sum(len(one.warnings) for one in checked)
    total = sum(len(one.results) for one in checked)
    said: dict[str, Any] = {
        "pass": not critical and not unknown,
        "passed": total - critical - warnings,
        "critical": critical,
        "warnings": warnings,
        "failed": {one.path: _failed(one) for one in checked if one.critical or one.warnings},
        "skipped": sorted(skipped),
        "unknown": sorted(unknown),
    }
    return {key: value for key, value in said.items() if value not in ({}, [])}


def checks_passed(recorded: Mapping[str, Any]) -> bool:
    """Whether the checks that a tag records passed: no critical one failed, and all data was there. Also without any.

    Data that was recorded with `--no-checks` is checked again when a version is registered.
    """
    return not recorded or recorded.get("pass") is True


def summary_text(recorded: Mapping[str, Any]) -> str:
    """The recorded checks in one line, such as `12 passed, 1 warning`; empty without any."""
    if not recorded:
        return ""
    names = (
        ("passed", "passed", "passed"),
        ("critical", "critical failed", "critical failed"),
        ("warnings", "warning", "warnings"),
    )
    parts = [
        f"{number} {one if number == 1 else many}"
        for key, one, many in names
        if isinstance(number := recorded.get(key), int) and (number or key == "passed")
    ]
    for key, text in (("skipped", "skipped"), ("unknown", "unknown")):
        if isinstance(paths := recorded.get(key), list) and paths:
            parts.append(f"{text} for {', '.join(map(str, paths[:3]))}")
    return ", ".join(parts)


def _failed(one: CheckedData) -> list[str]:

    both = [("critical", result) for result in one.critical] + [("warning", result) for result in one.warnings]
    return [f"{kind}: {result_text(result)}" for kind, result in both[:_MOST]]
