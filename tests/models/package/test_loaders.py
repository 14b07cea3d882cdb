"""The loader of a model by its format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression

from dver.core.errors import UsageError
from dver.models.package.loaders import find_loader, loader_module, loader_named


@pytest.mark.parametrize(
    ("path", "entries", "modules", "loader"),
    [
        ("models/churn.pkl", None, (), "pickle"),
        ("churn.JOBLIB", None, (), "joblib"),
        ("churn.json", None, ("xgboost",), "xgboost"),
        ("churn.json", None, ("json",), None),
        ("churn.txt", None, ("lightgbm",), "lightgbm"),
        ("churn.bin", None, (), None),
        ("churn", None, (), None),
        ("churn", ["MLmodel", "model.pkl"], (), "mlflow"),
        ("churn", ["config.json", "model.safetensors"], (), "transformers"),
        ("churn.pkl", ["part-1"], (), None),
    ],
)
def test_the_name_and_the_imports_decide(
    path: str, entries: list[str] | None, modules: tuple[str, ...], loader: str | None
) -> None:
    found = find_loader(path, entries, modules)
    assert (found.name if found else None) == loader


def test_an_unknown_loader_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown loader 'tarot'") as raised:
        loader_named("tarot")
    assert "onnx" in str(raised.value.why)


@pytest.mark.parametrize("name", ["pickle", "xgboost", "onnx", "lightgbm", "torch", "keras"])
def test_modules_are_valid_python(name: str) -> None:
    for wrapped in (False, True):
        assert compile(loader_module(loader_named(name), path="model/a b'\udcff.pkl", wrapped=wrapped), "m.py", "exec")
        assert compile(loader_module(loader_named(name), wrapped=wrapped), "m.py", "exec")


DATA = numpy.arange(40.0).reshape(20, 2)
TARGET = [0] * 10 + [1] * 10


def save_joblib(path: Path) -> str:
    joblib.dump(LogisticRegression().fit(DATA, TARGET), path / "model.joblib", compress=3)
    return "model.joblib"


def save_xgboost(path: Path) -> str:
    trained = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(DATA, TARGET), 5)
    trained.save_model(path / "model.ubj")
    return "model.ubj"


def save_lightgbm(path: Path) -> str:
    settings = {"objective": "binary", "min_data_in_leaf": 1, "verbose": -1}
    lightgbm.train(settings, lightgbm.Dataset(DATA, TARGET), 5).save_model(path / "model.txt")
    return "model.txt"


@pytest.mark.parametrize("save", [save_joblib, save_xgboost, save_lightgbm])
def test_the_module_loads_a_model_that_predicts(save: Any, tmp_path: Path) -> None:
    name = save(tmp_path)
    loader = find_loader(name, None, ("lightgbm",))
    assert loader is not None
    (tmp_path / "load_model.py").write_text(loader_module(loader, path=name, wrapped=True))
    module: dict[str, Any] = {"__file__": str(tmp_path / "load_model.py")}
    exec((tmp_path / "load_model.py").read_text(), module)
    assert module["load"]() is not None
    predicted = module["_load_pyfunc"](str(tmp_path / name)).predict(DATA)
    assert [round(float(one)) for one in predicted] == TARGET
