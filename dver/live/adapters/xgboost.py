"""A callback of XGBoost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dver.live.adapters.owned_run import OwnedRun, RunOrPath

if TYPE_CHECKING:  # types are checked without the framework
    TrainingCallback = object
else:
    from xgboost.callback import TrainingCallback


class XGBoostCallback(TrainingCallback):
    """Logs the metrics of each round, as `DATASET/METRIC`: `xgb.train(…, evals=…, callbacks=[live.XGBoostCallback()])`.

    For `xgb.cv`, it logs means, and deviations as `DATASET/METRIC_std`. `run` is a directory or an open run.
    """

    def __init__(self, run: RunOrPath = "live", *, resume: bool = False) -> None:
        super().__init__()
        self._live = OwnedRun(run, resume=resume)

    def before_training(self, model: Any) -> Any:
        """Called by XGBoost."""
        self._live.begin()
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Any]]) -> bool:
        """Called by XGBoost. Returns False: the training goes on."""
        found: dict[str, Any] = {}
        for data, metrics in evals_log.items():
            for metric, values in metrics.items():
                name, last = f"{data}/{metric}", values[-1]
                if isinstance(last, tuple):
                    found[name], found[f"{name}_std"] = last
                else:
                    found[name] = last
        self._live.log_iteration(found, epoch)
        return False

    def after_training(self, model: Any) -> Any:
        """Called by XGBoost."""
        self._live.end()
        return model
