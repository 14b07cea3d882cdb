"""The methods `project.monitor`: live data against a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from dver.api.handle import ProjectHandle, StrPath, texts
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from dver.formats.monitor_history import MonitoredWindow
    from dver.monitoring.request_options import MonitorOptions
    from dver.ops.quality.monitor import MonitorResult
    from dver.ops.quality.monitor_history import MonitorHistory


class MonitorMethods(ProjectHandle):
    """Compares live data with a reference: `project.monitor(...)`."""

    __slots__ = ()

    def __call__(
        self, *live: StrPath, progress: ProgressCallback | None = None, **options: Unpack[MonitorOptions]
    ) -> MonitorResult:
        """Compare live data with a reference, and record its windows. `alarm` of the result says whether it drifted.

        Args:
            live: Files and directories. Each is a window, unless `window` divides their rows.
            progress: Called with the task `monitor`, in windows.
            options: `reference` or `model`, and others: `help(dver.MonitorOptions)` lists them.

        Raises:
            UsageError: An option does not fit.
            MissingObjectError: Neither the profile nor the data of the reference is here.
            CorruptError: Live data cannot be read.
        """
        from dver.ops.quality.monitor import monitor
        from dver.ops.quality.monitor_definition import request_for

        with self._open() as repo:
            request = request_for(repo, options, cwd=self.cwd)
            return monitor(repo, texts(live), request, cwd=self.cwd, progress=progress_for(progress))

    def history(self, name: str, *, limit: int | None = None) -> MonitorHistory:
        """The windows of a monitor, sorted by time.

        Args:
            name: The monitor.
            limit: Only the last windows.

        Raises:
            UsageError: There is no such monitor.
        """
        from dver.ops.quality.monitor_history import monitor_history

        with self._open() as repo:
            return monitor_history(repo, name, limit=limit)

    def latest_alarm(self, name: str) -> MonitoredWindow | None:
        """The newest window of a monitor, if it has an alarm.

        Args:
            name: The monitor.
        """
        from dver.monitoring.history import latest_alarm

        with self._open() as repo:
            return latest_alarm(repo, name)

    def write_page(self, history: MonitorHistory, html: StrPath) -> None:
        """Write a page with charts over time, which needs no network.

        Args:
            history: The result of `history`.
            html: The file.

        Raises:
            ConflictError: `html` exists and is not such a page.
        """
        from dver.ops.quality.monitor_history import write_history_page

        write_history_page(history, self.cwd / html)
