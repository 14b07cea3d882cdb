"""The bytes of kept results of checks (docs/format/check-results.md).

They have no rows of the data, whatever was asked for.
"""

from __future__ import annotations

import json
from typing import Any, Final

from dver.checks.result import RuleOutcome, RuleResult, Severity
from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
MAX_SIZE: Final = 16 << 20
"""The largest size of kept results in bytes."""
_TEXTS: Final = ("rule", "expected", "found")
_KEYS: Final = frozenset(("rule", "outcome", "severity", "expected", "found", "column", "failed_rows", "scanned"))


def encode(results: tuple[RuleResult, ...]) -> bytes:
    """The bytes of `results`, without rows."""
    said = {"format": "dver check results", "results": [_fields(one) for one in results], "version": VERSION}
    return (json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n").encode()


def decode(content: bytes) -> tuple[RuleResult, ...]:
    """Decode results. Raises CorruptError, and NewerVersionError for a format of a later dver."""
    if len(content) > MAX_SIZE:
        raise _corrupt(f"{len(content)} bytes, at most {MAX_SIZE} are read")
    try:
        said = json.loads(content)
        if not isinstance(said, dict) or said.get("format") != "dver check results":
            raise _corrupt("they have no format")
        version = said["version"]
        if type(version) is int and version > VERSION:
            raise NewerVersionError.of_format("results of checks", version, VERSION)
        found = tuple(_result(one) for one in said["results"])
        if encode(found) != content:
            raise _corrupt("they are not written as dver writes them")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _corrupt("they cannot be read") from error
    return found


def _fields(one: RuleResult) -> dict[str, Any]:
    said: dict[str, Any] = {
        "rule": one.rule,
        "outcome": one.outcome.value,
        "severity": one.severity.value,
        "expected": one.expected,
        "found": one.found,
    }
    if one.column is not None:
        said["column"] = one.column
    if one.failed_rows is not None:
        said["failed_rows"] = one.failed_rows
    if one.scanned:
        said["scanned"] = True
    return said


def _result(said: dict[str, Any]) -> RuleResult:
    if not said.keys() <= _KEYS or not all(type(said[name]) is str for name in _TEXTS):
        raise _corrupt("a result has impossible values")
    column, rows = said.get("column"), said.get("failed_rows")
    if (column is not None and type(column) is not str) or (rows is not None and (type(rows) is not int or rows < 0)):
        raise _corrupt("a result has impossible values")
    return RuleResult(
        said["rule"],
        RuleOutcome(said["outcome"]),
        Severity(said["severity"]),
        said["expected"],
        said["found"],
        column,
        rows,
        scanned=bool(said.get("scanned", False)),
    )


def _corrupt(why: str) -> CorruptError:
    return CorruptError("results of checks that cannot be read", why=why)
