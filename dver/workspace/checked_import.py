"""Checks of imported content that is stored and has no pointer yet. `import`, `import-url` and `update` share them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dver.core.progress import Progress
from dver.formats.pointer import Pointer
from dver.gates.suite_presence import may_have_checks
from dver.repo import Repository
from dver.tracking.targets import TrackedData

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


@dataclass(frozen=True, slots=True)
class CheckedImport:
    """Content that may be recorded."""

    pointer: Pointer
    """It says whether checks were skipped."""
    checked: tuple[CheckedData, ...] = ()
    keep: Callable[[], None] = lambda: None
    """Keeps profiles and results. Call it once the pointer is written."""


def check_import_content(
    repo: Repository, path: bytes, pointer: Pointer, *, enabled: bool, progress: Progress
) -> CheckedImport:
    """Check the stored content of `pointer`, which is to be written for `path`; if not `enabled`, note that it was not.

    Raises FailedChecksError if a critical check fails.
    """
    plain = replace(pointer, checks_skipped=False)
    if not may_have_checks(repo, [path]):
        return CheckedImport(plain)
    from dver.gates.data_checks import DataGate  # with a YAML library
    from dver.gates.refusals import refuse_failed_import

    gate = DataGate(repo, progress)
    data = TrackedData(path, plain, "")
    suites = gate.suites_of_recorded(data)
    if not enabled:
        return CheckedImport(replace(plain, checks_skipped=bool(suites)))
    checked = gate.check_recorded(suites, data)
    refuse_failed_import(repo, checked)
    return CheckedImport(plain, checked, gate.keep)


def has_checks(repo: Repository, path: bytes, files: Iterable[bytes]) -> bool:
    """Whether rules name the data at `path`, or one of its `files`."""
    if not may_have_checks(repo, [path]):
        return False
    from dver.gates.data_checks import DataGate  # with a YAML library

    return bool(DataGate(repo).suites_of(path, files=files))
