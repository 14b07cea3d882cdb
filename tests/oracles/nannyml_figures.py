"""Records what NannyML computes on seeded data: tests/fixtures/oracles/nannyml.json (see `make oracles`)."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import nannyml
import pandas as pd
from monitoring_data import (
    CLASSES,
    REFERENCE_ROWS,
    SEED,
    WINDOW_ROWS,
    WINDOWS,
    live,
    miscalibrated,
    reference,
    regression,
    several_classes,
    several_classes_live,
)
from nannyml.calibration import IsotonicCalibrator, NoopCalibrator, needs_calibration

METRICS = ["accuracy", "precision", "recall", "f1", "roc_auc"]
OUT = Path(__file__).parents[1] / "fixtures" / "oracles" / "nannyml.json"


def _frame(scored: Any) -> pd.DataFrame:
    names = ("target", "prediction", "score")
    return pd.DataFrame({name: getattr(scored, name) for name in names if hasattr(scored, name)})


def _chunks(found: pd.DataFrame, metrics: list[str], kind: str) -> list[dict[str, dict[str, float]]]:
    """For each chunk: value and thresholds of each metric."""
    columns = {"value": kind, "lower": "lower_threshold", "upper": "upper_threshold", "alert": "alert"}
    return [
        {metric: {name: _plain(row[(metric, column)]) for name, column in columns.items()} for metric in metrics}
        for _, row in found.iterrows()
    ]


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return bool(value) if isinstance(value, bool) or type(value).__name__ == "bool_" else float(value)


_CLASSIFIER = {
    "y_pred_proba": "score",
    "y_pred": "prediction",
    "y_true": "target",
    "problem_type": "classification_binary",
    "metrics": METRICS,
    "chunk_size": WINDOW_ROWS,
}


def _estimated() -> list[dict[str, dict[str, float]]]:
    estimator = nannyml.CBPE(**_CLASSIFIER, calibrator=NoopCalibrator())
    estimator.fit(_frame(reference()))
    analysis = pd.concat([_frame(live(at)) for at in range(WINDOWS)], ignore_index=True)
    result = estimator.estimate(analysis).filter(period="analysis").to_df()
    return _chunks(result, METRICS, "value")


def _realized() -> list[dict[str, dict[str, float]]]:
    calculator = nannyml.PerformanceCalculator(**_CLASSIFIER)
    calculator.fit(_frame(reference()))
    analysis = pd.concat([_frame(live(at)) for at in range(WINDOWS)], ignore_index=True)
    return _chunks(calculator.calculate(analysis).filter(period="analysis").to_df(), METRICS, "value")


_CLASSIFIER_OF_SEVERAL = {
    **_CLASSIFIER,
    "y_pred_proba": {one: f"p_{one}" for one in CLASSES},
    "problem_type": "classification_multiclass",
}


def _several_classes() -> dict[str, list[dict[str, dict[str, float]]]]:
    known = pd.DataFrame(several_classes(REFERENCE_ROWS, seed=SEED))
    analysis = pd.concat([pd.DataFrame(one) for one in several_classes_live()], ignore_index=True)
    estimator = nannyml.CBPE(**_CLASSIFIER_OF_SEVERAL, calibrator=NoopCalibrator())
    estimator.fit(known)
    calculator = nannyml.PerformanceCalculator(**_CLASSIFIER_OF_SEVERAL)
    calculator.fit(known)
    return {
        "estimated": _chunks(estimator.estimate(analysis).filter(period="analysis").to_df(), METRICS, "value"),
        "realized": _chunks(calculator.calculate(analysis).filter(period="analysis").to_df(), METRICS, "value"),
    }


def _regression() -> list[dict[str, dict[str, float]]]:
    calculator = nannyml.PerformanceCalculator(
        y_pred="prediction",
        y_true="target",
        problem_type="regression",
        metrics=["mae", "rmse"],
        chunk_size=WINDOW_ROWS,
    )
    calculator.fit(_frame(regression(10_000, seed=3)))
    analysis = pd.concat(
        [_frame(regression(WINDOW_ROWS, seed=4)), _frame(regression(WINDOW_ROWS, seed=5, noise=3.0))],
        ignore_index=True,
    )
    return _chunks(calculator.calculate(analysis).filter(period="analysis").to_df(), ["mae", "rmse"], "value")


def _needs_calibration(scored: Any) -> bool:
    return bool(needs_calibration(scored.target, scored.score, IsotonicCalibrator()))


def main() -> None:
    warnings.simplefilter("ignore")
    figures = {
        "program": "NannyML",
        "version": nannyml.__version__,
        "estimated": _estimated(),
        "realized": _realized(),
        "regression": _regression(),
        "several classes": _several_classes(),
        "needs calibration": {
            "calibrated": _needs_calibration(reference()),
            "miscalibrated": _needs_calibration(miscalibrated(10_000, seed=2)),
        },
    }
    OUT.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
