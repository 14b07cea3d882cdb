"""The history of a monitor: `dver.monitor/NAME.jsonl`, a line of JSON for each window (docs/format/monitoring.md).

Git merges two histories with its union driver: it keeps the lines of both sides. So decoding accepts lines in any
order, and of several lines for one window takes the one that was recorded last.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid

VERSION: Final = 1
MAX_SIZE: Final = 64 << 20
"""The largest history in bytes: 100,000 windows with some drifted columns each."""
COLUMNS_MAX: Final = 100
"""The most drifted columns of a window that a history lists."""
DIRECTORY: Final = "dver.monitor"
"""The directory of histories, at the top of a project."""
SUFFIX: Final = ".jsonl"
PATTERN: Final = f"**/{DIRECTORY}/*{SUFFIX}".encode()
"""The paths of histories in any project of a Git repository, for `:(glob)`."""
NAME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
"""Names of monitors: they are file names on each system, and safe in URLs."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_ID_MAX: Final = 200
_LOWER_IS_BETTER: Final = frozenset(("log_loss", "mae", "rmse"))
_OID: Final = re.compile(rb"blake3:([0-9a-f]{64})(?![0-9a-f])")


@dataclass(frozen=True, slots=True, repr=False)
class MonitoredColumn(Displayed):
    """A column that drifted in a window."""

    name: str
    kinds: tuple[str, ...]
    """What happened to it, such as `distribution` or `missing column` (dver.drift.result.DriftKind)."""
    role: str = ""
    """`prediction`, `score` or `target`; empty for an input of the model."""
    method: str = ""
    """How the distributions were compared; empty if they were not."""
    statistic: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    new_values: int = 0
    """How many values are new. The values are not kept, since the history is in Git."""


@dataclass(frozen=True, slots=True, repr=False)
class MonitoredMetric(Displayed):
    """A metric of the model's performance in a window."""

    name: str
    """Such as `accuracy` or `rmse`."""
    value: float
    lower: float | None = None
    """The metric is expected between `lower` and `upper`; None for no limit."""
    upper: float | None = None
    estimated: bool = False
    """Was it estimated from scores, without labels?"""

    @property
    def alarm(self) -> bool:
        """Is the value outside of its limits?"""
        return self._is_below or self._is_above

    @property
    def better(self) -> bool:
        """Is it an alarm because the value is better than expected?"""
        return self._is_below if self.name in _LOWER_IS_BETTER else self._is_above

    def without_better_limit(self) -> MonitoredMetric:
        """The metric with one limit: a better value is no alarm."""
        return replace(self, lower=None) if self.name in _LOWER_IS_BETTER else replace(self, upper=None)

    @property
    def _is_below(self) -> bool:
        return self.lower is not None and self.value < self.lower

    @property
    def _is_above(self) -> bool:
        return self.upper is not None and self.value > self.upper


@dataclass(frozen=True, slots=True, repr=False)
class MonitoredWindow(Displayed):
    """Live data of a time, compared with the reference."""

    id: str
    """What identifies the window in its monitor: the same live data again has the same id."""
    start: str
    """The time of the oldest data in UTC, such as `2026-11-30T00:00:00Z`."""
    end: str
    """The time of the newest data. Equal to `start` if only one time is known."""
    recorded: str
    """When dver compared it."""
    rows: int
    reference: str
    """Such as `data/train.csv` or `churn@v1.2.0: data/train.csv`."""
    columns: int = 0
    """The number of compared columns."""
    drifted: tuple[MonitoredColumn, ...] = ()
    more_drifted: int = 0
    """Drifted columns that are not in `drifted`: a history lists 100 of a window."""
    metrics: tuple[MonitoredMetric, ...] = ()
    sources: tuple[str, ...] = ()
    """The live files and directories, as they were named."""
    data: Oid | None = None
    """The content of the live data, by which its profile is found; None for a part of files."""
    reference_data: Oid | None = None
    """The content of the reference."""
    labeled: int | None = None
    """The rows with labels; None without labels."""
    notes: tuple[str, ...] = ()
    """What could not be computed, and why."""

    @property
    def data_name(self) -> str:
        """The name of the live file or directory `data`. Its suffix decides how it is read."""
        return os.path.basename(self.sources[0]) if self.data is not None and self.sources else ""

    @property
    def alarm(self) -> bool:
        """Did a column drift, or is a metric outside of its limits?"""
        return bool(self.drifted) or any(one.alarm for one in self.metrics)

    @property
    def drifted_count(self) -> int:
        """The number of columns that drifted."""
        return len(self.drifted) + self.more_drifted

    @property
    def alarms(self) -> tuple[str, ...]:
        """A line for each column that drifted, and for each metric outside of its limits."""
        columns = (f"{one.name}: {', '.join(one.kinds)}" for one in self.drifted)
        more = (f"{self.more_drifted:,} more columns",) if self.more_drifted else ()
        return (*columns, *more, *(alarm_text(one) for one in self.metrics if one.alarm))

    def with_fewer_columns(self) -> MonitoredWindow:
        """The window as a history has it: with a limited number of columns, those of the model's output first."""
        if len(self.drifted) <= COLUMNS_MAX:
            return self
        listed = tuple(sorted(self.drifted, key=lambda one: not one.role)[:COLUMNS_MAX])
        return replace(self, drifted=listed, more_drifted=self.drifted_count - COLUMNS_MAX)


def alarm_text(metric: MonitoredMetric) -> str:
    """A metric outside of its limits, such as `accuracy is 0.6, expected 0.70 to 0.79`."""
    state = f"{metric.name} {'is estimated as' if metric.estimated else 'is'} {metric.value:.4g}"
    limits = limits_text(metric)
    return f"{state}, better than expected ({limits})" if metric.better else f"{state}, expected {limits}"


def limits_text(metric: MonitoredMetric) -> str:
    """The limits of a metric, such as `0.70 to 0.79`; empty without limits."""
    low, high = (None if one is None else f"{one:.4g}" for one in (metric.lower, metric.upper))
    if low is None:
        return "" if high is None else f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def time_label(window: MonitoredWindow) -> str:
    """The time of a window, to the minute."""
    return window.start[:16].replace("T", " ").removesuffix(" 00:00")


def encode_history(windows: Iterable[MonitoredWindow]) -> bytes:
    """The bytes of a history: sorted by time, one line for each window."""
    return b"".join(_line(one) for one in sort_windows(windows))


def sort_windows(windows: Iterable[MonitoredWindow]) -> tuple[MonitoredWindow, ...]:
    """The windows by time. Of several with one id, the one that was recorded last."""
    latest: dict[str, MonitoredWindow] = {}
    for one in windows:
        known = latest.get(one.id)
        if known is None or (one.recorded, _line(one)) > (known.recorded, _line(known)):
            latest[one.id] = one
    return tuple(sorted(latest.values(), key=lambda one: (one.start, one.end, one.id)))


def is_history_path(path: bytes) -> bool:
    """Whether `path` in a Git repository has the name of a history."""
    directory, _, name = path.rpartition(b"/")
    return directory.rpartition(b"/")[2] == DIRECTORY.encode() and name.endswith(SUFFIX.encode())


def contents_in(content: bytes) -> frozenset[Oid]:
    """Every content that a history names, also one that is damaged or of a later version: a gc keeps them all."""
    return frozenset(Oid(bytes.fromhex(digits.decode())) for digits in _OID.findall(content))


def decode_history(content: bytes) -> tuple[MonitoredWindow, ...]:
    """Decode a history. Raises CorruptError with the line, and NewerVersionError for a format of a later dver."""
    if len(content) > MAX_SIZE:
        raise CorruptError(
            "a history that is too large",
            why=f"it has {len(content):,} bytes or more, and at most {MAX_SIZE:,} are read",
            fix="delete lines of old windows, or move them into another file of the directory: it is a history, too",
        )
    lines = content.split(b"\n")
    return sort_windows(_window_at(number, line) for number, line in enumerate(lines, 1) if line.strip())


def _window_at(number: int, line: bytes) -> MonitoredWindow:
    if line.startswith((b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")):
        raise CorruptError(
            f"line {number} of a monitor's history is a merge conflict",
            why="Git merged it without its union driver",
            fix="delete the lines with <<<<<<<, ======= and >>>>>>>: all others belong in the file",
        )
    try:
        said = json.loads(line)
        if not isinstance(said, dict) or type(said.get("version")) is not int or said["version"] < 1:
            raise _corrupt("it has no version")
        if said["version"] > VERSION:
            raise NewerVersionError.of_format("a monitor's history", said["version"], VERSION)
        return _window(said)
    except CorruptError as error:
        if isinstance(error, NewerVersionError):
            raise
        raise CorruptError(f"line {number} of a monitor's history is not valid", why=error.why) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise CorruptError(f"line {number} of a monitor's history cannot be read", why=str(error)[:200]) from error


def _window(said: dict[str, Any]) -> MonitoredWindow:
    known = {one.name for one in fields(MonitoredWindow)}
    if not set(said) - {"version"} <= known:
        raise _corrupt("it has keys that dver does not write")
    found = {key: value for key, value in said.items() if key != "version"}
    window = MonitoredWindow(
        **{
            **found,
            "drifted": tuple(_column(one) for one in _list(found.get("drifted", []))),
            "metrics": tuple(_metric(one) for one in _list(found.get("metrics", []))),
            "sources": tuple(map(_text, _list(found.get("sources", [])))),
            "notes": tuple(map(_text, _list(found.get("notes", [])))),
            "data": _oid(found.get("data")),
            "reference_data": _oid(found.get("reference_data")),
        }
    )
    for time in (window.start, window.end, window.recorded):
        if not _TIME.fullmatch(_text(time)):
            raise _corrupt("a time is not written as 2026-11-30T00:00:00Z")
    if not 0 < len(_text(window.id)) <= _ID_MAX or window.end < window.start:
        raise _corrupt("its id or its times are not valid")
    _text(window.reference)
    for number in (window.rows, window.columns, window.more_drifted, window.labeled or 0):
        _whole(number)
    return window


def _column(said: Mapping[str, Any]) -> MonitoredColumn:
    column = MonitoredColumn(**{**said, "kinds": tuple(map(_text, _list(said["kinds"])))})
    for text in (column.name, column.role, column.method):
        _text(text)
    for number in (column.statistic, column.threshold, column.p_value):
        _number(number)
    _whole(column.new_values)
    if not column.kinds:
        raise _corrupt("a column did not drift")
    return column


def _metric(said: Mapping[str, Any]) -> MonitoredMetric:
    metric = MonitoredMetric(**said)
    _text(metric.name)
    if type(metric.value) not in (int, float) or type(metric.estimated) is not bool:
        raise _corrupt("a metric has no value")
    for number in (metric.value, metric.lower, metric.upper):
        _number(number)
    return metric


def _line(one: MonitoredWindow) -> bytes:
    said = {**_without_defaults(one), "version": VERSION}
    for name in ("drifted", "metrics"):
        if name in said:
            said[name] = [_without_defaults(item) for item in said[name]]
    for name in ("data", "reference_data"):
        if name in said:
            said[name] = str(said[name])
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _without_defaults(one: Any) -> dict[str, Any]:
    said = {each.name: (getattr(one, each.name), each.default) for each in fields(one)}
    return {name: value for name, (value, default) in said.items() if value is not default and value != default}


def _list(said: Any) -> list[Any]:
    if type(said) is not list:
        raise _corrupt("a list is missing")
    return said


def _oid(said: Any) -> Oid | None:
    return None if said is None else Oid.parse(_text(said))


def _text(said: Any) -> str:
    if type(said) is not str:
        raise _corrupt("a text is missing")
    return said


def _whole(said: Any) -> None:
    if type(said) is not int or said < 0:
        raise _corrupt("a count is not a whole number")


def _number(said: Any) -> None:
    if said is not None and (type(said) not in (int, float) or not math.isfinite(said)):
        raise _corrupt("a number is not finite")


def _corrupt(why: str) -> CorruptError:
    return CorruptError("a window of a monitor's history is not valid", why=why)
