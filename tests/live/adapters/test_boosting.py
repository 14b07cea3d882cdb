"""Callbacks of XGBoost and LightGBM, with the real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb

from dver import live

DATA = np.random.default_rng(0).random((60, 3))
LABEL = (DATA[:, 0] > 0.5).astype(int)
XGB = {"max_depth": 2, "eval_metric": ["logloss", "auc"], "objective": "binary:logistic", "nthread": 1}
LGB = {"objective": "binary", "metric": ["auc", "l2"], "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2}


@pytest.fixture(autouse=True)
def in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def metrics() -> Any:
    return json.loads(Path("live/metrics.json").read_bytes())


def rows(name: str) -> list[list[str]]:
    return [row.split("\t") for row in Path(f"live/plots/metrics/{name}.tsv").read_text().splitlines()]


def train_xgb(callback: Any, rounds: int = 3) -> dict[str, Any]:
    matrix, results = xgb.DMatrix(DATA, LABEL), {}
    evals = [(matrix, "train"), (matrix, "valid")]
    xgb.train(XGB, matrix, rounds, evals=evals, callbacks=[callback], evals_result=results, verbose_eval=False)
    return results


def test_each_round_of_xgboost_is_a_row() -> None:
    results = train_xgb(live.XGBoostCallback())
    assert metrics() == {
        data: {metric: values[-1] for metric, values in found.items()} for data, found in results.items()
    } | {"step": 2}
    assert rows("valid/auc") == [
        ["step", "auc"],
        *([str(at), repr(value)] for at, value in enumerate(results["valid"]["auc"])),
    ]


def test_a_second_training_of_xgboost_goes_on_in_an_open_run() -> None:
    with live.run() as run:
        callback = live.XGBoostCallback(run)
        train_xgb(callback, 2)
        train_xgb(callback, 2)
        run.log(accuracy=1)  # the callback does not close what it did not open
    assert [row[0] for row in rows("train/auc")] == ["step", "0", "1", "2", "3"]


def test_cross_validation_of_xgboost_has_means_and_deviations() -> None:
    found = xgb.cv(XGB, xgb.DMatrix(DATA, LABEL), 2, nfold=3, callbacks=[live.XGBoostCallback()], as_pandas=False)
    assert metrics()["test"]["logloss"] == pytest.approx(found["test-logloss-mean"][-1])
    assert metrics()["test"]["logloss_std"] == pytest.approx(found["test-logloss-std"][-1])


def test_a_model_of_scikit_learns_interface_stops_early() -> None:
    model = xgb.XGBClassifier(
        n_estimators=50, early_stopping_rounds=2, callbacks=[live.XGBoostCallback("boost")], **XGB
    )
    model.fit(DATA, LABEL, eval_set=[(DATA, 1 - LABEL)], verbose=False)
    steps = len(Path("boost/plots/metrics/validation_0/auc.tsv").read_text().splitlines()) - 1
    assert steps == model.best_iteration + 3


def test_each_round_of_lightgbm_is_a_row() -> None:
    data, results = lgb.Dataset(DATA, LABEL), {}
    lgb.train(
        LGB,
        data,
        3,
        valid_sets=[data],
        valid_names=["train"],
        callbacks=[live.LightGBMCallback(), lgb.record_evaluation(results)],
    )
    assert metrics() == {"train": {metric: values[-1] for metric, values in results["train"].items()}, "step": 2}
    assert [row[0] for row in rows("train/l2")] == ["step", "0", "1", "2"]


def test_lightgbm_that_stops_early_logs_its_last_round() -> None:
    data = lgb.Dataset(DATA, LABEL)
    valid = lgb.Dataset(DATA, 1 - LABEL, reference=data)
    with live.run() as run:
        callbacks = [live.LightGBMCallback(run), lgb.early_stopping(2, verbose=False)]
        model = lgb.train(LGB, data, 50, valid_sets=[valid], callbacks=callbacks)
        assert run.step == model.best_iteration + 1


def test_cross_validation_of_lightgbm_has_means_and_deviations() -> None:
    found = lgb.cv(LGB, lgb.Dataset(DATA, LABEL), 2, nfold=3, callbacks=[live.LightGBMCallback()])
    assert metrics()["valid"]["auc"] == pytest.approx(found["valid auc-mean"][-1])
    assert metrics()["valid"]["auc_std"] == pytest.approx(found["valid auc-stdv"][-1])


def test_a_missing_framework_is_named_with_its_command() -> None:
    code = "import sys; sys.modules['keras'] = None\nfrom dver import live; live.KerasCallback"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "UsageError: live.KerasCallback needs keras" in done.stderr
    assert "fix: pip install keras" in done.stderr
