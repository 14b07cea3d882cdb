"""A callback of LightGBM. It needs no name of the framework."""

from __future__ import annotations

from typing import Any

from dver.live.adapters.owned_run import OwnedRun, RunOrPath


class LightGBMCallback:
    """Logs the metrics of each round, as `DATASET/METRIC`: `lgb.train(…, callbacks=[live.LightGBMCallback()])`.

    For `lgb.cv`, it logs means, and deviations as `DATASET/METRIC_std`. `run` is a directory or an open run.
    """

    order = 25
    """Callbacks of LightGBM run in this order: this one before the one that stops early, which ends the round."""
    before_iteration = False

    def __init__(self, run: RunOrPath = "live", *, resume: bool = False) -> None:
        self._live = OwnedRun(run, resume=resume)

    def __call__(self, env: Any) -> None:
        """Called by LightGBM after each round."""
        if env.iteration == env.begin_iteration:
            self._live.begin()
        found: dict[str, Any] = {}
        for data, metric, value, _, *deviation in env.evaluation_result_list or ():
            # Older versions call the data of `cv` "cv_agg", and the metric "valid auc".
            name = metric.replace(" ", "/", 1) if data == "cv_agg" else f"{data}/{metric}"
            found[name] = value
            if deviation:
                found[f"{name}_std"] = deviation[0]
        self._live.log_iteration(found, env.iteration)
        if env.iteration + 1 == env.end_iteration:
            self._live.end()
