"""The record of an unfinished retraining, so that the next call continues it. Deleted when it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from dver.core.errors import CorruptError
from dver.core.files import read_regular, write_atomic

_DIRECTORY: Final = "retrain"
_MAX_SIZE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class RetrainingRecord:
    """The finished steps of a retraining."""

    artifact: str
    data: tuple[str, ...] = ()
    """The data with new content, relative to the top of the Git worktree."""
    experiment: str | None = None
    """The experiment that trained the model; None before."""
    version: str | None = None
    """The registered version; None before."""


def read_record(worktree_dir: Path, artifact: str) -> RetrainingRecord | None:
    """The record of an unfinished retraining of `artifact`, if there is one. A damaged one counts as none."""
    with suppress(FileNotFoundError, CorruptError, ValueError, TypeError, KeyError):
        said: Mapping[str, Any] = json.loads(read_regular(_path(worktree_dir, artifact), _MAX_SIZE))
        known = {one.name for one in fields(RetrainingRecord)}
        return RetrainingRecord(**{**{key: said[key] for key in known if key in said}, "data": tuple(said["data"])})
    return None


def write_record(worktree_dir: Path, record: RetrainingRecord) -> None:
    """Replace the record, durably."""
    path = _path(worktree_dir, record.artifact)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(asdict(record), indent=1).encode())


def delete_record(worktree_dir: Path, artifact: str) -> None:
    """Delete the record, if there is one."""
    _path(worktree_dir, artifact).unlink(missing_ok=True)


def _path(worktree_dir: Path, artifact: str) -> Path:
    return worktree_dir / _DIRECTORY / f"{quote(artifact, safe='')}.json"
