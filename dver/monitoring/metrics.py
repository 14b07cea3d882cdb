"""Metrics of a model's performance, each computed by DuckDB for all windows at once.

`by` is SQL for the group of a row: `win` for windows, `row // 1000` for parts of the reference. A metric that has no
value in a group, such as the precision without a predicted positive, is missing there. Those of a regression may be
infinite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from dver.monitoring.model_columns import ModelOutput, ModelTask
from dver.monitoring.scored_rows import ScoredRows
from dver.tables.engine import quoted_text

GroupMetrics: TypeAlias = dict[int, dict[str, float]]
"""Metrics by group, then by name."""
BY_WINDOW: Final = "win"
RANGES: Final[Mapping[str, tuple[float, float | None]]] = {
    "accuracy": (0, 1),
    "precision": (0, 1),
    "recall": (0, 1),
    "f1": (0, 1),
    "roc_auc": (0, 1),
    "log_loss": (0, None),
    "mae": (0, None),
    "rmse": (0, None),
    "r2": (float("-inf"), 1),
}
"""The metrics, in the order of reports, with their smallest and largest values."""
_SMALLEST: Final = "2.220446049250313e-16"
"""Scores of 0 and 1 are cut to this distance, as scikit-learn does, since the logarithm of 0 is infinite."""
_SUM_ERROR: Final = 0.001
"""The probabilities of all classes add up to 1, within this."""

_SQUARED_MAX: Final = "1e150"
"""The squares of smaller numbers are finite, and so are their sums. DuckDB 1 fails at an infinite variance."""
_ROUNDING: Final = 1e-6
"""A probability may be outside of 0 to 1 by this: 32-bit numbers are rounded."""


def realized_metrics(rows: ScoredRows, output: ModelOutput, by: str = BY_WINDOW) -> GroupMetrics:
    """The metrics of rows with targets."""
    match output.task:
        case ModelTask.REGRESSION:
            return _regression(rows, by)
        case ModelTask.MULTICLASS:
            return _multiclass(rows, output, by)
    assert output.positive is not None
    positive = quoted_text(output.positive)
    found = _confusion(rows, by, f"CAST(y = {positive} AS DOUBLE)", f"p = {positive}", "y IS NOT NULL")
    _join(found, _areas(rows, by, f"CAST(y = {positive} AS DOUBLE)", "y IS NOT NULL"))
    _join(found, _log_losses(rows, by, positive))
    return found


def estimated_metrics(rows: ScoredRows, output: ModelOutput, by: str = BY_WINDOW) -> GroupMetrics:
    """The metrics of a classifier that its calibrated scores predict, without targets.

    Confidence-based performance estimation (CBPE): a row with the score 0.8 is 0.8 of a positive and 0.2 of a negative
    (https://nannyml.readthedocs.io/en/stable/how_it_works/performance_estimation.html).
    """
    if output.task is ModelTask.MULTICLASS:
        found = _estimated_multiclass(rows, output, by)
        _join(found, _mean_areas(rows, by, {one: one for one in output.score_columns.values()}))
        return found
    assert output.positive is not None
    found = _confusion(rows, by, "s", f"p = {quoted_text(output.positive)}", "s IS NOT NULL")
    _join(found, _areas(rows, by, "s", "s IS NOT NULL"))
    return found


def groups_without_probabilities(rows: ScoredRows, output: ModelOutput, by: str = BY_WINDOW) -> frozenset[int]:
    """The groups with a score that is no probability."""
    columns = output.score_columns.values()
    outside = " OR ".join(f"{one} NOT BETWEEN {-_ROUNDING} AND {1 + _ROUNDING}" for one in columns)
    return frozenset(int(group) for (group,) in rows.rows(f"SELECT DISTINCT {by} FROM {rows.table} WHERE {outside}"))


def _confusion(rows: ScoredRows, by: str, is_positive: str, predicted: str, known: str) -> GroupMetrics:
    """Metrics of the confusion matrix. `is_positive` is how much a row is positive: from 0 to 1."""
    found: GroupMetrics = {}
    for group, *matrix in rows.rows(
        f"SELECT {by} AS g, sum({is_positive}) FILTER ({predicted}), sum(1 - {is_positive}) FILTER ({predicted}), "
        f"sum({is_positive}) FILTER (NOT ({predicted})), sum(1 - {is_positive}) FILTER (NOT ({predicted})) "
        f"FROM {rows.table} WHERE {known} AND p IS NOT NULL GROUP BY g"
    ):
        tp, fp, fn, tn = (float(one or 0) for one in matrix)
        found[int(group)] = _defined(
            accuracy=(tp + tn, tp + fp + fn + tn),
            precision=(tp, tp + fp),
            recall=(tp, tp + fn),
            f1=(2 * tp, 2 * tp + fp + fn),
        )
    return found


def _areas(rows: ScoredRows, by: str, is_positive: str, known: str, score: str = "s") -> GroupMetrics:
    """The area under the ROC curve: the share of pairs of a positive and a negative in which the positive has the
    higher score, where equal scores count half. Sorted by DuckDB, which spills."""
    found = rows.rows(
        "SELECT g, sum(pos * (below + neg / 2)) AS pairs, sum(pos) AS positives, sum(neg) AS negatives FROM ("
        f"SELECT g, pos, neg, coalesce(sum(neg) OVER (PARTITION BY g ORDER BY {score} "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS below FROM ("
        f"SELECT {by} AS g, {score}, sum({is_positive}) AS pos, sum(1 - {is_positive}) AS neg FROM {rows.table} "
        f"WHERE {known} AND {score} IS NOT NULL GROUP BY g, {score})) GROUP BY g"
    )
    return {
        int(group): _defined(roc_auc=(pairs, positives * negatives)) for group, pairs, positives, negatives in found
    }


def _log_losses(rows: ScoredRows, by: str, positive: str) -> GroupMetrics:
    """Only where all scores are probabilities."""
    found = rows.rows(
        f"SELECT {by} AS g, -avg(ln(greatest(CASE WHEN y = {positive} THEN s ELSE 1 - s END, {_SMALLEST}))) "
        f"FROM {rows.table} WHERE y IS NOT NULL AND s IS NOT NULL GROUP BY g HAVING min(s) >= 0 AND max(s) <= 1"
    )
    return {int(group): {"log_loss": float(loss)} for group, loss in found}


def _regression(rows: ScoredRows, by: str) -> GroupMetrics:
    """Infinite or NaN, if numbers are too large."""
    found: GroupMetrics = {}
    spread_sql = (
        f"CASE WHEN max(abs(t)) < {_SQUARED_MAX} THEN var_pop(t) FILTER (abs(t) < {_SQUARED_MAX}) ELSE 'nan' END"
    )
    for group, mae, square, spread in rows.rows(
        f"SELECT {by} AS g, avg(abs(d)), avg(d * d), {spread_sql} FROM (SELECT *, t - q AS d FROM "
        f"(SELECT row, win, TRY_CAST(y AS DOUBLE) AS t, TRY_CAST(p AS DOUBLE) AS q FROM {rows.table}) "
        "WHERE isfinite(t) AND isfinite(q)) GROUP BY g"
    ):
        found[int(group)] = {"mae": float(mae), "rmse": float(square) ** 0.5}
        if spread:
            found[int(group)]["r2"] = 1 - float(square) / float(spread)
    return found


def _multiclass(rows: ScoredRows, output: ModelOutput, by: str) -> GroupMetrics:
    """Precision, recall, F1 and the area under the ROC curve are means over the classes."""
    pairs: dict[int, dict[tuple[str, str], int]] = defaultdict(dict)
    for group, target, prediction, number in rows.rows(
        f"SELECT {by} AS g, y, p, count(*) FROM {rows.table} WHERE y IS NOT NULL AND p IS NOT NULL GROUP BY g, y, p"
    ):
        pairs[int(group)][target, prediction] = int(number)
    found = {group: _of_classes(counts) for group, counts in pairs.items()}
    if output.class_columns:
        is_class = {column: f"CAST(y = {quoted_text(one)} AS DOUBLE)" for one, column in output.score_columns.items()}
        _join(found, _mean_areas(rows, by, is_class))
        _join(found, _class_log_losses(rows, output, by))
    return found


def _of_classes(counts: Mapping[tuple[str, str], int]) -> dict[str, float]:
    classes = {one for pair in counts for one in pair}
    targets: dict[str, int] = defaultdict(int)
    predictions: dict[str, int] = defaultdict(int)
    for (target, prediction), number in counts.items():
        targets[target] += number
        predictions[prediction] += number
    right = {one: counts.get((one, one), 0) for one in classes}
    total = sum(counts.values())
    return {
        "accuracy": sum(right.values()) / total,
        "precision": sum(right[one] / max(predictions[one], 1) for one in classes) / len(classes),
        "recall": sum(right[one] / max(targets[one], 1) for one in classes) / len(classes),
        "f1": sum(2 * right[one] / (predictions[one] + targets[one]) for one in classes) / len(classes),
    }


def _estimated_multiclass(rows: ScoredRows, output: ModelOutput, by: str) -> GroupMetrics:
    """A row is as much of each class as its score says. Means over the classes; a class that is never predicted has the
    precision 0, as in scikit-learn."""
    found: GroupMetrics = {}
    sums = ", ".join(
        f"sum({column}) FILTER (p = {text}), count(*) FILTER (p = {text}), sum({column})"
        for text, column in ((quoted_text(one), column) for one, column in output.score_columns.items())
    )
    for group, total, *by_class in rows.rows(
        f"SELECT {by} AS g, count(*), {sums} FROM {rows.table} WHERE p IS NOT NULL AND {_all_scores(output)} GROUP BY g"
    ):
        cells = [float(one or 0) for one in by_class]
        classes = list(zip(cells[::3], cells[1::3], cells[2::3], strict=True))
        found[int(group)] = {
            "accuracy": sum(right for right, _, _ in classes) / total,
            "precision": _mean([right / predicted if predicted else 0.0 for right, predicted, _ in classes]),
            "recall": _mean([right / there if there else 0.0 for right, _, there in classes]),
            "f1": _mean(
                [2 * right / (predicted + there) if predicted + there else 0.0 for right, predicted, there in classes]
            ),
        }
    return found


def _mean_areas(rows: ScoredRows, by: str, is_class: Mapping[str, str]) -> GroupMetrics:
    """The mean area under the ROC curve of each class against the others, in groups that have all classes.

    `is_class` says how much a row is of a class, by the column with the scores of the class.
    """
    areas: dict[int, list[float]] = defaultdict(list)
    for column, amount in is_class.items():
        for group, found in _areas(rows, by, amount, f"{amount} IS NOT NULL", column).items():
            areas[group].extend(found.values())
    return {group: {"roc_auc": _mean(found)} for group, found in areas.items() if len(found) == len(is_class)}


def _class_log_losses(rows: ScoredRows, output: ModelOutput, by: str) -> GroupMetrics:
    """Only where the scores of each row are probabilities of which one comes true."""
    of_target = " ".join(f"WHEN {quoted_text(one)} THEN {column}" for one, column in output.score_columns.items())
    columns = output.score_columns.values()
    found = rows.rows(
        f"SELECT {by} AS g, -avg(ln(greatest(CASE y {of_target} END, {_SMALLEST}))) FROM {rows.table} "
        f"WHERE y IS NOT NULL AND {_all_scores(output)} GROUP BY g "
        f"HAVING min(least({', '.join(columns)})) >= 0 AND max(abs({' + '.join(columns)} - 1)) < {_SUM_ERROR}"
    )
    return {int(group): {"log_loss": float(loss)} for group, loss in found}


def _all_scores(output: ModelOutput) -> str:
    return " AND ".join(f"{one} IS NOT NULL" for one in output.score_columns.values())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _defined(**ratios: tuple[Any, Any]) -> dict[str, float]:
    """The ratios whose denominator is not 0."""
    return {name: float(above) / float(below) for name, (above, below) in ratios.items() if below}


def _join(found: GroupMetrics, more: GroupMetrics) -> None:
    for group, metrics in more.items():
        found.setdefault(group, {}).update(metrics)
