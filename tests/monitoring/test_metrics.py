"""Metrics of windows, beside scikit-learn and what NannyML was recorded to compute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest
from oracles import monitoring_data
from pyarrow import csv, parquet
from sklearn import metrics as sklearn

from dver.core.errors import CorruptError, UsageError
from dver.monitoring.baseline import calibrations_of, limits_of, metric_limits
from dver.monitoring.metrics import estimated_metrics, realized_metrics
from dver.monitoring.model_columns import ModelColumns, ModelOutput, ModelTask, output_of
from dver.monitoring.scored_rows import ScoredRows, TableFile, open_scored

NANNYML: Final = json.loads((Path(__file__).parents[1] / "fixtures/oracles/nannyml.json").read_text())
BINARY: Final = ModelOutput(ModelTask.BINARY, "1.0")
COLUMNS: Final = ModelColumns(prediction="prediction", score="score", target="target")
PREDICTED: Final = ModelColumns(prediction="prediction", target="target")


def columns_of(*parts: Any) -> dict[str, Any]:
    names = ("target", "prediction", "score")
    return {one: np.concatenate([getattr(part, one) for part in parts]) for one in names if hasattr(parts[0], one)}


@contextmanager
def scored(
    table: dict[str, Any], columns: ModelColumns = COLUMNS, *, suffix: str = "parquet", **options: Any
) -> Iterator[ScoredRows]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scratch").mkdir()
        with open_scored([write(folder / f"live.{suffix}", table)], columns, folder / "scratch", **options) as rows:
            yield rows


def write(path: Path, table: dict[str, Any]) -> TableFile:
    if path.suffix == ".csv":
        csv.write_csv(pa.table(table), path)
    else:
        parquet.write_table(pa.table(table), path)
    return TableFile(path, path.name)


def windows() -> dict[str, Any]:
    return columns_of(*(monitoring_data.live(at) for at in range(monitoring_data.WINDOWS)))


BY_ROWS: Final = f"row // {monitoring_data.WINDOW_ROWS}"
"""Of the table of joined rows."""


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_the_metrics_of_a_binary_classifier_are_those_of_scikit_learn(suffix: str) -> None:
    data = monitoring_data.live(1)
    with scored(columns_of(data), suffix=suffix) as rows:
        (found,) = realized_metrics(rows, output_of(rows.classes(), COLUMNS)).values()
    expected = {
        "accuracy": sklearn.accuracy_score(data.target, data.prediction),
        "precision": sklearn.precision_score(data.target, data.prediction),
        "recall": sklearn.recall_score(data.target, data.prediction),
        "f1": sklearn.f1_score(data.target, data.prediction),
        "roc_auc": sklearn.roc_auc_score(data.target, data.score),
        "log_loss": sklearn.log_loss(data.target, data.score),
    }
    assert found == pytest.approx(expected, rel=1e-9)


def test_equal_scores_count_half_in_the_area_under_the_curve() -> None:
    data = columns_of(monitoring_data.live(0))
    data["score"] = np.round(data["score"], 1)
    with scored(data) as rows:
        found = realized_metrics(rows, BINARY)[0]["roc_auc"]
    assert found == pytest.approx(sklearn.roc_auc_score(data["target"], data["score"]), rel=1e-9)


def test_scores_of_0_and_1_have_the_log_loss_of_scikit_learn() -> None:
    data = {"target": [1, 0, 1, 0], "prediction": [1, 0, 0, 1], "score": [1.0, 0.0, 0.0, 1.0]}
    with scored(data) as rows:
        assert realized_metrics(rows, BINARY)[0]["log_loss"] == pytest.approx(
            sklearn.log_loss(data["target"], data["score"])
        )


def test_the_metrics_of_several_classes_are_means_over_the_classes() -> None:
    random = np.random.default_rng(1)
    target = np.array(["a", "b", "ç"])[random.integers(0, 3, 500)]
    prediction = np.where(random.random(500) < 0.6, target, "b")
    with scored({"target": target, "prediction": prediction}, PREDICTED) as rows:
        output = output_of(rows.classes(), PREDICTED)
        found = realized_metrics(rows, output)[0]
    assert output.task is ModelTask.MULTICLASS
    expected = {
        "accuracy": sklearn.accuracy_score(target, prediction),
        "precision": sklearn.precision_score(target, prediction, average="macro"),
        "recall": sklearn.recall_score(target, prediction, average="macro"),
        "f1": sklearn.f1_score(target, prediction, average="macro"),
    }
    assert found == pytest.approx(expected)


def test_the_metrics_of_a_regression_are_those_of_scikit_learn() -> None:
    data = monitoring_data.regression(500, seed=7)
    with scored(columns_of(data), PREDICTED) as rows:
        output = output_of(rows.classes(), PREDICTED)
        found = realized_metrics(rows, output)[0]
    assert output.task is ModelTask.REGRESSION
    expected = {
        "mae": sklearn.mean_absolute_error(data.target, data.prediction),
        "rmse": sklearn.root_mean_squared_error(data.target, data.prediction),
        "r2": sklearn.r2_score(data.target, data.prediction),
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["realized", "estimated"])
def test_metrics_and_limits_are_those_of_nannyml(kind: str) -> None:
    with scored(windows()) as rows:
        metrics = {"realized": realized_metrics, "estimated": estimated_metrics}[kind](rows, BINARY, by=BY_ROWS)
    with scored(columns_of(monitoring_data.reference())) as rows:
        limits = metric_limits(rows, BINARY, monitoring_data.WINDOW_ROWS)
    for window, expected in enumerate(NANNYML[kind]):
        for name, one in expected.items():
            assert metrics[window][name] == pytest.approx(one["value"], abs=2e-6)
            assert (limits[name].lower, limits[name].upper) == pytest.approx((one["lower"], one["upper"]), abs=1e-9)
            outside = not limits[name].lower <= metrics[window][name] <= limits[name].upper
            assert outside == one["alert"]


SEVERAL: Final = ModelColumns(
    prediction="prediction", target="target", class_scores=tuple((one, f"p_{one}") for one in monitoring_data.CLASSES)
)


def several_classes() -> dict[str, Any]:
    return monitoring_data.several_classes(monitoring_data.REFERENCE_ROWS, seed=monitoring_data.SEED)


@pytest.mark.parametrize("kind", ["realized", "estimated"])
def test_metrics_and_limits_of_several_classes_are_those_of_nannyml(kind: str) -> None:
    live = monitoring_data.several_classes_live()
    with scored({name: np.concatenate([one[name] for one in live]) for name in live[0]}, SEVERAL) as rows:
        output = output_of(rows.classes(), SEVERAL)
        metrics = {"realized": realized_metrics, "estimated": estimated_metrics}[kind](rows, output, by=BY_ROWS)
    with scored(several_classes(), SEVERAL) as rows:
        limits = metric_limits(rows, output, monitoring_data.WINDOW_ROWS)
    for window, expected in enumerate(NANNYML["several classes"][kind]):
        for name, one in expected.items():
            assert metrics[window][name] == pytest.approx(one["value"], abs=2e-6)
            assert (limits[name].lower, limits[name].upper) == pytest.approx((one["lower"], one["upper"]), abs=1e-9)
            outside = not limits[name].lower <= metrics[window][name] <= limits[name].upper
            assert outside == one["alert"]


def test_a_class_that_never_occurs_does_not_count() -> None:
    data = {**several_classes(), "p_d": np.zeros(monitoring_data.REFERENCE_ROWS)}
    with scored(data, SEVERAL) as rows:
        expected = estimated_metrics(rows, output_of(rows.classes(), SEVERAL))[0]
    first, *others = SEVERAL.class_scores
    with scored(data, replace(SEVERAL, class_scores=(first, ("d", "p_d"), *others))) as rows:
        output = output_of(rows.classes(), rows.columns)
        assert estimated_metrics(rows, output)[0] == pytest.approx(expected)
        assert realized_metrics(rows, output)[0]["roc_auc"] == pytest.approx(expected["roc_auc"], abs=0.02)


def test_a_class_with_several_scores_is_refused() -> None:
    with pytest.raises(UsageError, match="several scores for the class '3'") as error:
        output_of(["1.0", "2.0", "3.0"], ModelColumns(class_scores=(("1", "a"), ("2", "b"), ("3", "c"), ("3.0", "d"))))
    assert error.value.why == "3 and 3.0 are the same class"


def test_the_log_loss_of_several_classes_is_that_of_scikit_learn() -> None:
    data = several_classes()
    scores = np.column_stack([data[f"p_{one}"] for one in monitoring_data.CLASSES])
    with scored(data, SEVERAL) as rows:
        found = realized_metrics(rows, output_of(rows.classes(), SEVERAL))[0]
    whole = scores / scores.sum(axis=1, keepdims=True)
    assert found["log_loss"] == pytest.approx(sklearn.log_loss(data["target"], whole), rel=1e-6)
    data["p_a"] = data["p_a"] * 2
    with scored(data, SEVERAL) as rows:
        assert "log_loss" not in realized_metrics(rows, output_of(rows.classes(), SEVERAL))[0]


def test_each_class_is_calibrated_or_not() -> None:
    for error, expected in ((1.0, True), (3.0, False)):
        with scored(monitoring_data.several_classes(5_000, seed=8, error=error), SEVERAL) as rows:
            found = calibrations_of(rows, output_of(rows.classes(), SEVERAL))
        assert set(found) == set(monitoring_data.CLASSES)
        assert all(one.ok for one in found.values()) is expected, found


def test_a_class_that_is_never_predicted_has_the_estimated_precision_0() -> None:
    data = {"prediction": ["a", "a"], "p_a": [0.8, 0.6], "p_b": [0.1, 0.3], "p_c": [0.1, 0.1]}
    with scored(data, ModelColumns(prediction="prediction", class_scores=SEVERAL.class_scores)) as rows:
        found = estimated_metrics(rows, output_of(monitoring_data.CLASSES, SEVERAL))[0]
    assert found["accuracy"] == pytest.approx(0.7)
    assert found["precision"] == pytest.approx(0.7 / 3)
    assert found["recall"] == pytest.approx(1 / 3)


def test_a_class_without_a_score_is_refused() -> None:
    with pytest.raises(UsageError, match="no score for 'd'") as error:
        output_of(("a", "d"), SEVERAL)
    assert error.value.fix == "name its column: --class-score d=COLUMN"
    with pytest.raises(UsageError, match="classifier of several"):
        output_of(("a", "b"), ModelColumns(class_scores=SEVERAL.class_scores, task=ModelTask.BINARY))


def test_metrics_and_limits_of_a_regression_are_those_of_nannyml() -> None:
    live = [monitoring_data.regression(1000, seed=4), monitoring_data.regression(1000, seed=5, noise=3.0)]
    output = ModelOutput(ModelTask.REGRESSION)
    with scored(columns_of(*live), PREDICTED) as rows:
        metrics = realized_metrics(rows, output, by=BY_ROWS)
    with scored(columns_of(monitoring_data.regression(10_000, seed=3)), PREDICTED) as rows:
        limits = metric_limits(rows, output, 1000)
    for window, expected in enumerate(NANNYML["regression"]):
        for name, one in expected.items():
            assert metrics[window][name] == pytest.approx(one["value"])
            assert (limits[name].lower, limits[name].upper) == pytest.approx((one["lower"], one["upper"]))


def test_calibrated_scores_are_recognized_and_others_are_not() -> None:
    for data, expected in (
        (monitoring_data.reference(), True),
        (monitoring_data.calibrated(300, seed=9), True),
        (monitoring_data.miscalibrated(10_000, seed=2), False),
        (monitoring_data.miscalibrated(300, seed=2), False),
    ):
        with scored(columns_of(data)) as rows:
            (found,) = calibrations_of(rows, BINARY).values()
        assert found.ok is expected, found


def test_a_small_reference_has_no_limits() -> None:
    with scored(columns_of(monitoring_data.calibrated(9, seed=1))) as rows:
        assert metric_limits(rows, BINARY, 100) == {}


@pytest.mark.parametrize("extra", [1, 10, 999])
def test_rows_after_the_last_whole_part_are_left_out_of_limits(extra: int) -> None:
    data = columns_of(monitoring_data.reference())
    longer = {name: np.concatenate([values, values[:extra]]) for name, values in data.items()}
    with scored(data) as rows, scored(longer) as more:
        assert metric_limits(more, BINARY, 1000) == metric_limits(rows, BINARY, 1000)


def test_rows_without_targets_do_not_count_in_limits() -> None:
    data = columns_of(monitoring_data.reference())
    sparse = {name: np.repeat(values, 10) for name, values in data.items()}
    sparse["target"] = [None if at % 10 else int(one) for at, one in enumerate(sparse["target"])]
    with scored(data) as rows, scored(sparse) as fewer:
        for size in (50, 1000):
            assert metric_limits(fewer, BINARY, size) == metric_limits(rows, BINARY, size)


def test_small_windows_have_wide_limits() -> None:
    with scored(columns_of(monitoring_data.reference())) as rows:
        wide, narrow = (metric_limits(rows, BINARY, size)["accuracy"] for size in (50, 1000))
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def test_limits_stay_within_the_range_of_a_metric() -> None:
    found = limits_of("accuracy", [1.0, 0.9, 1.0, 0.9, 1.0, 0.9])
    assert (found.lower, found.upper) == (pytest.approx(0.8), 1.0)


def test_limits_of_large_values_are_finite() -> None:
    found = limits_of("mae", [1e308, 1.1e308, 1e308, 1.1e308, 1e308, 1.1e308])
    assert (found.lower, found.upper) == (pytest.approx(0.9e308), pytest.approx(1.2e308))


@pytest.mark.parametrize("huge", [1e200, 1e308, -1e308])
def test_numbers_that_are_too_large_have_no_limits(huge: float) -> None:
    data = {"target": [huge * (at % 7) / 7 for at in range(100)], "prediction": [-huge] * 100}
    with scored(data, PREDICTED) as rows:
        limits = metric_limits(rows, ModelOutput(ModelTask.REGRESSION), 10)
    assert all(np.isfinite([one.lower, one.upper]).all() for one in limits.values())
    assert "rmse" not in limits


def test_a_metric_without_a_value_is_missing() -> None:
    with scored({"target": [0, 0], "prediction": [0, 0], "score": [0.1, 0.2]}) as rows:
        assert realized_metrics(rows, BINARY)[0] == {"accuracy": 1.0, "log_loss": pytest.approx(0.16425, abs=1e-4)}


def test_missing_predictions_and_scores_are_left_out() -> None:
    with scored({"target": [1, 0, 1, None], "prediction": [1, None, 1, 1], "score": [0.9, 0.1, None, 0.5]}) as rows:
        assert realized_metrics(rows, BINARY)[0]["accuracy"] == 1.0
        assert realized_metrics(rows, BINARY)[0]["roc_auc"] == 1.0
        assert rows.labeled() == {0: 3}


@pytest.mark.parametrize(
    ("one", "other"), [([1, 0], ["1", "0"]), ([True, False], [1.0, 0.0]), (["a", "b"], ["a", "b"])]
)
def test_a_class_is_the_same_in_each_type(one: list[Any], other: list[Any]) -> None:
    with scored({"target": one, "prediction": other}, PREDICTED) as rows:
        classes = rows.classes()
        output = output_of(classes, ModelColumns(positive=str(one[0])))
        assert realized_metrics(rows, output)[0]["accuracy"] == 1.0


def test_the_positive_class_of_texts_must_be_named() -> None:
    with pytest.raises(UsageError) as error:
        output_of(("no", "yes"), PREDICTED)
    assert "--positive" in str(error.value.fix)
    assert output_of(("no", "yes"), ModelColumns(positive="yes")).positive == "yes"
    with pytest.raises(UsageError, match="not a class"):
        output_of(("no", "yes"), ModelColumns(positive="maybe"))
    assert output_of(("-1.0", "1.0"), PREDICTED).positive == "1.0"


def joined(
    tmp_path: Path, labels: dict[str, Any], *, key: str | None, ids: Any = (7, 8, 9), name: str = "live.parquet"
) -> dict[str, float]:
    tmp_path.mkdir(exist_ok=True)
    live = write(tmp_path / name, {"id": list(ids), "prediction": [1, 0, 1], "score": [0.9, 0.2, 0.6]})
    (tmp_path / "scratch").mkdir()
    columns = ModelColumns(prediction="prediction", score="score", target="target", key=key)
    with open_scored([live], columns, tmp_path / "scratch", labels=write(tmp_path / "labels.csv", labels)) as rows:
        return realized_metrics(rows, BINARY)[0]


def test_labels_are_joined_by_key(tmp_path: Path) -> None:
    found = joined(tmp_path, {"id": [9, 7], "target": [0, 1]}, key="id")
    assert found["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("ids", "others"),
    [
        ([7_123_456_789_012_345_600, 1, 2], [7_123_456_789_012_345_700]),
        (["50", "1", "2"], ["5e1"]),
        (["7", "1", "2"], ["007"]),
        (["1", "2", "3"], ["true"]),
        (["a", "b", "c"], [None]),
    ],
)
def test_keys_that_are_written_differently_are_different(tmp_path: Path, ids: list[Any], others: list[Any]) -> None:
    for name in ("live.parquet", "live.csv"):
        with pytest.raises(UsageError, match="no row"):
            joined(tmp_path / name.partition(".")[2], {"id": others, "target": [1]}, key="id", ids=ids, name=name)


@pytest.mark.parametrize(
    "ids",
    [
        [7_123_456_789_012_345_600, 7_123_456_789_012_345_601, 7_123_456_789_012_345_602],
        ["NA", "null", "nan"],
        ["5e1", "50", "050"],
        ["1", "true", "True"],
    ],
)
@pytest.mark.parametrize("name", ["live.parquet", "live.csv"])
def test_similar_keys_are_no_repetition(tmp_path: Path, ids: list[Any], name: str) -> None:
    found = joined(tmp_path, {"id": ids[::-1], "target": [1, 0, 0]}, key="id", ids=ids, name=name)
    assert found["accuracy"] == pytest.approx(2 / 3)


def test_whole_numbers_are_one_key_in_each_type(tmp_path: Path) -> None:
    found = joined(tmp_path, {"id": [9, 7, 0], "target": [0, 1, 0]}, key="id", ids=[7.0, 0.0, None])
    assert found["accuracy"] == 1.0


def test_labels_are_joined_by_order(tmp_path: Path) -> None:
    assert joined(tmp_path, {"target": [1, 0, 1]}, key=None)["accuracy"] == 1.0


def test_labels_of_another_number_need_a_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 2 rows"):
        joined(tmp_path, {"target": [1, 0]}, key=None)


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="too many"):
        joined(tmp_path, {"id": [7, 7], "target": [1, 0]}, key="id")


def test_labels_of_other_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no row"):
        joined(tmp_path, {"id": [70], "target": [1]}, key="id")


def test_an_unknown_column_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError, match="no column 'nope'") as error, scored({"a": [1]}, ModelColumns(score="nope")):
        pass
    assert "a" in str(error.value.why)
