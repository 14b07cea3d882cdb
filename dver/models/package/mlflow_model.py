"""Packages as models of MLflow: a directory that `mlflow.pyfunc.load_model` loads, without MLflow's own library."""

from __future__ import annotations

import posixpath
from typing import Any, Final

from dver.core.errors import UsageError
from dver.core.progress import Task
from dver.models.package.loaders import MLMODEL, ModelLoader, loader_module
from dver.models.package.model_files import write_model
from dver.models.package.package_files import (
    CODE,
    describe_version,
    json_bytes,
    model_path,
    write_environment,
    write_sources,
)
from dver.models.package.packaged_model import PackagedModel
from dver.models.package.readme import readme_text
from dver.models.package.signature import mlflow_signature
from dver.models.package.sinks import PackageWriter

_PYTHON_ENV: Final = "python_env.yaml"
_VERSION_FILE: Final = "dver.json"


def write_mlflow(writer: PackageWriter, packed: PackagedModel, task: Task) -> None:
    """Write the package. A model that MLflow saved keeps its files as they are.

    Raises UsageError for a format that dver cannot load, and the errors of reading the model.
    """
    loader = packed.loader
    if loader is not None and loader.name == "mlflow":
        write_model(writer, packed.version.model, "", task)
        if _VERSION_FILE not in writer.files:
            writer.file(_VERSION_FILE, json_bytes(describe_version(packed)))
        return
    if loader is None or not loader.predicts:
        raise _no_loader(packed)
    path = model_path(packed)
    write_model(writer, packed.version.model, path, task)
    write_sources(writer, packed)
    # MLflow imports it by its name, so all models with one name in a process must mean the same code.
    writer.file(posixpath.join(CODE, f"{_module_of(loader)}.py"), loader_module(loader, wrapped=True).encode())
    write_environment(writer, packed, extra=("mlflow",))
    writer.file(_VERSION_FILE, json_bytes(describe_version(packed)))
    writer.file("README.md", readme_text(packed, path, of_mlflow=True).encode(errors="replace"))
    writer.file(_PYTHON_ENV, _yaml(_python_env(packed)))
    writer.file(MLMODEL, _yaml(_mlmodel(packed, loader, path)))


def _module_of(loader: ModelLoader) -> str:
    return f"load_{loader.name}"


def _python_env(packed: PackagedModel) -> dict[str, Any]:
    found: dict[str, Any] = {"build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    return {"python": packed.environment.python, **found} if packed.environment.python else found


def _mlmodel(packed: PackagedModel, loader: ModelLoader, path: str) -> dict[str, Any]:
    python: dict[str, Any] = {
        "loader_module": _module_of(loader),
        "code": CODE,
        "data": path,
        "env": {"virtualenv": _PYTHON_ENV},
    }
    if packed.environment.python is not None:
        python["python_version"] = packed.environment.python
    found: dict[str, Any] = {"flavors": {"python_function": python}, "metadata": describe_version(packed)}
    version = packed.environment.packages.get("scikit-learn")
    if loader.name == "pickle" and version is not None and "sklearn" in packed.environment.modules:
        found["flavors"]["sklearn"] = {
            "code": CODE,
            "pickled_model": path,
            "serialization_format": "pickle",
            "sklearn_version": version,
        }
    if packed.signature is not None:
        found["signature"] = mlflow_signature(packed.signature)
    return found


def _yaml(value: dict[str, Any]) -> bytes:
    import yaml  # only this format needs it

    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True).encode()


def _no_loader(packed: PackagedModel) -> UsageError:
    path = packed.version.path
    if packed.loader is not None:
        return UsageError(
            f"{path!r} has weights only, which MLflow cannot call",
            why=f"the format {packed.loader.name} has no code of the model",
            fix="export it with --format dver",
        )
    return UsageError(
        f"dver does not know the format of {path!r}",
        why="MLflow needs code that loads the model",
        fix="export it with --format dver; or name the format in dver.yaml, such as `meta: {loader: pickle}`, "
        "and register a new version",
    )
