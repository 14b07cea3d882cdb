"""The error of data that fails critical checks, and its parts."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dver.checks.result import CheckedData, RuleResult
from dver.core.errors import DverError, StageError
from dver.core.phrasing import count, join_limited, quoted
from dver.repo import Repository


class FailedChecksError(DverError):
    """Data fails critical checks, so a command refuses it. `checked` has all results."""

    def __init__(self, what: str, *, why: str, fix: str, checked: tuple[CheckedData, ...]) -> None:
        super().__init__(what, why=why, fix=fix)
        self.checked = checked


class FailedOutputChecksError(StageError):
    """Outputs of a stage fail critical checks, so the stage fails. `checked` has all results."""

    def __init__(self, what: str, *, why: str, fix: str, checked: tuple[CheckedData, ...]) -> None:
        super().__init__(what, why=why, fix=fix)
        self.checked = checked


def failed(checked: Sequence[CheckedData]) -> list[CheckedData]:
    """The data with failed critical checks."""
    return [one for one in checked if one.critical]


def failure_text(repo: Repository, checked: Sequence[CheckedData]) -> str:
    """What fails, such as `data.csv fails 2 critical checks`."""
    bad = failed(checked)
    names = join_limited([shown(repo, one) for one in bad])
    number = sum(len(one.critical) for one in bad)
    return f"{names} {'fails' if len(bad) == 1 else 'fail'} {count(number, 'critical check')}"


def failures_text(checked: Sequence[CheckedData]) -> str:
    """The failed critical checks, each with what was expected and found."""
    bad = failed(checked)
    return join_limited(
        [result_text(result, one.path if len(bad) > 1 else "") for one in bad for result in one.critical]
    )


def result_text(result: RuleResult, path: str = "") -> str:
    """One failed check, such as `age max: expected at most 120; found: greatest value 451`."""
    where = " ".join(part for part in (path, result.column or "", result.rule) if part)
    return f"{where}: expected {result.expected}; found: {result.found}"


def shown(repo: Repository, data: CheckedData) -> str:
    """The path of checked data, relative to the current directory."""
    return repo.layout.shown(os.fsencode(data.path))


def data_fix(repo: Repository, checked: Sequence[CheckedData]) -> str:
    """The command that shows the results of the data that fails."""
    names = " ".join(quoted(shown(repo, one)) for one in failed(checked)[:3])
    return f"correct the data or its rules (`dver check data {names}` shows the results)"
