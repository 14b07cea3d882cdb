"""A logger of PyTorch Lightning."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dver.live.adapters.owned_run import OwnedRun, RunOrPath
from dver.live.live_run import LiveRun

if TYPE_CHECKING:  # types are checked without the framework
    _F = TypeVar("_F", bound=Callable[..., Any])
    Logger = object

    def rank_zero_only(function: _F) -> _F: ...
    def rank_zero_experiment(function: _F) -> _F: ...


elif "pytorch_lightning" in sys.modules and "lightning" not in sys.modules:  # the name of the package before 2.0
    from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
    from pytorch_lightning.utilities import rank_zero_only
else:
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities import rank_zero_only


class LightningLogger(Logger):
    """Logs what modules log: `Trainer(logger=live.LightningLogger())`. Only the process of rank 0 writes.

    `run` is a directory or an open run.
    """

    def __init__(self, run: RunOrPath = "live", *, resume: bool = False) -> None:
        super().__init__()
        self._live = OwnedRun(run, resume=resume)

    @property
    def name(self) -> str:
        """Empty: Lightning puts checkpoints into `checkpoints/` of the `default_root_dir`."""
        return ""

    @property
    def version(self) -> str:
        """Empty, as `name`."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> LiveRun:
        """The run, for images and artifacts."""
        return self._live.run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Called by Lightning."""
        self._live.log(metrics, step)

    @rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Called by Lightning."""
        self._live.run.params(vars(params) if isinstance(params, Namespace) else params)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Called by Lightning."""
        self._live.end()
