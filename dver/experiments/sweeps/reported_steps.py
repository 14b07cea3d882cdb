"""The metrics that a running trial reports, step by step, and what earlier trials reported.

`dver.live` and DVCLive write `plots/metrics/KEY.tsv` beside `metrics.json`, which has the last step only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dver.core.errors import DverError
from dver.core.files import read_regular, write_atomic
from dver.live.metric_names import file_path
from dver.live.series import FOLDER as SERIES
from dver.pipelines.definition.param_files import flatten, is_number, parse_metrics
from dver.pipelines.definition.sweep import SweepMetric

FOLDER: Final = "steps"
"""The directory below `Journal.directory` for the steps of trials that ended here."""
_STEP: Final = "step"
_LARGEST: Final = 64 << 20


def read_steps(place: Path, metric: SweepMetric, *, since: float) -> dict[int, float]:
    """The metric by step, as far as the trial in the worktree `place` has reported it.

    Ignores files that were last written before `since` (seconds since the epoch): those of the baseline.
    """
    path = place / metric.path
    # The metric `train/loss` has the key `train.loss`, as does one of this very name.
    for name in (metric.key.split("."), [metric.key]):
        rows = _read(path.parent / SERIES / file_path(name, ".tsv"), since)
        if rows is not None:
            return dict(found for line in rows.splitlines(keepends=True) if (found := _row(line)) is not None)
    latest = _read(path, since)
    return _latest(latest, path.name, metric.key) if latest is not None else {}


def save_steps(directory: Path, experiment: str, steps: Mapping[int, float]) -> None:
    """Keep the steps of a trial that ended. `directory` is `Journal.directory`."""
    if steps:
        (directory / FOLDER).mkdir(parents=True, exist_ok=True)
        write_atomic(directory / FOLDER / experiment, json.dumps(list(steps.items())).encode(), durable=False)


def load_steps(directory: Path, experiments: Iterable[str]) -> dict[str, dict[int, float]]:
    """The steps of trials that ended in this clone, by id."""
    found: dict[str, dict[int, float]] = {}
    for one in experiments:
        with suppress(OSError, ValueError, TypeError):
            found[one] = {
                int(step): float(value) for step, value in json.loads((directory / FOLDER / one).read_bytes())
            }
    return found


def _read(path: Path, since: float) -> bytes | None:
    with suppress(OSError, DverError):
        if os.stat(path).st_mtime >= since:
            return read_regular(path, _LARGEST)
    return None


def _row(line: bytes) -> tuple[int, float] | None:
    """A row of a step and a value; None for the header, and for a row that is not complete yet."""
    with suppress(ValueError):
        step, value = line.split(b"\t")
        if line.endswith(b"\n"):
            return int(step), float(value)
    return None


def _latest(content: bytes, name: str, key: str) -> dict[int, float]:
    values: dict[str, Any] = {}
    with suppress(DverError):
        values = flatten(parse_metrics(content, name))
    step: Any = values.get(_STEP)
    value: Any = values.get(key)
    return {step: float(value)} if isinstance(step, int) and is_number(value) else {}
