"""What a comparison of live data is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dver.core.display import Displayed
from dver.drift.settings import DriftSettings
from dver.monitoring.model_columns import ModelColumns
from dver.monitoring.window_rule import WindowRule


@dataclass(frozen=True, slots=True, repr=False)
class MonitorRequest(Displayed):
    """What live data is compared with, and how. `request_options` makes it from options, and refuses mistakes."""

    reference: str | None = None
    """`PATH` or `PATH@REV`. Either this or `model`."""
    model: str | None = None
    """`NAME`, `NAME@VERSION` or `NAME#STAGE`: the reference is its training data."""
    input: str | None = None
    """Which input of the model's stages, if there are several."""
    name: str | None = None
    """Of the monitor; by default that of the model or of the reference."""
    baseline: str | None = None
    """`PATH` or `PATH@REV` with predictions and targets, by default the reference."""
    labels: str | None = None
    """A file with the targets."""
    outputs: ModelColumns = field(default_factory=ModelColumns)
    time: str | None = None
    """The column with times."""
    at: str | None = None
    """The time of the live data, as a history has it."""
    rule: WindowRule | None = None
    """How rows are divided into windows; by default each argument is a window."""
    settings: DriftSettings = field(default_factory=DriftSettings)
    """Columns of times and keys are ignored."""
    only_worse: bool = False
    """Have metrics no limit to the better side?"""
    record: bool = True
    """Are the windows added to the history?"""

    @property
    def named_columns(self) -> Iterator[tuple[str, str]]:
        """The options that name columns, with each column. Not the target: labels arrive later."""
        outputs = self.outputs
        single = {"time": self.time, "key": outputs.key, "prediction": outputs.prediction, "score": outputs.score}
        yield from ((option, name) for option, name in single.items() if name is not None)
        yield from (("class-score", name) for _, name in outputs.class_scores)
        yield from (("ignore", name) for name in sorted(self.settings.ignored))
        for name, one in self.settings.columns.items():
            yield "threshold" if one.method is None else "method", name
