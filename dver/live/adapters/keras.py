"""A callback of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dver.live.adapters.owned_run import OwnedRun, RunOrPath

if TYPE_CHECKING:  # types are checked without the framework
    Callback = object
else:
    from keras.callbacks import Callback


class KerasCallback(Callback):
    """Logs the metrics of each epoch: `model.fit(…, callbacks=[live.KerasCallback()])`.

    `run` is a directory or an open run.
    """

    def __init__(self, run: RunOrPath = "live", *, resume: bool = False) -> None:
        super().__init__()
        self._live = OwnedRun(run, resume=resume)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras."""
        self._live.begin()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras."""
        self._live.log_iteration(logs or {}, epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras."""
        self._live.end()
