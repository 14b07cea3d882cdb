"""Records of experiments, and the messages of journal entries that carry them (docs/format/experiment.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
MAX_SIZE: Final = 64 << 20
"""The largest size of a journal entry's message in bytes."""

_HEADER: Final = re.compile(rb"dver experiments (\d{1,9})\n\n")
_ID: Final = re.compile(r"[0-9a-f]{32}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LATEST: Final = 1e11
"""Times are before the year 5000, so that every program can show them."""


class ExperimentStatus(Enum):
    """How far an experiment got. Failed and stopped ones are kept like the others."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_final(self) -> bool:
        """Whether the experiment has ended."""
        return self not in (ExperimentStatus.QUEUED, ExperimentStatus.RUNNING)


Values = Mapping[str, Mapping[str, Any]]
"""Values by file (relative to the top of the Git worktree) and dotted key."""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Experiment(Displayed):
    """One experiment: a commit on top of its baseline, and what is known of its run."""

    id: str
    """32 hexadecimal digits, which no other experiment has."""
    name: str
    status: ExperimentStatus
    baseline: str
    """The commit that was checked out at the start."""
    commit: str
    """The commit with code, parameters and results. Until the run ends, the code and parameters at its start."""
    updated: int
    """The time of this record in nanoseconds since the epoch. Of several records, the last one counts."""
    message: str = ""
    params: Values = field(default_factory=dict)
    metrics: Values = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    """The oid of tracked data in hexadecimal digits, by path."""
    set: tuple[str, ...] = ()
    """The changed parameters as `FILE:KEY=VALUE`, in the order of the command line."""
    targets: tuple[str, ...] = ()
    """The stages to run, as the user named them. Empty for all."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """How workers of the queue run it: the directory, options of the run, and the commit to start from. Empty for an
    experiment that was never queued."""
    sweep: str = ""
    """The sweep that this experiment is a trial of."""
    trial: int | None = None
    """The number of the trial in its sweep, from 0."""
    created: float = 0.0
    """When it was queued or started, in seconds since the epoch."""
    started: float | None = None
    ended: float | None = None
    host: str = ""
    user: str = ""
    exit_code: int | None = None
    """0 for a success, the exit code of the command that failed, or of dver; None before the end."""
    error: str = ""
    """Why it failed or was stopped, in one line."""
    attempt: int = 1
    """1, and one more for each worker that died while it ran this experiment."""
    pruned: bool = False
    """Whether a sweep stopped it because of its metrics."""
    removed: bool = False


_STATUSES: Final = {one.value: one for one in ExperimentStatus}
_LISTS: Final = ("set", "targets")
_NAMES: Final = tuple(one.name for one in fields(Experiment))
EXPERIMENT_FIELDS: Final = frozenset(_NAMES)
"""The fields of a record."""
_REQUIRED: Final = ("id", "name", "status", "baseline", "commit", "updated")
_DEFAULTS: Final = Experiment(id="", name="", status=ExperimentStatus.DONE, baseline="", commit="", updated=0)


def is_tombstone(record: Experiment) -> bool:
    """Whether `record` is what a gc left of a removed experiment: all others say when it was created."""
    return record.removed and not record.created


def encode_entry(records: Iterable[Experiment]) -> bytes:
    """The message of a journal entry with `records`."""
    lines = [_encode(one) for one in records]
    return f"dver experiments {VERSION}\n\n".encode() + b"".join(line + b"\n" for line in lines)


def decode_entry(content: bytes) -> list[Experiment]:
    """The records of a journal entry's message, which anyone may have written.

    Raises CorruptError, NewerVersionError.
    """
    header = _HEADER.match(content)
    if header is None:
        raise CorruptError("a journal entry without a header", why="no version of dver wrote it")
    if (version := int(header[1])) > VERSION:
        raise NewerVersionError.of_format("experiments", version, VERSION)
    if len(content) > MAX_SIZE:
        raise CorruptError("a journal entry that is too large", why=f"{len(content):,} bytes; {MAX_SIZE:,} are read")
    records = [decode_record(line) for line in content[header.end() :].split(b"\n") if line]
    for one in records:
        _check(one)
    return records


def encode_record(record: Experiment) -> bytes:
    """One record as a line of JSON, without fields that have their default."""
    return _encode(record)


def decode_record(line: bytes) -> Experiment:
    """The record in a line of JSON that `encode_record` wrote. Raises CorruptError for other bytes."""
    try:
        found = json.loads(line)
        # Fields of later versions are ignored.
        known = {name: found[name] for name in found if name in _NAMES}
        known["status"] = ExperimentStatus(known["status"])
        known["set"], known["targets"] = tuple(known.get("set", ())), tuple(known.get("targets", ()))
        return Experiment(**known)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptError("an unreadable record of an experiment", why=str(error)) from error


def experiment_of(found: dict[str, Any]) -> Experiment:
    """The record with the JSON fields `found`, which were checked before. Changes `found`."""
    found["status"] = _STATUSES[found["status"]]
    for name in _LISTS:
        if name in found:
            found[name] = tuple(found[name])
    return Experiment(**found)


def _encode(record: Experiment) -> bytes:
    found = {name: value for name in _NAMES if (value := getattr(record, name)) != getattr(_DEFAULTS, name)}
    found |= {name: getattr(record, name) for name in _REQUIRED}
    found["status"] = record.status.value
    return json.dumps(found, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")


def _check(one: Experiment) -> None:
    """Raises CorruptError for a record whose fields have other types than those of its class."""
    texts = (one.id, one.name, one.baseline, one.commit, one.message, one.sweep, one.host, one.user, one.error)
    lists = (*one.set, *one.targets, *one.data, *(one.data.values() if isinstance(one.data, dict) else ()))
    is_good = (
        all(isinstance(text, str) for text in (*texts, *lists))
        and all(type(number) is int for number in (one.updated, one.attempt))
        and all(number is None or type(number) is int for number in (one.trial, one.exit_code))
        and all(type(flag) is bool for flag in (one.pruned, one.removed))
        and _is_time(one.created)
        and all(time is None or _is_time(time) for time in (one.started, one.ended))
        and isinstance(one.data, dict)
        and _are_values(one.params)
        and _are_values(one.metrics)
    )
    if not (is_good and _ID.fullmatch(one.id) and _COMMIT.fullmatch(one.baseline) and _COMMIT.fullmatch(one.commit)):
        raise CorruptError("an unreadable record of an experiment", why="a field has another type")


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LATEST


def _are_values(values: object) -> bool:
    return isinstance(values, dict) and all(isinstance(one, dict) for one in values.values())
