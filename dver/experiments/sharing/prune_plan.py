"""Which experiments `prune` removes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dver.core.errors import UsageError
from dver.experiments.table.columns import ColumnKind, Names, columns_of
from dver.formats.experiment import Experiment
from dver.pipelines.definition.param_files import is_number


@dataclass(frozen=True, slots=True)
class PruneRule:
    """The experiments to keep. Others are removed."""

    keep_best: int | None = None
    """The number of experiments to keep: those with the best values of `metric`."""
    metric: str | None = None
    """A metric, as `KEY` or `FILE:KEY`."""
    lowest: bool = False
    """Is a low value better?"""
    before: float | None = None
    """Keep those that were created at this time or later, in seconds since the epoch."""

    def check(self) -> None:
        """Raise UsageError for a rule that is incomplete."""
        if self.keep_best is None and self.before is None:
            raise UsageError(
                "nothing says which experiments to keep",
                fix="use --keep-best N --metric KEY, or --older-than 30d",
            )
        if (self.keep_best is None) != (self.metric is None):
            raise UsageError(
                "--keep-best and --metric belong together",
                why="the best experiments are those with the best values of a metric",
                fix="use both, such as --keep-best 10 --metric accuracy",
            )


def plan_prune(experiments: Sequence[Experiment], rule: PruneRule) -> list[Experiment]:
    """Those of `experiments` that `rule` removes, in the given order. Queued and running ones are kept.

    An experiment without a number for the metric is never among the best. Raises UsageError for an incomplete rule and
    an unknown metric.
    """
    rule.check()
    ended = [one for one in experiments if one.status.is_final]
    best = _best(ended, rule)
    return [one for one in ended if one.id not in best and (rule.before is None or one.created < rule.before)]


def _best(experiments: Sequence[Experiment], rule: PruneRule) -> frozenset[str]:
    """The ids of the best experiments."""
    if rule.metric is None or not experiments:
        return frozenset()
    names = Names([one for one in columns_of(experiments) if one.kind is ColumnKind.METRIC])
    if not names.columns:
        raise UsageError(
            f"no experiment has the metric {rule.metric!r}",
            why="no metrics are recorded",
            fix="declare `metrics:` in dver.yaml, or use --older-than alone",
        )
    column = names.column(rule.metric)
    found = [(value, one.id) for one in experiments if is_number(value := column.value(one)) and value == value]
    found.sort(key=lambda one: one[0], reverse=not rule.lowest)
    return frozenset(identifier for _, identifier in found[: rule.keep_best])
