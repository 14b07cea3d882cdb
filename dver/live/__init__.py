"""Live metrics: a training program logs its metrics, parameters and images as plain files while it runs.

    from dver import live

    with live.run() as run:
        run.params(lr=0.1)
        for step in range(run.step + 1, 100):
            run.log(loss=train(), step=step)

The files are read by `dver metrics`, `dver plots` and `dver exp show`. No dver project is needed. For frameworks there
are KerasCallback, LightningLogger, TransformersCallback, XGBoostCallback and LightGBMCallback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import UsageError
from dver.live.live_run import LiveRun, run

if TYPE_CHECKING:
    from dver.live.adapters.keras import KerasCallback
    from dver.live.adapters.lightgbm import LightGBMCallback
    from dver.live.adapters.lightning import LightningLogger
    from dver.live.adapters.transformers import TransformersCallback
    from dver.live.adapters.xgboost import XGBoostCallback

_ADAPTERS: Final = {
    "KerasCallback": "keras",
    "LightGBMCallback": "lightgbm",
    "LightningLogger": "lightning",
    "TransformersCallback": "transformers",
    "XGBoostCallback": "xgboost",
}
"""The module of each adapter, which has the name of its framework."""

__all__ = [
    "LiveRun",
    "run",
    "KerasCallback",
    "LightGBMCallback",
    "LightningLogger",
    "TransformersCallback",
    "XGBoostCallback",
]


if not TYPE_CHECKING:  # a type checker reports names that do not exist

    def __getattr__(name: str) -> Any:
        """Import an adapter, and its framework, at its first use."""
        if name not in _ADAPTERS:
            raise AttributeError(f"module 'dver.live' has no attribute {name!r}")
        from importlib import import_module

        framework = _ADAPTERS[name]
        try:
            return getattr(import_module(f"dver.live.adapters.{framework}"), name)
        except ModuleNotFoundError as error:
            why = f"{error.name} is not installed"
            raise UsageError(f"live.{name} needs {framework}", why=why, fix=f"pip install {framework}") from error
