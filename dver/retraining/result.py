"""What retraining was asked for, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dver.core.display import Displayed
from dver.pipelines.definition.promotion_rule import PromotionVerdict


class RetrainingOutcome(Enum):
    """How a retraining ended."""

    NO_ALARM = "no alarm"
    """The monitor has no windows, its newest has no alarm, or a version was registered after it."""
    NO_NEW_DATA = "no new data"
    """The data is that of the latest version."""
    UNCHANGED = "unchanged"
    """The trained model is the latest version."""
    REJECTED = "rejected"
    """The rule was not fulfilled."""
    PROMOTED = "promoted"
    PROPOSED = "proposed"
    """A pull request asks for the decision of people."""


class RetrainingStep(Enum):
    """A part of a retraining. Each is finished once, however often the command is interrupted."""

    DATA = "data"
    TRAIN = "train"
    REGISTER = "register"
    COMPARE = "compare"
    PROMOTE = "promote"
    PROPOSE = "propose"


@dataclass(frozen=True, slots=True)
class RetrainingOptions:
    """What to do."""

    if_alert: bool = False
    """Only after an alarm of the monitor."""
    pull_request: bool = False
    """Open a pull request instead of promoting."""
    force: bool = False
    """Also without new data."""
    restart: bool = False
    """Forget an unfinished retraining."""
    jobs: int = 1
    pull: bool = False
    """Download missing data and cached runs."""
    push: bool = False
    """Push tags and data."""
    git_remote: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RetrainingResult(Displayed):
    """A finished retraining."""

    artifact: str
    outcome: RetrainingOutcome
    stage: str
    data: tuple[str, ...] = ()
    """The data with new content, relative to the top of the Git worktree."""
    experiment: str | None = None
    version: str | None = None
    """The new version."""
    before: str | None = None
    """The version in the stage before."""
    verdict: PromotionVerdict | None = None
    branch: str | None = None
    pull_request: str | None = None
    """Its URL."""
    resumed: bool = False
    """Whether an interrupted retraining was finished."""
    why: str | None = None
    """In a sentence, where nothing was trained or promoted."""
