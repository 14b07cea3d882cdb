"""How a model is loaded in Python, by the format of its file or directory. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.phrasing import join_limited


@dataclass(frozen=True, slots=True, repr=False)
class ModelLoader(Displayed):
    """The code that loads models of one format."""

    name: str
    """As in `meta: {loader: NAME}` of an artifact."""
    module: str
    """The module that it imports."""
    load: tuple[str, ...]
    """The body of `load(path)`, in which `path` is text."""
    predict: tuple[str, ...] = ()
    """The body of `predict(data)` of a wrapper, in which the model is `self.model`; empty if the model has its own."""
    suffixes: tuple[str, ...] = ()
    shared_suffixes: tuple[str, ...] = ()
    """Suffixes of other formats, too. They count if the sources import the module."""
    predicts: bool = True
    """Is there something to call? Weights alone are not."""
    executes: bool = False
    """Does loading a manipulated file execute code?"""


_LOADERS: Final = (
    ModelLoader(
        "pickle",
        "pickle",
        ("import pickle", "", 'with open(path, "rb") as file:', "    return pickle.load(file)"),
        suffixes=(".pkl", ".pickle"),
        executes=True,
    ),
    ModelLoader(
        "joblib", "joblib", ("import joblib", "", "return joblib.load(path)"), suffixes=(".joblib",), executes=True
    ),
    ModelLoader("skops", "skops", ("import skops.io", "", "return skops.io.load(path)"), suffixes=(".skops",)),
    ModelLoader(
        "xgboost",
        "xgboost",
        ("import xgboost", "", "return xgboost.Booster(model_file=path)"),
        ("import xgboost", "", "return self.model.predict(xgboost.DMatrix(data))"),
        suffixes=(".ubj", ".xgb"),
        shared_suffixes=(".json", ".model", ".bin"),
    ),
    ModelLoader(
        "lightgbm",
        "lightgbm",
        ("import lightgbm", "", "return lightgbm.Booster(model_file=path)"),
        suffixes=(".lgb", ".lgbm"),
        shared_suffixes=(".txt",),
    ),
    ModelLoader(
        "catboost",
        "catboost",
        ("import catboost", "", "return catboost.CatBoost().load_model(path)"),
        suffixes=(".cbm",),
    ),
    ModelLoader(
        "onnx",
        "onnxruntime",
        ("import onnxruntime", "", "return onnxruntime.InferenceSession(path)"),
        (
            "names = [one.name for one in self.model.get_inputs()]",
            "inputs = data if isinstance(data, dict) else {names[0]: data}",
            "return self.model.run(None, inputs)",
        ),
        suffixes=(".onnx",),
    ),
    ModelLoader("keras", "keras", ("import keras", "", "return keras.saving.load_model(path)"), suffixes=(".keras",)),
    ModelLoader(
        "torch",
        "torch",
        ("import torch", "", 'return torch.load(path, map_location="cpu", weights_only=True)'),
        suffixes=(".pt", ".pth"),
        predicts=False,
    ),
    ModelLoader(
        "safetensors",
        "safetensors",
        ("import safetensors.numpy", "", "return safetensors.numpy.load_file(path)"),
        suffixes=(".safetensors",),
        predicts=False,
    ),
    ModelLoader(
        "transformers",
        "transformers",
        ("import transformers", "", "return transformers.AutoModel.from_pretrained(path)"),
        predicts=False,
    ),
    ModelLoader("mlflow", "mlflow", ("import mlflow", "", "return mlflow.pyfunc.load_model(path)"), executes=True),
)
MLMODEL: Final = "MLmodel"
"""The file that every directory of MLflow's format has."""


def find_loader(path: str, entries: Collection[str] | None, modules: Collection[str]) -> ModelLoader | None:
    """The loader of the file or directory `path`; None for an unknown format.

    `entries` are the names in a directory, and None for a file. `modules` are those that its stage imports.
    """
    if entries is not None:
        if MLMODEL in entries:
            return loader_named("mlflow")
        has_weights = any(name.endswith((".safetensors", ".bin")) for name in entries)
        return loader_named("transformers") if "config.json" in entries and has_weights else None
    suffix = posixpath.splitext(path)[1].lower()
    for one in _LOADERS:
        if suffix in one.suffixes or (suffix in one.shared_suffixes and one.module in modules):
            return one
    return None


def loader_named(name: str) -> ModelLoader:
    """The loader that an artifact's `meta` names. Raises UsageError for an unknown one."""
    for one in _LOADERS:
        if one.name == name:
            return one
    known = [one.name for one in _LOADERS]
    raise UsageError(
        f"unknown loader {name!r} in the `meta` of the artifact",
        why=f"dver knows {join_limited(known, limit=len(known))}",
        fix="write one of them to dver.yaml and register a new version",
    )


def loader_module(loader: ModelLoader, *, path: str | None = None, wrapped: bool = False) -> str:
    """The source of a module that loads the model with `load()`.

    With `path`, the model is there beside the module. With `wrapped`, it has the function `_load_pyfunc` of MLflow.
    """
    lines = [f'"""Loads a model of the format {loader.name}."""', ""]
    if path is not None:
        lines += [
            "import os",
            "import sys",
            "",
            "HERE = os.path.dirname(os.path.abspath(__file__))",
            f"MODEL = os.path.join(HERE, *{path.split('/')!a})",
            "",
            "",
            "def load(path=MODEL):",
            '    """The model. The sources in `code`, if there are any, can be imported afterwards."""',
            '    code = os.path.join(HERE, "code")',
            "    if os.path.isdir(code) and code not in sys.path:",
            "        sys.path.insert(0, code)",
        ]
    else:
        lines += ["", "def load(path):", '    """The model."""']
    lines += _indented(loader.load)
    if wrapped:
        lines += ["", "", *_wrapper(loader)]
    return "".join(f"{line}\n" for line in lines)


def _wrapper(loader: ModelLoader) -> list[str]:
    if not loader.predict:
        return ["def _load_pyfunc(data_path):", "    return load(data_path)"]
    return [
        "class Model:",
        '    """The model with a function `predict`."""',
        "",
        "    def __init__(self, model):",
        "        self.model = model",
        "",
        "    def predict(self, data):",
        *_indented(loader.predict, 8),
        "",
        "",
        "def _load_pyfunc(data_path):",
        "    return Model(load(data_path))",
    ]


def _indented(lines: tuple[str, ...], width: int = 4) -> list[str]:
    return [f"{' ' * width}{line}" if line else "" for line in lines]
