"""The rows of a table of experiments: experiments, and the workspace and baselines to compare them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from dver.core.display import Displayed
from dver.formats.experiment import Experiment, Values
from dver.pipelines.definition.param_files import ABSENT


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ReferenceRow(Displayed):
    """The workspace or a baseline, with its values by file and dotted key."""

    name: str
    """`workspace`, or the branches and tags of a baseline, or the beginning of its id."""
    commit: str | None = None
    """The commit of a baseline; None for the workspace."""
    created: float = 0.0
    """The time of the commit in seconds since the epoch; 0 for the workspace."""
    message: str = ""
    """The subject of the commit."""
    params: Values = field(default_factory=dict)
    metrics: Values = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    """The oid of tracked data in hexadecimal digits, by path."""


TableRow: TypeAlias = Experiment | ReferenceRow
"""A row of a table. Both types have a name, a commit, a time, a message, parameters, metrics and data."""
Getter: TypeAlias = Callable[[TableRow], Any]
"""The value of a row, or ABSENT."""


def duration_of(row: TableRow) -> float | None:
    """The seconds from the start to the end of an experiment; None if one of them is unknown."""
    if not isinstance(row, Experiment) or row.started is None or row.ended is None:
        return None
    return row.ended - row.started


def _recorded(name: str) -> Getter:
    def get(row: TableRow) -> Any:
        return getattr(row, name) if isinstance(row, Experiment) else ABSENT

    return get


def _unless(nothing: Any, get: Getter) -> Getter:
    return lambda row: ABSENT if (found := get(row)) == nothing else found


FIELDS: Final[Mapping[str, Getter]] = {
    "name": lambda row: row.name,
    "status": lambda row: row.status.value if isinstance(row, Experiment) else ABSENT,
    "message": lambda row: row.message,
    "created": _unless(0.0, lambda row: row.created),
    "commit": _unless(None, lambda row: row.commit),
    "baseline": lambda row: row.baseline if isinstance(row, Experiment) else ABSENT,
    "duration": _unless(None, duration_of),
    "id": _recorded("id"),
    **{
        name: _unless(None, _recorded(name))
        for name in (
            "started", "ended", "host", "user", "sweep", "trial", "attempt", "pruned", "exit_code", "error",
        )
    },
}  # fmt: skip
"""What filters and orders can name besides parameters and metrics: the fields of a row. ABSENT if it has none."""
TIMES: Final = frozenset(("created", "started", "ended"))
"""The fields that are times."""
IDS: Final = frozenset(("id", "commit", "baseline"))
"""The fields that are ids, which can be shortened."""
