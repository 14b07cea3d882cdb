"""A model card as data. Everything in it may be published: secrets and absolute paths are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dver.core.display import Displayed
from dver.core.oid import Oid
from dver.git.git_repo import CommitId
from dver.pipelines.compare.directions import Verdict
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.metric_goals import Direction
from dver.pipelines.definition.param_files import ABSENT


@dataclass(frozen=True, slots=True, repr=False)
class CardValue(Displayed):
    """A metric or a parameter."""

    file: str
    key: str
    value: Any
    previous: Any = ABSENT
    """The value in the version before."""
    difference: float | None = None
    """The number minus the previous one."""
    direction: Direction | None = None
    """Of a metric: which direction is better. None if that is unknown."""
    verdict: Verdict | None = None

    @property
    def differs(self) -> bool:
        """Whether the version before had another value."""
        return self.previous is not ABSENT and ValueChange(self.key, self.previous, self.value).differs


@dataclass(frozen=True, slots=True, repr=False)
class CardData(Displayed):
    """Data or code that the model was made from, as dver and Git track it."""

    path: str
    """Relative to the top of the Git repository; or a URL."""
    content: Oid | None
    size: int | None
    files: int | None
    tracked_by: str
    """`dver`, `git`, or `outside` for content at a URL or on another disk."""
    source: str | None = None
    """Of an import: where the data came from."""
    was_used_before: bool = False
    """Whether the version before was made from it, too."""
    previous: Oid | None = None
    """Its content in the version before."""


@dataclass(frozen=True, slots=True, repr=False)
class CardStep(Displayed):
    """A stage that took part in making the model."""

    stage: str
    commands: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    variables: tuple[str, ...] = ()
    """The names of the environment variables that it depends on."""
    started: float | None = None
    """Unix seconds; None if this clone has no record of the run."""
    seconds: float | None = None
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class CardEnvironment(Displayed):
    """The environment of the stage that made the model."""

    python: str | None
    platform: str | None
    gpus: tuple[str, ...]
    requirements: Mapping[str, str]
    """The versions of the packages that the sources of the stage import; of all packages if those are unknown."""
    packages: Mapping[str, str]
    """The versions of all packages."""


@dataclass(frozen=True, slots=True, repr=False)
class ModelCard(Displayed):
    """What is known about a version of a model or dataset."""

    name: str
    version: str
    commit: CommitId
    path: str | None
    """Relative to the top of the Git repository; None if neither `dver.yaml` nor the tag names it."""
    time: int | None = None
    """When it was registered, in Unix seconds; None for a commit without a version."""
    author: str | None = None
    """The name in the tag."""
    message: str = ""
    """Of the registration."""
    stages: tuple[str, ...] = ()
    deprecated: bool = False
    type: str | None = None
    desc: str | None = None
    labels: tuple[str, ...] = ()
    meta: Any = None
    content: Oid | None = None
    size: int | None = None
    experiment: str | None = None
    compared_with: str | None = None
    """The version before, in the stage or in the order of versions."""
    metrics: tuple[CardValue, ...] = ()
    params: tuple[CardValue, ...] = ()
    data: tuple[CardData, ...] = ()
    steps: tuple[CardStep, ...] = ()
    """The most upstream last."""
    environment: CardEnvironment | None = None
    checks: Mapping[str, Any] = field(default_factory=dict)
    """Results of data checks in the tag."""
    problems: tuple[str, ...] = ()
    """What could not be read, and why."""
