"""Refuses data that fails critical checks: each kind of command with its own way to override the checks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from dver.checks.result import CheckedData
from dver.core.phrasing import quoted
from dver.gates.errors import FailedChecksError, FailedOutputChecksError, data_fix, failed, failure_text, failures_text
from dver.pipelines.engine.graph import Address
from dver.repo import Repository
from dver.tracking.targets import is_at_or_below


def refuse_failed_paths(
    repo: Repository, checked: Sequence[CheckedData], paths: Iterable[bytes], *, override: str
) -> None:
    """Raise FailedChecksError if a critical check failed.

    `override` is a command, without those of the `paths` that it needs to override the checks that failed.
    """
    if bad := failed(checked):
        places = [os.fsencode(one.path) for one in bad]
        wanted = [one for one in paths if any(_overlap(one, place) for place in places)]
        names = " ".join(quoted(repo.layout.shown(one)) for one in wanted)
        fix = f"{data_fix(repo, checked)}, or override them: {override} {names}"
        _refuse(repo, checked, fix)


def refuse_failed_import(repo: Repository, checked: Sequence[CheckedData]) -> None:
    """Raise FailedChecksError if a critical check of imported data failed."""
    if failed(checked):
        source = "correct the data at its source, or its rules"
        _refuse(repo, checked, f"{source}; or, to override them, run the same command again with --no-checks")


def refuse_failed_stage(repo: Repository, checked: Sequence[CheckedData], address: Address) -> None:
    """Raise FailedOutputChecksError if a critical check of an output failed."""
    if failed(checked):
        override = f"dver commit --force --no-checks {quoted(str(address))}"
        raise FailedOutputChecksError(
            f"stage {str(address)!r}: {failure_text(repo, checked)}",
            why=f"{failures_text(checked)}; the outputs are left in the workspace, and dver.lock as it was",
            fix=f"{data_fix(repo, checked)}, or override them: {override}",
            checked=tuple(checked),
        )


def _refuse(repo: Repository, checked: Sequence[CheckedData], fix: str) -> None:
    raise FailedChecksError(failure_text(repo, checked), why=failures_text(checked), fix=fix, checked=tuple(checked))


def _overlap(one: bytes, other: bytes) -> bool:
    return is_at_or_below(one, other) or is_at_or_below(other, one)
