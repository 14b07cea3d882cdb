"""What a stage is: the definitions that `dver.yaml` comes down to, with all variables in their places.

Paths are text, relative to the folder of the `dver.yaml`, with `/` and without `.` and needless `..`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from dver.core.errors import PipelineError
from dver.pipelines.definition.yaml_tree import Mark

PARAMS_FILE: Final = "params.yaml"
"""Where parameters and variables are looked for unless another file is named."""


def is_pattern(text: str) -> bool:
    """True if `text`, a path or the key of a parameter, can match several: it contains `*`, `?` or `[`."""
    return any(one in text for one in "*?[")


class OutputRole(Enum):
    """What an output is for."""

    OUT = "outs"
    METRICS = "metrics"
    PLOTS = "plots"


@dataclass(frozen=True, slots=True)
class PlotStyle:
    """How a plot is drawn: which columns, under which names. What is None is up to the reader."""

    x: str | Mapping[str, str | tuple[str, ...]] | None = None
    """A column, or some for each file."""
    y: str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]] | None = None
    x_label: str | None = None
    y_label: str | None = None
    title: str | None = None
    template: str | None = None
    header: bool = True
    """Does the first line of a CSV or TSV name its columns?"""


@dataclass(frozen=True, slots=True)
class Output:
    """A file or directory that a stage makes."""

    path: str
    role: OutputRole
    mark: Mark
    cache: bool = True
    """Does dver store it? Otherwise it is left to Git."""
    persist: bool = False
    """Is it kept for the next run, instead of being removed before?"""
    push: bool = True
    remote: str | None = None
    desc: str | None = None
    plots: tuple[PlotStyle, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependency:
    """A file or directory that a stage reads, or a pattern (`*`, `?`, `[…]`, `**`) of files."""

    path: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class ParamsDependency:
    """Parameters that a stage reads from a file: those at `keys` (`train.lr`), or without any all of them."""

    file: str
    keys: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Resources:
    """What a stage takes of the machine while it runs; 0 where nothing is said. `memory` is in bytes."""

    cpus: float = 0
    gpus: float = 0
    memory: int = 0


NO_RESOURCES: Final = Resources()


@dataclass(frozen=True, slots=True)
class Stage:
    """One command with all that it reads and makes."""

    name: str
    cmd: str | tuple[str, ...]
    mark: Mark
    wdir: str = "."
    """Where the command runs."""
    deps: tuple[Dependency, ...] = ()
    params: tuple[ParamsDependency, ...] = ()
    modifies: tuple[str, ...] = ()
    """The paths of dependencies that the command itself changes: they are recorded as they are after the run."""
    outs: tuple[Output, ...] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)
    """Environment variables that count as dependencies: the value to be set, or None for the one that is set."""
    resources: Resources = NO_RESOURCES
    retry: int = 0
    """How often a command that failed is run again."""
    timeout: float | None = None
    """Seconds that one attempt may take."""
    frozen: bool = False
    always_changed: bool = False
    deterministic: bool = True
    tolerance: float | Mapping[str, float] = 0.0
    """By how much a metric may differ when the stage is run again: of each, or by its key."""
    desc: str | None = None
    meta: Any = None
    group: str | None = None
    """The name in `dver.yaml` of the foreach or matrix that made it."""
    refused: PipelineError | None = None
    """Why it cannot be run, though all other stages can: a path that is not in the project."""

    @property
    def compares_nothing(self) -> bool:
        """Has it neither inputs nor outputs that could tell whether it is up to date?"""
        return not (self.deps or self.params or self.env or self.outs)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands, one after the other."""
        return (self.cmd,) if isinstance(self.cmd, str) else self.cmd


@dataclass(frozen=True, slots=True)
class TopPlot:
    """A plot from the list `plots` at the top of a file: of a file or directory, or an id with its sources in `y`."""

    name: str
    plot: PlotStyle
    mark: Mark


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """What one `dver.yaml` says."""

    stages: Mapping[str, Stage] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    """Files of parameters that `dver params diff` shows besides those of stages."""
    metrics: tuple[str, ...] = ()
    plots: tuple[TopPlot, ...] = ()
