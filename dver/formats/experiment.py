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
_REQUIRED: Final = ("id", "name", "status", "baseline", "commit", "updated")


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


_NAMES: Final = tuple(one.name for one in fields(Experiment))
_DEFAULTS: Final = Experiment(id="", name="", status=ExperimentStatus.DONE, baseline="", commit="", updated=0)


def encode_entry(records: Iterable[Experiment]) -> bytes:
    """The message of a journal entry with `records`."""
    lines = [_encode(one) for one in records]
    return f"dver experiments {VERSION}\n\n".encode() + b"".join(line + b"\n" for line in lines)


def decode_entry(content: bytes) -> list[Experiment]:
    """The records of a journal entry's message. Raises CorruptError, NewerVersionError."""
    header = _HEADER.match(content)
    if header is None:
        raise CorruptError("a journal entry without a header", why="no version of dver wrote it")
    if (version := int(header[1])) > VERSION:
        raise NewerVersionError.of_format("experiments", version, VERSION)
    return [decode_record(line) for line in content[header.end() :].splitlines() if line]


def encode_record(record: Experiment) -> bytes:
    """One record as a line of JSON, without fields that have their default."""
    return _encode(record)


def decode_record(line: bytes) -> Experiment:
    """The record in a line of JSON. Raises CorruptError."""
    try:
        found = json.loads(line)
        return _checked(found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptError("an unreadable record of an experiment", why=str(error)) from error


def _encode(record: Experiment) -> bytes:
    found = {name: value for name in _NAMES if (value := getattr(record, name)) != getattr(_DEFAULTS, name)}
    found["status"] = record.status.value
    return json.dumps(found, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")


def _checked(found: dict[str, Any]) -> Experiment:
    """The record with the fields `found`. Fields of later versions are ignored."""
    known = {name: found[name] for name in found if name in _NAMES}
    for name in _REQUIRED:
        known[name]  # raises KeyError
    known["status"] = ExperimentStatus(known["status"])
    known["set"], known["targets"] = tuple(known.get("set", ())), tuple(known.get("targets", ()))
    if not (_ID.fullmatch(known["id"]) and _COMMIT.fullmatch(known["baseline"]) and _COMMIT.fullmatch(known["commit"])):
        raise ValueError("an id is malformed")
    return Experiment(**known)
