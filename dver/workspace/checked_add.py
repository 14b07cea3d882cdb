"""Adding data that may have checks: they run before anything is stored. `add` and the pre-commit hook share it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dver.core.errors import ConflictError
from dver.core.progress import Progress
from dver.core.worker_pool import WorkerPool
from dver.gates.suite_presence import may_have_checks
from dver.repo import Repository
from dver.tracking.targets import TrackedData
from dver.workspace.add import AS_BEFORE, AddedPointer, AddRequest, scan_requests, store_and_record

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How data is added."""

    checks: bool = True
    """Whether failed critical checks refuse the data."""
    update: bool = False
    """Whether only changed data is checked. Otherwise unchanged data is checked, too."""
    dry_run: bool = False
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class AddedData:
    """The pointers that were written, or with a dry run would be written."""

    added: list[AddedPointer]
    checked: tuple[CheckedData, ...] = ()
    skipped: tuple[bytes, ...] = ()
    """Data paths whose checks were skipped."""


def check_and_record(
    repo: Repository,
    tracked: Mapping[bytes, TrackedData],
    requests: Sequence[AddRequest],
    pool: WorkerPool,
    options: AddOptions,
    *,
    progress: Progress,
) -> AddedData:
    """Check the requested data, store it, and write its pointers. Call it within `repo.exclusive()`.

    Raises FailedChecksError if a critical check fails, before anything is stored or written.
    """
    if not may_have_checks(repo, [one.path for one in requests]):
        return AddedData(_add(repo, tracked, requests, pool, options, progress))
    from dver.gates.data_checks import DataGate  # with a YAML library
    from dver.gates.refusals import refuse_failed_paths

    planned = scan_requests(repo, tracked, requests, None, remote=options.remote, progress=progress).added
    checks = DataGate(repo, progress)
    suites = {data: checks.suites_of(data, paths) for data, paths in _to_check(requests, planned, options).items()}
    skipped = {data: not options.checks for data, found in suites.items() if found}
    checked: tuple[CheckedData, ...] = ()
    if options.checks:
        checked = checks.check([one for found in suites.values() for one in found])
        refuse_failed_paths(repo, checked, [one.path for one in requests], override="dver add --no-checks")
    for data in _only_in_part(requests) & skipped.keys():
        before = tracked[data].pointer.checks_skipped
        skipped[data] = skipped[data] or before  # of the rest of the directory
    added = _add(repo, tracked, requests, pool, options, progress, skipped, _verifier(planned))
    if not options.dry_run:
        checks.keep()
    return AddedData(added, checked, () if options.checks else tuple(skipped))


def _to_check(
    requests: Sequence[AddRequest], planned: Sequence[AddedPointer], options: AddOptions
) -> dict[bytes, list[bytes]]:
    """The requested paths by the data path of their pointer; with `update`, only of changed data."""
    found: dict[bytes, list[bytes]] = {}
    changed = {one.path for one in planned if one.before is None or not one.pointer.same_data(one.before)}
    for one in requests:
        data = one.path if one.target is None else one.target.tracked.path
        if data in changed or not options.update:
            found.setdefault(data, []).append(one.path)
    return found


def _only_in_part(requests: Sequence[AddRequest]) -> set[bytes]:
    """The data paths of which only a part is added."""
    parts = {one.target.tracked.path for one in requests if one.target is not None and one.target.inside}
    return parts - {one.path for one in requests}


def _verifier(planned: Sequence[AddedPointer]) -> Callable[[Sequence[AddedPointer]], None]:
    expected = {one.path: one.pointer for one in planned}

    def verify(added: Sequence[AddedPointer]) -> None:
        for one in added:
            if not one.pointer.same_data(expected[one.path]):
                raise ConflictError(
                    f"{os.fsdecode(one.path)!r} changed while it was checked",
                    why="another program writes to it",
                    fix="run the same command again when it is complete",
                )

    return verify


def _add(
    repo: Repository,
    tracked: Mapping[bytes, TrackedData],
    requests: Sequence[AddRequest],
    pool: WorkerPool,
    options: AddOptions,
    progress: Progress,
    skipped: Mapping[bytes, bool] = AS_BEFORE,
    verify: Callable[[Sequence[AddedPointer]], None] = lambda _: None,
) -> list[AddedPointer]:
    if options.dry_run:
        return scan_requests(
            repo, tracked, requests, None, remote=options.remote, progress=progress, skipped=skipped
        ).added
    return store_and_record(
        repo, tracked, requests, pool, remote=options.remote, progress=progress, skipped=skipped, verify=verify
    )
