"""The run behind a callback: one of the user, or one that the callback opens and closes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from dver.core.errors import UsageError
from dver.live.live_run import LiveRun
from dver.live.live_values import number

RunOrPath = LiveRun | str | os.PathLike[str]
"""An open run, which the callback never closes, or the directory of a run of its own."""


class OwnedRun:
    """Opens a run at the first use, so that only the process that logs has one."""

    def __init__(self, run: RunOrPath, *, resume: bool) -> None:
        self._run = run if isinstance(run, LiveRun) else None
        self._path = None if isinstance(run, LiveRun) else run
        self._resume = resume
        self._offset: int | None = None

    @property
    def run(self) -> LiveRun:
        """The open run."""
        if self._run is None:
            assert self._path is not None
            self._run = LiveRun(self._path, resume=self._resume)
        return self._run

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Log those of the values that are numbers, and warn of others: they are no reason to stop a training."""
        found = {}
        for name, value in values.items():
            try:
                found[name] = number(value, name)
            except UsageError as error:
                warnings.warn(f"dver.live: {error.what}", stacklevel=2)
        if found:
            self.run.log(found, step=step)

    def begin(self) -> None:
        """Record that iterations are counted from 0 again."""
        self._offset = None

    def log_iteration(self, values: Mapping[str, Any], iteration: int) -> None:
        """Log at a step for each iteration. A training that counts from 0 again continues the steps of the run."""
        if self._offset is None:
            self._offset = self.run.step + 1 if iteration == 0 else 0
        self.log(values, self._offset + iteration)

    def end(self) -> None:
        """Close the run, if it is the callback's own. A later use goes on with it."""
        if self._path is not None and self._run is not None:
            self._run.close()
            self._run, self._resume = None, True
