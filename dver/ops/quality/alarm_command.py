"""The command that `dver monitor --on-alarm` runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final

from dver.core.errors import StageError
from dver.formats.monitor_history import MonitoredWindow

NAMED: Final = 100
"""The most names of columns and metrics that a command gets: an environment has a limited size."""
_LIST_SIZE_MAX: Final = 64 << 10
"""The most bytes of a list of names. Linux starts no program with a variable of 128 KiB or more."""


def alarm_environment(name: str, windows: Sequence[MonitoredWindow], history: Path) -> Mapping[str, str]:
    """What a command learns of an alarm. Names of columns are JSON: a shell never sees them as words of a command."""
    alarmed = [one for one in windows if one.alarm]
    last = alarmed[-1]
    columns = list(dict.fromkeys(column.name for one in alarmed for column in one.drifted))
    metrics = list(dict.fromkeys(metric.name for one in alarmed for metric in one.metrics if metric.alarm))
    return {
        "DVER_MONITOR": name,
        "DVER_MONITOR_WINDOW": last.id,
        "DVER_MONITOR_TIME": last.end,
        "DVER_MONITOR_WINDOWS": str(len(alarmed)),
        "DVER_MONITOR_COLUMNS": _list_of_names(columns),
        "DVER_MONITOR_COLUMN_COUNT": str(len(columns)),
        "DVER_MONITOR_METRICS": _list_of_names(metrics),
        "DVER_MONITOR_HISTORY": os.fspath(history),
    }


def _list_of_names(names: Sequence[str]) -> str:
    """A JSON list of the first names."""
    sizes = accumulate(len(json.dumps(one)) + len(", ") for one in names[:NAMED])
    fitting = sum(size <= _LIST_SIZE_MAX for size in sizes)
    return json.dumps(names[:fitting])


def run_alarm_command(
    command: str,
    name: str,
    windows: Sequence[MonitoredWindow],
    history: Path,
    *,
    cwd: Path,
    out: int | None = None,
) -> None:
    """Run `command` in a shell in the directory `cwd`. It prints to the file descriptor `out`, by default to stdout.

    Raises StageError if it fails: the windows are recorded already.
    """
    environment = {**os.environ, **alarm_environment(name, windows, history)}
    ended = subprocess.run(  # noqa: S602 it is the user's own command
        command, shell=True, cwd=cwd, env=environment, stdout=out, check=False
    )
    if ended.returncode:
        code = ended.returncode
        raise StageError(
            f"the command of --on-alarm failed: {command}",
            why=f"it was stopped by signal {-code}" if code < 0 else f"it exited with {code}",
            fix="the windows are recorded; repair the command, and run it again",
        )
