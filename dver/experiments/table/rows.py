"""The rows of a table of experiments: the workspace, baselines, and experiments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from dver.core.display import Displayed
from dver.formats.experiment import Experiment, Values
from dver.pipelines.definition.param_files import ABSENT


class RowKind(Enum):
    """What a row of a table of experiments stands for."""

    WORKSPACE = "workspace"
    BASELINE = "baseline"
    EXPERIMENT = "experiment"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ExperimentRow(Displayed):
    """The workspace, a baseline or an experiment, with its values by file and dotted key."""

    kind: RowKind
    name: str
    """The name of an experiment. For a baseline, its branches and tags, or its commit."""
    commit: str | None = None
    """The commit; None for the workspace."""
    status: str = ""
    """The status of an experiment at this moment; empty for other rows."""
    created: float | None = None
    """When the experiment was created, or the baseline committed, in seconds since the epoch."""
    message: str = ""
    """The message of the experiment, or the subject of the baseline."""
    params: Values = field(default_factory=dict)
    metrics: Values = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    """The oid of tracked data in hexadecimal digits, by path."""
    experiment: Experiment | None = None

    @property
    def baseline(self) -> str | None:
        """The commit of the baseline; None for the workspace."""
        return self.commit if self.experiment is None else self.experiment.baseline


def row_of(experiment: Experiment, *, status: str | None = None, metrics: Values | None = None) -> ExperimentRow:
    """The row of an experiment. `status` and `metrics` replace those of the record, for experiments that run."""
    return ExperimentRow(
        kind=RowKind.EXPERIMENT,
        name=experiment.name,
        commit=experiment.commit,
        status=status or experiment.status.value,
        created=experiment.created or None,
        message=experiment.message,
        params=experiment.params,
        metrics=metrics or experiment.metrics,
        data=experiment.data,
        experiment=experiment,
    )


def duration_of(row: ExperimentRow) -> float | None:
    """The seconds from the start to the end of an experiment; None if one of them is unknown."""
    one = row.experiment
    return None if one is None or one.started is None or one.ended is None else one.ended - one.started


def _recorded(name: str) -> Callable[[ExperimentRow], Any]:
    def get(row: ExperimentRow) -> Any:
        return ABSENT if row.experiment is None or (found := getattr(row.experiment, name)) is None else found

    return get


def _optional(get: Callable[[ExperimentRow], Any]) -> Callable[[ExperimentRow], Any]:
    return lambda row: ABSENT if (found := get(row)) is None else found


FIELDS: Final[Mapping[str, Callable[[ExperimentRow], Any]]] = {
    "name": lambda row: row.name,
    "status": lambda row: row.status,
    "message": lambda row: row.message,
    "created": _optional(lambda row: row.created),
    "commit": _optional(lambda row: row.commit),
    "baseline": _optional(lambda row: row.baseline),
    "duration": _optional(duration_of),
    **{
        name: _recorded(name)
        for name in (
            "id", "started", "ended", "host", "user", "sweep", "trial", "attempt", "pruned", "exit_code", "error",
        )
    },
}  # fmt: skip
"""What filters and orders can name besides parameters and metrics: the fields of a row. ABSENT if it has none."""
TIMES: Final = frozenset(("created", "started", "ended"))
"""The fields that are times."""
IDS: Final = frozenset(("id", "commit", "baseline"))
"""The fields that are ids, which can be shortened."""
