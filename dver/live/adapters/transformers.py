"""A callback of the Trainer of Transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dver.live.adapters.owned_run import OwnedRun, RunOrPath

if TYPE_CHECKING:  # types are checked without the framework
    TrainerCallback = object
else:
    from transformers import TrainerCallback


class TransformersCallback(TrainerCallback):
    """Logs what the trainer logs, such as `train/loss`: `Trainer(…, callbacks=[live.TransformersCallback()])`.

    `run` is a directory or an open run.
    """

    def __init__(self, run: RunOrPath = "live", *, resume: bool = False) -> None:
        super().__init__()
        self._live = OwnedRun(run, resume=resume)
        self._epoch_step = -1

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the trainer."""
        if state.is_world_process_zero:
            self._live.run.params(args.to_sanitized_dict())

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Called by the trainer."""
        if not state.is_world_process_zero:
            return
        # Every call has the epoch, also several calls of one step.
        known = {"epoch"} if state.global_step == self._epoch_step else set()
        self._epoch_step = state.global_step
        found = {_name(key): value for key, value in (logs or {}).items() if key not in known}
        self._live.log(found, state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the trainer."""
        self._live.end()


def _name(key: str) -> str:
    for part in ("eval", "test"):
        if key.startswith(f"{part}_"):
            return f"{part}/{key.removeprefix(f'{part}_')}"
    return f"train/{key}"
