"""`dver monitor`: compare live data with a reference, and record the windows."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from dver.access.content_files import content_file, scratch_directory
from dver.core.display import Displayed
from dver.core.errors import MissingObjectError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.core.progress import SILENT, Progress
from dver.drift.settings import DriftSettings
from dver.formats.monitor_history import MonitoredWindow
from dver.formats.profile import Profile
from dver.formats.tree import Kind
from dver.models.training_data import training_data
from dver.monitoring.drifted_columns import WindowDrift, compare_profiles
from dver.monitoring.git_reference import git_content, reference_profile
from dver.monitoring.history import checked_name, record_windows
from dver.monitoring.live_data import LiveWindow, find_windows
from dver.monitoring.live_tables import new_directory, tables_at
from dver.monitoring.model_columns import ModelColumns
from dver.monitoring.performance import PerformanceBaseline, WindowPerformance, measure_performance
from dver.monitoring.request import MonitorRequest
from dver.monitoring.scored_rows import ONE_WINDOW, TableFile, open_scored
from dver.monitoring.window_rule import WindowRule, parse_time, time_text
from dver.profile_cache.profiles import Found
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class ComparedWindow(Displayed):
    """A window, and all that is known of its columns."""

    window: MonitoredWindow
    drift: WindowDrift


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


@dataclass(frozen=True, slots=True)
class _Reference:
    """The data that live data is compared with."""

    label: str
    found: Found
    default_name: str


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
    name = checked_name(request.name or reference.default_name)
    at = None if request.at is None else parse_time(request.at)
    rule = None if request.window is None else WindowRule.parse(request.window)
    baseline = None if request.baseline is None else _data_at(repo, request.baseline, cwd)
    ignored = {*request.settings.ignored, *filter(None, (request.time, request.outputs.key))}
    settings = replace(request.settings, ignored=frozenset(ignored))
    with (
        scratch_directory(repo) as scratch,
        progress.task("monitor", total=None if rule else len(live), unit="") as task,
    ):
        found: list[tuple[LiveWindow, WindowDrift]] = []
        known = {column.name for part in reference.found.profile.collections for column in part.columns}
        windows = find_windows(repo, live, rule, request.time, at, cwd=cwd, scratch=scratch)
        base = None if baseline is None else baseline[1].profile
        for one in windows:
            known |= one.columns
            drift = compare_profiles(reference.found.profile, one.profile, settings, request.outputs, base)
            found.append((replace(one, profile=Profile(())), drift))  # a profile may have megabytes
            task.advance(1)
        _refuse_unknown(settings, known)
        measured = _performance(repo, request, rule, [one for one, _ in found], baseline, reference, cwd, scratch)
    compared = [_compared(reference, one, drift, part) for (one, drift), part in zip(found, measured, strict=True)]
    compared.sort(key=lambda one: (one.window.start, one.window.end, one.window.id))
    plain = [one.window for one in compared]
    history = record_windows(repo, name, plain) if request.record else tuple(plain)
    return MonitorResult(name, reference.label, tuple(compared), history)


def _reference(repo: Repository, request: MonitorRequest, cwd: Path) -> _Reference:
    if (request.reference is None) == (request.model is None):
        raise UsageError(
            "give either --reference or --model",
            why="live data is compared with one reference",
            fix="--reference PATH[@REV], or --model NAME for the training data of a registered model",
        )
    if request.reference is not None:
        label, found = _data_at(repo, request.reference, cwd)
        return _Reference(label, found, _name_of(os.path.basename(label.partition("@")[0]).partition(".")[0]))
    assert request.model is not None
    path = None
    if request.input is not None:
        path = os.path.relpath(os.path.join(os.path.realpath(cwd), request.input), os.path.realpath(repo.git.worktree))
    data = training_data(repo, request.model, path=path)
    found = reference_profile(repo, data.path, cwd=repo.git.worktree, rev=data.commit)
    return _Reference(f"{data.model}: {data.path}", found, _name_of(data.model.partition("@")[0]))


def _data_at(repo: Repository, text: str, cwd: Path) -> tuple[str, Found]:
    """The profile of `PATH` or `PATH@REV`, and how a history names it."""
    path, rev = split_revision(text, cwd)
    found = reference_profile(repo, path, cwd=cwd, rev=rev)
    shown = os.fsdecode(os.path.relpath(found.path, os.fsencode(repo.layout.prefix) or b"."))
    return shown + (f"@{rev}" if rev else ""), found


def split_revision(text: str, cwd: Path) -> tuple[str, str | None]:
    """The path and the revision of `PATH@REV`. A path that exists may have an `@` in its name."""
    at = [found.start() for found in re.finditer("@", text)]
    if not at or os.path.lexists(cwd / text):
        return text, None
    split = next((one for one in reversed(at) if os.path.lexists(cwd / text[:one])), at[0])
    path, rev = text[:split], text[split + 1 :]
    if not path or not rev:
        raise UsageError(f"invalid reference {text!r}", why="expected PATH or PATH@REV", fix="such as data.csv@v1.0")
    return path, rev


def _name_of(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")[:100] or "monitor"


def _refuse_unknown(settings: DriftSettings, known: Collection[str]) -> None:
    for name in settings.columns:
        if name not in known:
            raise UsageError(
                f"no column is called {name!r}",
                why=f"the columns are {join_limited(sorted(known), 10)}",
                fix="name one of them",
            )


def _compared(
    reference: _Reference, live: LiveWindow, drift: WindowDrift, performance: WindowPerformance
) -> ComparedWindow:
    return ComparedWindow(
        MonitoredWindow(
            id=live.id,
            start=live.start,
            end=live.end,
            recorded=time_text(time.time()),
            rows=live.rows,
            reference=reference.label,
            columns=drift.columns,
            drifted=tuple(drift.drifted),
            metrics=performance.metrics,
            sources=live.sources,
            data=live.data,
            reference_data=reference.found.oid,
            labeled=performance.labeled,
            notes=(*drift.notes, *live.notes, *performance.notes),
        ),
        drift,
    )


# -- performance


def _performance(
    repo: Repository,
    request: MonitorRequest,
    rule: WindowRule | None,
    windows: Sequence[LiveWindow],
    baseline: tuple[str, Found] | None,
    reference: _Reference,
    cwd: Path,
    scratch: Path,
) -> list[WindowPerformance]:
    """The performance in each window; nothing if no output of the model was named."""
    outputs = request.outputs
    labels = None if request.labels is None else TableFile(cwd / request.labels, request.labels)
    if outputs.prediction is None and outputs.score is None:
        if request.labels is not None:
            raise UsageError(
                "labels need predictions", why="they are compared", fix="name their column: --prediction COLUMN"
            )
        return [WindowPerformance() for _ in windows]
    if labels is not None and not labels.path.is_file():
        raise UsageError(f"no file {request.labels!r}", why="it does not exist", fix="name a file with labels")
    if labels is not None and len(windows) > 1 and rule is None and outputs.key is None:
        raise UsageError(
            "labels of several files need a key",
            why="without one, the first label belongs to the first row of each file",
            fix="name a column that identifies rows: --key COLUMN",
        )
    with ExitStack() as stack:
        base = _open_baseline(repo, baseline[1] if baseline else reference.found, outputs, stack, scratch)
        groups = [list(range(len(windows)))] if rule is not None else [[at] for at in range(len(windows))]
        found: dict[int, WindowPerformance] = {}
        for group in groups:
            members = [windows[at] for at in group]
            sql = ONE_WINDOW if rule is None else rule.sql(request.time)
            measured = _measure(members, outputs, labels, sql, base, scratch)
            found.update(zip(group, measured, strict=True))
        return [found[at] for at in range(len(windows))]


def _measure(
    members: Sequence[LiveWindow],
    outputs: ModelColumns,
    labels: TableFile | None,
    sql: str,
    base: PerformanceBaseline,
    scratch: Path,
) -> list[WindowPerformance]:
    """The performance in windows that are parts of the same tables."""
    tables = members[0].tables
    if not tables:
        return [WindowPerformance(notes=["no performance: the live data is not a table"]) for _ in members]
    has_targets = labels is not None or outputs.target in members[0].columns
    columns = outputs if has_targets else replace(outputs, target=None)
    sizes = {one.number: one.rows for one in members}
    with (
        new_directory(scratch, "live") as folder,
        open_scored(tables, columns, folder, labels=labels, window=sql) as rows,
    ):
        found = measure_performance(rows, base, sizes, has_targets=has_targets)
    return [found[one.number] for one in members]


def _open_baseline(
    repo: Repository, found: Found, outputs: ModelColumns, stack: ExitStack, scratch: Path
) -> PerformanceBaseline:
    """The rows of the baseline. Without the data, or one of the columns, the reason."""
    shown = repo.layout.shown(found.path)
    known = {column.name for one in found.profile.collections for column in one.columns}
    missing = [
        one for one in (outputs.target, outputs.prediction, outputs.score) if one is not None and one not in known
    ]
    if outputs.target is None:
        return PerformanceBaseline(None, "no column with targets was named (--target COLUMN)")
    if missing:
        return PerformanceBaseline(
            None, f"{shown} has no column {join_limited(missing)}; name labelled predictions (--baseline PATH)"
        )
    try:
        tables = _files_of(repo, found, stack.enter_context(new_directory(scratch, "content")))
    except MissingObjectError as error:
        return PerformanceBaseline(None, f"the data of {shown} is not here" + (f"; {error.fix}" if error.fix else ""))
    folder = stack.enter_context(new_directory(scratch, "baseline"))
    return PerformanceBaseline(stack.enter_context(open_scored(tables, replace(outputs, key=None), folder)))


def _files_of(repo: Repository, found: Found, scratch: Path) -> tuple[TableFile, ...]:
    path = Path(os.fsdecode(repo.layout.absolute(found.path)))
    shown = repo.layout.shown(found.path)
    if found.rev is None and path.exists():
        return tables_at(path, shown)
    rev = found.rev or "HEAD"
    if found.entry.kind is Kind.DIRECTORY:
        raise MissingObjectError(shown, fix=f"check it out: dver checkout {quoted(rev)} {quoted(shown)}")
    name = path.name
    try:
        return (TableFile(content_file(repo, found.entry, found.path, rev, scratch / name), name),)
    except MissingObjectError:
        content = git_content(repo, found.path, rev)
        if content is None:
            raise
    (scratch / name).write_bytes(content)
    return (TableFile(scratch / name, name),)
