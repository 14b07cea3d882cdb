"""The parts of a pipeline file with variables substituted: stages, dependencies, outputs and plots.

Paths are text, relative to the directory of the `dver.yaml`, normalized, with `/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from dver.core.display import Displayed
from dver.core.errors import PipelineError
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.definition.metric_goals import MetricGoal
from dver.pipelines.definition.sweep import Sweep
from dver.pipelines.definition.yaml_tree import Mark, Node

if TYPE_CHECKING:
    from dver.pipelines.definition.monitor import MonitorDefinition
    from dver.pipelines.definition.retraining import RetrainingDefinition

PARAMS_FILE: Final = "params.yaml"
"""The default file of parameters and variables."""


def is_pattern(text: str) -> bool:
    """True if `text`, a path or the key of a parameter, can match several: it contains `*`, `?` or `[`."""
    return any(one in text for one in "*?[")


class OutputRole(Enum):
    """The list that an output belongs to."""

    OUT = "outs"
    METRICS = "metrics"
    PLOTS = "plots"


@dataclass(frozen=True, slots=True)
class PlotStyle:
    """The columns and labels of a plot. None leaves the choice to the reader of the file."""

    x: str | Mapping[str, str | tuple[str, ...]] | None = None
    """One column, or columns by file."""
    y: str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]] | None = None
    x_label: str | None = None
    y_label: str | None = None
    title: str | None = None
    template: str | None = None
    header: bool = True
    """True if the first line of a CSV or TSV file names the columns."""


DEFAULT_STYLE: Final = PlotStyle()


@dataclass(frozen=True, slots=True)
class Output:
    """A file or directory that a stage produces."""

    path: str
    role: OutputRole
    mark: Mark
    cache: bool = True
    """True if dver stores the output; otherwise Git tracks it."""
    persist: bool = False
    """True if the next run keeps the output instead of removing it first."""
    push: bool = True
    remote: str | None = None
    desc: str | None = None
    plots: tuple[PlotStyle, ...] = ()
    goals: tuple[MetricGoal, ...] = ()
    """Which metrics in the file to maximize and to minimize."""
    checks: Node | None = field(default=None, compare=False)
    """Rules for its data, which dver.checks reads."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A file or directory that a stage reads, or a pattern (`*`, `?`, `[…]`, `**`) of files."""

    path: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class ParamsDependency:
    """The parameters that a stage reads from a file: the given `keys` (`train.lr`), or all of them."""

    file: str
    keys: tuple[str, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources that a stage reserves while it runs; 0 if unspecified. `memory` is in bytes."""

    cpus: float = 0
    gpus: float = 0
    memory: int = 0


NO_RESOURCES: Final = Resources()


@dataclass(frozen=True, slots=True, repr=False)
class Stage(Displayed):
    """A command with its dependencies and outputs."""

    name: str
    cmd: str | tuple[str, ...]
    mark: Mark
    wdir: str = "."
    """The working directory of the command."""
    deps: tuple[Dependency, ...] = ()
    external: tuple[Dependency, ...] = ()
    """Dependencies outside of the repository: URLs and absolute paths."""
    params: tuple[ParamsDependency, ...] = ()
    modifies: tuple[str, ...] = ()
    """Dependencies that the command changes; they are recorded as they are after the run."""
    outs: tuple[Output, ...] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)
    """Environment variables that count as dependencies: the value to set, or None to inherit it."""
    resources: Resources = NO_RESOURCES
    retry: int = 0
    """The number of retries of a failed command."""
    timeout: float | None = None
    """The time limit of one attempt, in seconds."""
    frozen: bool = False
    always_changed: bool = False
    deterministic: bool = True
    tolerance: float | Mapping[str, float] = 0.0
    """The difference that a metric may have in another run: of all metrics, or by key."""
    desc: str | None = None
    meta: Any = None
    group: str | None = None
    """The name of the foreach or matrix that the stage belongs to."""
    refused: PipelineError | None = None
    """The reason why the stage cannot run, although others can: a path outside of the project."""

    @property
    def compares_nothing(self) -> bool:
        """True if the stage has no dependencies and no outputs to compare."""
        return not (self.has_inputs or self.outs)

    @property
    def has_inputs(self) -> bool:
        """True if the stage depends on anything but its command."""
        return bool(self.deps or self.external or self.params or self.env)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands in order."""
        return (self.cmd,) if isinstance(self.cmd, str) else self.cmd


@dataclass(frozen=True, slots=True)
class TopPlot:
    """A plot at the top level of a file: of a file or directory, or an id with its sources in `y`."""

    name: str
    plot: PlotStyle
    mark: Mark


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """The content of a `dver.yaml`."""

    stages: Mapping[str, Stage] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    """Parameter files besides those of stages, for `dver params`."""
    metrics: tuple[str, ...] = ()
    metric_goals: Mapping[str, tuple[MetricGoal, ...]] = field(default_factory=dict)
    """The goals of `metrics`, by file."""
    plots: tuple[TopPlot, ...] = ()
    sweeps: Mapping[str, Sweep] = field(default_factory=dict)
    artifacts: Mapping[str, ArtifactDefinition] = field(default_factory=dict)
    monitors: Mapping[str, MonitorDefinition] = field(default_factory=dict)
    retraining: Mapping[str, RetrainingDefinition] = field(default_factory=dict)
    """By the name of the artifact."""
