"""Reads a file store of MLflow: `mlruns/EXPERIMENT/RUN/` with `meta.yaml`, `params`, `metrics`, `tags`, `artifacts`.

MLflow itself is not needed. A param or tag is a file with its value; a metric is a file with a line for each value:
time in milliseconds, value and step, and in later versions more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from dver.core.errors import CorruptError, DverError, UsageError
from dver.core.files import explain, read_regular
from dver.core.phrasing import quoted

_META: Final = "meta.yaml"
_RUN: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST: Final = 1 << 20
"""The most bytes of a `meta.yaml`."""
_DEPTH: Final = 32
"""The most directories below each other: names can have slashes."""


class RunStatus(IntEnum):
    """The status of a run, as `meta.yaml` has it."""

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5


class MetricPoint(NamedTuple):
    """A value of a metric. The latest value is the one with the greatest step, then time, then value."""

    step: int
    time: int
    """Milliseconds since 1970."""
    value: float


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Where a run is."""

    path: Path
    id: str
    experiment: str
    """The name of its experiment."""


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A run as the file store has it."""

    id: str
    experiment: str
    name: str
    status: RunStatus
    is_deleted: bool
    user: str
    start: float | None
    """Seconds since 1970."""
    end: float | None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, tuple[MetricPoint, ...]] = field(default_factory=dict)
    """In the order of the file."""
    artifacts: Mapping[str, int] = field(default_factory=dict)
    """Sizes in bytes by path."""


def find_runs(store: Path) -> list[RunDirectory]:
    """The runs of all experiments that are not deleted. Raises UsageError for anything but a file store."""
    if not store.is_dir():
        raise UsageError(
            f"{os.fspath(store)!r} is not a directory", fix="name the directory with the runs, such as mlruns"
        )
    found: list[RunDirectory] = []
    is_store = False
    for path in _directories(store):
        if (path / _META).exists():
            is_store = True
            meta = _experiment(path)
            if meta.get("lifecycle_stage") != "deleted":
                name = str(meta.get("name") or path.name)
                found += [RunDirectory(one, one.name, name) for one in _directories(path) if _RUN.fullmatch(one.name)]
    if not is_store:
        raise _not_a_store(store)
    return found


def read_run(directory: RunDirectory) -> MlflowRun:
    """Read a run; of one that has not finished or is deleted, only its `meta.yaml`. Raises CorruptError."""
    try:
        run = _parse_meta(directory, _yaml(directory.path / _META))
        return run if run.is_deleted or run.status < RunStatus.FINISHED else _with_values(run, directory.path)
    except CorruptError:
        raise
    except OSError as error:
        raise CorruptError(f"run {directory.id} cannot be read", why=explain(error).why) from error
    except DverError as error:
        raise CorruptError(f"run {directory.id} cannot be read", why=error.what) from error


def _with_values(run: MlflowRun, path: Path) -> MlflowRun:
    tags = {name: _text(file) for name, file in _files(path / "tags")}
    return replace(
        run,
        name=run.name or tags.get("mlflow.runName", ""),
        user=tags.get("mlflow.user", run.user),
        params={name: _text(file) for name, file in _files(path / "params")},
        tags=tags,
        metrics={name: points for name, file in _files(path / "metrics") if (points := _points(file))},
        artifacts={name: os.lstat(file).st_size for name, file in _files(path / "artifacts")},
    )


def _directories(above: Path) -> list[Path]:
    """The directories in `above`, except of hidden ones such as `.trash`."""
    with os.scandir(above) as listing:
        names = [one.name for one in listing if one.is_dir() and not one.name.startswith(".")]
    return [above / name for name in sorted(names)]


def _experiment(path: Path) -> Mapping[str, Any]:
    """The `meta.yaml` of an experiment; empty if it cannot be read, which is no reason to give up its runs."""
    try:
        return _yaml(path / _META)
    except (DverError, OSError):
        return {}


def _files(above: Path, *, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The names and paths of the files below a directory. Links, pipes and a missing directory are left out."""
    if depth > _DEPTH:
        raise CorruptError(f"{os.fspath(above)!r} is too deep", why=f"names have at most {_DEPTH} slashes")
    try:
        with os.scandir(above) as listing:
            entries = sorted(listing, key=lambda one: one.name)
    except FileNotFoundError:
        return
    for one in entries:
        if one.is_dir(follow_symlinks=False):
            yield from _files(above / one.name, prefix=f"{prefix}{one.name}/", depth=depth + 1)
        elif one.is_file(follow_symlinks=False):
            yield prefix + one.name, one.path


def _yaml(path: Path) -> dict[str, Any]:
    import yaml  # slow to import

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
    try:
        found = yaml.load(read_regular(path, _LARGEST), Loader=loader)  # noqa: S506 - both loaders are safe
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CorruptError(f"{os.fspath(path)!r} is not YAML", why=str(error).partition("\n")[0]) from error
    if not isinstance(found, dict):
        raise CorruptError(f"{os.fspath(path)!r} is damaged", why="it has no mapping")
    return found


def _parse_meta(directory: RunDirectory, meta: Mapping[str, Any]) -> MlflowRun:
    try:
        status = meta["status"]
        return MlflowRun(
            directory.id,
            directory.experiment,
            str(meta.get("run_name") or ""),
            RunStatus[status] if isinstance(status, str) else RunStatus(status),
            meta.get("lifecycle_stage", "active") != "active",
            str(meta.get("user_id") or ""),
            _seconds(meta.get("start_time")),
            _seconds(meta.get("end_time")),
        )
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        why = f"{type(error).__name__}: {error}"
        raise CorruptError(f"{os.fspath(directory.path / _META)!r} is damaged", why=why) from error


def _seconds(milliseconds: object) -> float | None:
    if milliseconds is None:
        return None
    if not isinstance(milliseconds, (int, float)):
        raise TypeError(f"{milliseconds!r} is not a time")
    return milliseconds / 1000


def _text(path: str) -> str:
    with open(path, "rb", buffering=0) as file:  # a run has dozens of small files
        return file.readall().decode("utf-8", "replace")


def _points(path: str) -> tuple[MetricPoint, ...]:
    found = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if words := line.split():
            try:  # the first versions had no steps
                step = int(words[2]) if len(words) > 2 else 0
                found.append(MetricPoint(step, int(words[0]), float(words[1])))
            except (ValueError, IndexError) as error:
                raise CorruptError(f"{path!r} is damaged", why=f"line {number}: {line[:80]!r}") from error
    return tuple(found)


def _not_a_store(path: Path) -> UsageError:
    inner = path / "mlruns"
    if inner.is_dir():
        fix = f"dver exp import-mlflow {quoted(os.fspath(inner))}"
    elif list(path.glob("*.db")):
        fix = "export the runs of the database to a file store first"
    else:
        fix = "name the directory that MLFLOW_TRACKING_URI names: dver exp import-mlflow mlruns"
    why = f"no directory in it has a {_META}"
    return UsageError(f"{os.fspath(path)!r} is not a file store of MLflow", why=why, fix=fix)
