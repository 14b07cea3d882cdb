"""`dver monitor`: compare live data with a reference, and record the windows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dver.access.content_files import scratch_directory
from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.progress import SILENT, Progress
from dver.formats.monitor_history import MonitoredWindow
from dver.models.training_data import training_data
from dver.monitoring.column_names import refuse_misspelt_target, refuse_unknown_columns
from dver.monitoring.compared_windows import ComparedWindow, DriftedWindow, compared_window, find_drift
from dver.monitoring.git_reference import reference_profile
from dver.monitoring.history import checked_name, record_windows
from dver.monitoring.live_data import find_windows
from dver.monitoring.references import Reference, monitor_name, reference_at
from dver.monitoring.request import MonitorRequest
from dver.monitoring.window_performance import performance_of
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class MonitorResult(Displayed):
    """The windows of live data, in the order of their times."""

    name: str
    reference: str
    windows: tuple[ComparedWindow, ...]
    history: tuple[MonitoredWindow, ...]
    """All windows of the monitor, with these. Without `record`, only these."""
    notes: tuple[str, ...] = ()

    @property
    def alarm(self) -> bool:
        """Has one of these windows an alarm?"""
        return any(one.window.alarm for one in self.windows)


def monitor(
    repo: Repository, live: Sequence[str], request: MonitorRequest, *, cwd: Path, progress: Progress = SILENT
) -> MonitorResult:
    """Compare the files and directories `live`, typed in `cwd`, with the reference, and record the windows.

    Drift needs the profile of the reference alone, not its data. Nothing is recorded if an argument is wrong. Raises
    UsageError for arguments that do not fit, NoProfileError if neither the profile nor the data of the reference is
    here, and CorruptError for live data that cannot be read.
    """
    if not live:
        raise UsageError("no live data", fix="name a file or a directory: dver monitor LIVE --reference PATH")
    reference = _reference(repo, request, cwd)
    name = checked_name(request.name or reference.monitor_name)
    baseline = None if request.baseline is None else reference_at(repo, request.baseline, cwd)
    with scratch_directory(repo) as scratch:
        found = list(_drift(repo, live, request, reference, baseline, cwd, scratch, progress))
        sides = (reference.columns, baseline.columns if baseline else (), *(one.live.columns for one in found))
        known = frozenset().union(*sides)
        refuse_unknown_columns(request.named_columns, known)
        if request.labels is None:
            refuse_misspelt_target(request.outputs.target, known)
        windows = [one.live for one in found]
        measured = performance_of(repo, windows, request, baseline or reference, cwd=cwd, scratch=scratch)
    compared = [
        compared_window(one, part, reference, only_worse=request.only_worse)
        for one, part in zip(found, measured, strict=True)
    ]
    compared.sort(key=lambda one: (one.window.start, one.window.end))
    plain = [one.window for one in compared]
    dates_of_files = request.at is None and request.time is None
    history = record_windows(repo, name, plain, keep_times=dates_of_files) if request.record else tuple(plain)
    return MonitorResult(name, reference.label, tuple(compared), history)


def _reference(repo: Repository, request: MonitorRequest, cwd: Path) -> Reference:
    if request.reference is not None:
        return reference_at(repo, request.reference, cwd)
    assert request.model is not None, "a request has one of the two"
    path = None
    if request.input is not None:
        path = os.path.relpath(os.path.join(os.path.realpath(cwd), request.input), os.path.realpath(repo.git.worktree))
    data = training_data(repo, request.model, path=path)
    found = reference_profile(repo, data.path, cwd=repo.git.worktree, rev=data.commit)
    return Reference(f"{data.model}: {data.path}", found, monitor_name(data.model.partition("@")[0]))


def _drift(
    repo: Repository,
    live: Sequence[str],
    request: MonitorRequest,
    reference: Reference,
    baseline: Reference | None,
    cwd: Path,
    scratch: Path,
    progress: Progress,
) -> Iterator[DriftedWindow]:
    windows = find_windows(repo, live, request, cwd=cwd, scratch=scratch)
    with progress.task("monitor", total=None if request.rule else len(live), unit="") as task:
        for one in find_drift(windows, request, reference, baseline):
            yield one
            task.advance(1)
