"""Experiments as flat records, from which data frames are made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from dver.experiments.table.columns import ValueColumn
from dver.experiments.table.rows import duration_of
from dver.formats.experiment import Experiment
from dver.pipelines.definition.param_files import ABSENT

_FIELDS: Final = ("id", "baseline", "commit", "message", "host", "user", "sweep", "trial", "exit_code", "error")


def flat_records(experiments: Sequence[Experiment], columns: Sequence[ValueColumn]) -> list[dict[str, Any]]:
    """A dictionary for each experiment, all with the same keys: fields, and the titles of `columns`.

    Times are in UTC. Missing values are None.
    """
    values = [(one.title, one.values(experiments)) for one in columns]
    records = [_fields(one) for one in experiments]
    for title, found in values:
        for record, value in zip(records, found, strict=True):
            record[title] = None if value is ABSENT else value
    return records


def _fields(one: Experiment) -> dict[str, Any]:
    return {
        "name": one.name,
        "status": one.status.value,
        "created": _time(one.created),
        "started": _time(one.started),
        "ended": _time(one.ended),
        "duration": duration_of(one),
        **{name: getattr(one, name) for name in _FIELDS},
    }


def _time(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
