"""The checks of the data of a version: of its inputs by lineage, and of its outputs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dver.checks.result import CheckedData
from dver.core.errors import DverError, MissingObjectError, PipelineError
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import Progress
from dver.formats.lock import LockedStage
from dver.gates.errors import FailedChecksError, data_fix, failed, failure_text, failures_text
from dver.gates.recorded_checks import recorded_checks
from dver.gates.suite_presence import may_have_checks, pipelines_may_have_checks
from dver.git.git_repo import CommitId
from dver.pipelines.engine.graph import Address
from dver.pipelines.lineage import output_places, upstream_stages
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.repo import Repository
from dver.tracking.targets import TrackedData, target_containing, tracked_below, tracked_in_commit


@dataclass(frozen=True, slots=True)
class VersionChecks:
    """The results for the data of a version."""

    checked: tuple[CheckedData, ...] = ()
    skipped: tuple[str, ...] = ()
    """Data that was recorded with `--no-checks`."""
    unknown: Mapping[str, DverError] = field(default_factory=dict)
    """Data that could not be checked, and why."""

    @property
    def recorded(self) -> dict[str, Any]:
        """What the tag of the version records."""
        return recorded_checks(self.checked, self.skipped, self.unknown)


def version_checks(
    repo: Repository, commit: CommitId, stages: Mapping[Address, LockedStage], path: str, progress: Progress
) -> VersionChecks:
    """Check the data of the artifact at `path` of `commit` by the rules of the workspace.

    `stages` are those of its lock files. Results that are known are used again. Raises PipelineError for mistakes in
    rules.
    """
    upstream = upstream_stages(stages, path)
    data = list(_data(tracked_in_commit(repo, commit), {path, *_places(upstream)}))
    if not (may_have_checks(repo, [one.path for one in data]) or pipelines_may_have_checks(repo, data)):
        return VersionChecks()
    from dver.gates.data_checks import DataGate  # with a YAML library
    from dver.gates.recorded_data import suites_of_data

    checks = DataGate(repo, progress)
    pipelines = pipelines_of_workspace(repo) if upstream else {}
    checked: list[CheckedData] = []
    unknown: dict[str, DverError] = {}
    named: list[TrackedData] = []
    for one in data:
        try:
            suites = suites_of_data(checks, one, pipelines)
            named += [one] if suites else []
            checked += checks.check_recorded(suites, one, commit)
        except PipelineError:
            raise
        except DverError as error:
            unknown[os.fsdecode(one.path)] = error
    checks.keep()
    skipped = tuple(os.fsdecode(one.path) for one in named if one.pointer.checks_skipped)
    return VersionChecks(tuple(checked), skipped, unknown)


def refuse_failed(repo: Repository, name: str, found: VersionChecks) -> None:
    """Raise FailedChecksError if a critical check of the version failed, or data could not be checked."""
    if failed(found.checked):
        raise FailedChecksError(
            f"{name!r} is not registered: {failure_text(repo, found.checked)}",
            why=failures_text(found.checked),
            fix=f"{data_fix(repo, found.checked)}, or register it without --require-checks",
            checked=found.checked,
        )
    if found.unknown:
        names = [repo.layout.shown(os.fsencode(one)) for one in found.unknown]
        error = next(iter(found.unknown.values()))
        is_missing = all(isinstance(one, MissingObjectError) for one in found.unknown.values())
        raise FailedChecksError(
            f"{name!r} is not registered: the checks of {join_limited(names)} could not be evaluated",
            why="; ".join(part for part in (error.what, error.why) if part),
            fix=f"dver fetch {' '.join(map(quoted, names))}" if is_missing else error.fix or "correct the data",
            checked=found.checked,
        )


def _places(stages: Mapping[Address, LockedStage]) -> Iterator[str]:
    yield from output_places(stages)
    for address, stage in stages.items():
        yield from (os.path.normpath(os.path.join(address.folder, item.path)) for item in stage.deps)


def _data(tracked: Mapping[bytes, TrackedData], places: Iterable[str]) -> Iterator[TrackedData]:
    """The tracked data at, above or below the places, each once."""
    found: dict[bytes, TrackedData] = {}
    for place in sorted(places):
        with suppress(UnicodeEncodeError):
            path = os.fsencode(place)
            target = target_containing(tracked, path)
            for one in [target.tracked] if target is not None else tracked_below(tracked, path):
                found.setdefault(one.path, one)
    yield from found.values()
