"""The loader of a model by its format."""

from __future__ import annotations

import pytest

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
        for path in ("model/a b'\udcff.pkl", None):
            code = compile(loader_module(loader_named(name), path=path, wrapped=wrapped), "m.py", "exec")
            assert "load" in code.co_names
