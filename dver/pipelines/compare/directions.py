"""Whether higher or lower values of a metric are better: as `dver.yaml` says, or by the name of the metric."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import DverError
from dver.pipelines.compare.compared_versions import Side
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.metric_goals import Direction, MetricGoal
from dver.pipelines.definition.stage import PipelineFile
from dver.repo.layout import Layout


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HIGHER: Final = _words(
    "acc accuracy ap auc aucpr auprc auroc bleu dice f1 f2 fbeta gini iou jaccard kappa map mcc meteor miou mrr ndcg "
    "pearson precision psnr r2 recall rocauc rouge score sensitivity spearman specificity ssim throughput tnr tpr"
)
_LOWER: Final = _words(
    "aic bic brier cer crossentropy deviance eer err error errors fid fnr fpr latency logloss loss losses mae mape "
    "merror mlogloss mse msle nll perplexity ppl rmse rmsle smape ter wape wer"
)
_PHRASES: Final = (("cross", "entropy"), ("false", "positive"), ("false", "negative"))
"""Two words that mean a metric to minimize."""
_NEUTRAL: Final = _words("count epoch n num std stddev step steps support threshold var variance weight")
"""Last words of numbers about a metric that are not better or worse themselves."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")


class Verdict(Enum):
    """What a change of a metric means."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"


@dataclass(frozen=True, slots=True, repr=False)
class MetricDirections(Displayed):
    """The directions that the `dver.yaml` files of a version name."""

    goals: Mapping[str, tuple[MetricGoal, ...]] = field(default_factory=dict)
    """By metrics file or directory, as the user would type its name."""

    def of(self, file: str, key: str) -> Direction | None:
        """The direction of a key in a metrics file: a named one, or one that its name implies; None if unknown."""
        place = file
        while place:
            found = _matching(self.goals.get(place, ()), key)
            if found is not None:
                return found
            place = posixpath.dirname(place)
        return better_direction(key)


def directions_of(layout: Layout, side: Side) -> MetricDirections:
    """The directions of metrics outputs, of the metrics at the top level, and of sweeps. Skips unreadable files."""
    goals: dict[str, tuple[MetricGoal, ...]] = {}
    for folder, file in side.pipelines.items():
        if isinstance(file, DverError):
            continue
        for path, found in _goals(file):
            name = layout.shown(os.fsencode(posixpath.normpath(posixpath.join(folder, path))))
            goals[name] = goals.get(name, ()) + found
    return MetricDirections(goals)


def _goals(file: PipelineFile) -> Iterator[tuple[str, tuple[MetricGoal, ...]]]:
    for stage in file.stages.values():
        yield from ((out.path, out.goals) for out in stage.outs if out.goals)
    yield from file.metric_goals.items()
    for sweep in file.sweeps.values():
        if sweep.metric is not None:
            direction = Direction.MAXIMIZE if sweep.metric.maximize else Direction.MINIMIZE
            yield sweep.metric.path, (MetricGoal(sweep.metric.key, direction),)


def _matching(goals: tuple[MetricGoal, ...], key: str) -> Direction | None:
    exact = (goal.direction for goal in goals if goal.pattern == key)
    by_pattern = (goal.direction for goal in goals if fnmatchcase(key, goal.pattern))
    return next(exact, None) or next(by_pattern, None)


def better_direction(key: str) -> Direction | None:
    """The direction that a well-known name implies, such as `valid.f1` or `testLoss`. The last part of `key` counts
    most."""
    for part in reversed(key.split(".")):
        words = [one.lower() for one in _WORD.findall(part.replace("mAP", "map"))]
        if words and words[-1] in _NEUTRAL:
            return None
        known = {*words, *(one.rstrip("0123456789") for one in words)}  # map50 is a map
        if not _LOWER.isdisjoint(known) or any(pair in _PHRASES for pair in pairwise(words)):
            return Direction.MAXIMIZE if words[0] in ("neg", "negative") else Direction.MINIMIZE
        if not _HIGHER.isdisjoint(known):
            return Direction.MAXIMIZE
    return None


def judge(direction: Direction | None, change: ValueChange) -> Verdict | None:
    """Whether a changed number is better or worse; None if that is unknown."""
    difference = change.difference
    if difference is None or difference != difference:  # NaN
        return None
    if not difference:
        return Verdict.SAME
    if direction is None:
        return None
    return Verdict.BETTER if (difference > 0) is (direction is Direction.MAXIMIZE) else Verdict.WORSE
