"""What a comparison of live data is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from dver.core.display import Displayed
from dver.drift.settings import DriftSettings
from dver.monitoring.model_columns import ModelColumns


@dataclass(frozen=True, slots=True, repr=False)
class MonitorRequest(Displayed):
    """What live data is compared with, and how."""

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
    """The time of the live data."""
    window: str | None = None
    """`hour`, `day`, `week`, `month`, or a number of rows; by default each argument is a window."""
    settings: DriftSettings = field(default_factory=DriftSettings)
    record: bool = True
    """Are the windows added to the history?"""
