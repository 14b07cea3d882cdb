"""The methods `project.monitor`: live data against a reference."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from dver.api.handle import ProjectHandle, StrPath, texts
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from dver.formats.monitor_history import MonitoredWindow
    from dver.ops.quality.monitor import MonitorResult
    from dver.ops.quality.monitor_history import MonitorHistory

DriftMethodName: TypeAlias = Literal["ks", "chi-square", "z", "wasserstein", "jensen-shannon", "psi"]
ModelTaskName: TypeAlias = Literal["binary", "multiclass", "regression"]


class MonitorMethods(ProjectHandle):
    """Compares live data with a reference: `project.monitor(...)`."""

    __slots__ = ()

    def __call__(
        self,
        *live: StrPath,
        reference: str | None = None,
        model: str | None = None,
        input: str | None = None,  # noqa: A002 as in `--input`
        name: str | None = None,
        at: str | None = None,
        time: str | None = None,
        window: str | int | None = None,
        prediction: str | None = None,
        score: str | None = None,
        target: str | None = None,
        labels: StrPath | None = None,
        key: str | None = None,
        positive: str | None = None,
        task: ModelTaskName | None = None,
        baseline: str | None = None,
        ignore: Sequence[str] = (),
        method: Mapping[str, DriftMethodName] | None = None,
        threshold: Mapping[str, float] | None = None,
        numbers: DriftMethodName | None = None,
        categories: DriftMethodName | None = None,
        false_alarms: float | None = None,
        record: bool = True,
        progress: ProgressCallback | None = None,
    ) -> MonitorResult:
        """Compare live data with a reference, and record its windows. `alarm` of the result says whether it drifted.

        Args:
            live: Files and directories. Each is a window, unless `window` divides their rows.
            reference: `PATH` or `PATH@REV`, data of the project. Its profile is enough.
            model: `NAME`, `NAME@VERSION` or `NAME#STAGE`: the reference is the model's training data.
            input: Which input of the model's stages, if there are several.
            name: Of the monitor; by default that of the model or of the reference. Without these two, it names an entry
                of `monitors` in a `dver.yaml`.
            at: The time of the live data.
            time: The column with times. By default the times of files are used.
            window: `hour`, `day`, `week`, `month`, or a number of rows.
            prediction, score, target: The columns with predictions, probabilities of the positive class, and true
                values.
            labels: A file with true values.
            key: The column by which labels are joined, instead of by order.
            positive: The positive class.
            task: What the model predicts, if the values leave it open.
            baseline: `PATH` or `PATH@REV` with predictions and true values that say what to expect. By default the
                reference.
            ignore: Columns that are not compared.
            method, threshold: Methods and thresholds by column.
            numbers, categories: The methods for columns of numbers and of categories.
            false_alarms: The probability of a false alarm in a window, 0 to 1.
            record: Add the windows to the history, and stage it.
            progress: Called with the task `monitor`, in windows.

        Raises:
            UsageError: An argument does not fit.
            MissingObjectError: Neither the profile nor the data of the reference is here.
            CorruptError: Live data cannot be read.
        """
        from dver.ops.quality.monitor import monitor
        from dver.ops.quality.monitor_definition import request_for

        options = {
            "reference": reference,
            "model": model,
            "input": input,
            "name": name,
            "at": at,
            "time": time,
            "window": None if window is None else str(window),
            "prediction": prediction,
            "score": score,
            "target": target,
            "labels": None if labels is None else os.fspath(labels),
            "key": key,
            "positive": positive,
            "task": task,
            "baseline": baseline,
            "ignore": ignore,
            "method": method,
            "threshold": threshold,
            "numbers": numbers,
            "categories": categories,
            "false_alarms": false_alarms,
            "record": record,
        }
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
