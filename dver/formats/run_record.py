"""The record of one run of a stage: its user, time, commit, machine and packages (docs/format/run.md).

JSON with sorted keys, so that people and other programs read it; a file of its own beside the run-cache entry.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
SUFFIX: Final = ".json"
MAX_SIZE: Final = 4 << 20
"""The largest size of a record in bytes. Ten thousand packages take half a megabyte."""


@dataclass(frozen=True, slots=True, repr=False)
class RunRecord(Displayed):
    """One run of a stage. Unknown values are None or empty."""

    stage: str
    """Its address, such as `train` or `models/dver.yaml:train`."""
    started: float
    """Unix seconds, like `ended`."""
    ended: float
    commit: str | None = None
    """HEAD at the start."""
    dirty: bool = False
    """Were there uncommitted changes at the start?"""
    user: str | None = None
    """Name and e-mail address in Git's settings."""
    host: str | None = None
    platform: str | None = None
    """Operating system, release and machine."""
    cpus: int | None = None
    gpus: tuple[str, ...] = ()
    """The name and the driver of each GPU."""
    python: str | None = None
    """The version of `python` in the PATH."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """The versions of the packages of that Python, by name."""
    seeds: Mapping[str, Any] = field(default_factory=dict)
    """Parameters with names of seeds, by file and key."""
    peak_memory: int | None = None
    """The peak memory of the largest process in bytes."""
    dver: str | None = None


_REQUIRED: Final = frozenset(("stage", "started", "ended"))
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "stage": (str,),
    "started": (int, float),
    "ended": (int, float),
    "dirty": (bool,),
    "cpus": (int,),
    "gpus": (list,),
    "packages": (dict,),
    "seeds": (dict,),
    "peak_memory": (int,),
}


def encode(record: RunRecord) -> bytes:
    """The bytes of `record`, without unknown values."""
    said = {name: value for name, value in asdict(record).items() if value or name in _REQUIRED}
    return (json.dumps({**said, "version": VERSION}, indent=1, sort_keys=True) + "\n").encode()


def decode(content: bytes) -> RunRecord:
    """Decode a record. Ignores unknown keys. Raises CorruptError."""
    if len(content) > MAX_SIZE:
        raise CorruptError("a run record that is too large", why=f"{len(content)} bytes, at most {MAX_SIZE} are read")
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptError("a run record that is not JSON", why=str(error)) from None
    if not isinstance(said, dict) or not isinstance(said.get("version"), int):
        raise CorruptError("a run record without a version")
    if said["version"] > VERSION:
        raise NewerVersionError.of_format("a run record", said["version"], VERSION)
    known = {one.name for one in fields(RunRecord)}
    values = {name: value for name, value in said.items() if name in known}
    wrong = [name for name, value in values.items() if not isinstance(value, _TYPES.get(name, (str,)))]
    if wrong or not values.keys() >= _REQUIRED:
        raise CorruptError("a run record with impossible values", why=", ".join(wrong) or "it names no stage or times")
    if not all(0 <= values[name] < math.inf for name in ("started", "ended")):
        raise CorruptError("a run record with impossible values", why="its start or end is not a time")
    return RunRecord(**{**values, "gpus": tuple(map(str, values.get("gpus", ())))})
