"""The lineage of a model for other people: `lineage.json` of packages. Without users, machines and secrets. Pure."""

from __future__ import annotations

import datetime
from typing import Any, Final

from dver.core.public_text import SecretFilter
from dver.formats.lock import LockedItem, LockedStage
from dver.formats.run_record import RunRecord
from dver.pipelines.lineage import Lineage, LineageInput, LineageStep

VERSION: Final = 1


def lineage_json(lineage: Lineage | None, path: str, secrets: SecretFilter) -> dict[str, Any]:
    """The stages that made the model at `path`, the most upstream last; none if no stage made it."""
    stages = [] if lineage is None else [_stage(step) for step in lineage.stages]
    return {"format": VERSION, "path": path, "stages": secrets.value(stages)}


def _stage(step: LineageStep) -> dict[str, Any]:
    run: LockedStage = step.run
    return {
        "stage": str(step.address),
        "command": [run.cmd] if isinstance(run.cmd, str) else list(run.cmd),
        "working_directory": run.wdir,
        "inputs": [_input(one) for one in step.sources],
        "outputs": [{"path": one.path, **_content(one)} for one in run.outs],
        "params": {file: dict(values) for file, values in run.params.items()},
        "environment_variables": sorted(run.env),
        "run": None if step.record is None else _run(step.record),
    }


def _input(source: LineageInput) -> dict[str, Any]:
    found: dict[str, Any] = {"path": source.place, "origin": source.origin.value}
    if source.item is not None:
        found.update(_content(source.item))
    if source.stages:
        found["stages"] = [str(one) for one in source.stages]
    return found


def _content(item: LockedItem) -> dict[str, Any]:
    return {"oid": str(item.oid), "size": item.size, "files": item.files}


def _run(record: RunRecord) -> dict[str, Any]:
    return {
        "started": iso_time(record.started),
        "ended": iso_time(record.ended),
        "commit": record.commit,
        "uncommitted_changes": record.dirty,
        "platform": record.platform,
        "cpus": record.cpus,
        "gpus": list(record.gpus),
        "python": record.python,
        "peak_memory": record.peak_memory,
        "seeds": dict(record.seeds),
        "dver": record.dver,
    }


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as text in UTC, such as `2026-03-01T12:00:00Z`."""
    try:
        found = datetime.datetime.fromtimestamp(int(seconds), tz=datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return "unknown"
    return found.isoformat().replace("+00:00", "Z")
