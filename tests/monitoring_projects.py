"""Projects with live data for tests of monitors. Importable from every test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from workspaces import Project

from dver.monitoring.request_options import monitor_request
from dver.ops.quality.monitor import MonitorResult, monitor


def rows(count: int, *, seed: int = 1, shift: float = 0.0, first_day: int = 1, days: int = 1) -> dict[str, list[Any]]:
    """Rows of a binary classifier whose scores are calibrated."""
    random = np.random.default_rng(seed)
    score = np.round(random.random(count), 5)
    return {
        "id": list(range(count)),
        "at": [f"2026-11-{first_day + at * days // count:02}T06:00:{at % 60:02}" for at in range(count)],
        "amount": list(np.round(random.normal(size=count) + shift, 4)),
        "country": ["abc"[at % 3] for at in range(count)],
        "score": list(score),
        "prediction": list((score >= 0.5).astype(int)),
        "target": list((random.random(count) < score).astype(int)),
    }


def write_rows(path: Path, table: dict[str, list[Any]], *, without: tuple[str, ...] = ()) -> Path:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [name for name in table if name not in without]
    lines = [",".join(names), *(",".join(map(str, one)) for one in zip(*(table[name] for name in names), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def make_monitored(root: Path, *, count: int = 2000) -> Project:
    """A project that tracks `train.csv`."""
    project = Project.make(root)
    write_rows(root / "train.csv", rows(count))
    project.save("train.csv")
    return project


def run_monitor(project: Project, *live: str, cwd: Path | None = None, **options: Any) -> MonitorResult:
    """`dver monitor LIVE --reference train.csv --ignore id`, with `options`."""
    known = {} if "model" in options else {"reference": "train.csv"}
    request = monitor_request(**{**known, "ignore": ("id",), **options})
    with project.opened() as repo:
        return monitor(repo, live, request, cwd=cwd or project.root)
