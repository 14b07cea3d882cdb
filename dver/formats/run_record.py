"""What is known of one run of a stage: who ran what, where, on what (docs/format/run.md).

JSON with sorted keys, so that people and other programs read it; a file of its own beside the run-cache entry.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from dver.core.errors import CorruptError, NewerVersionError

VERSION: Final = 1
SUFFIX: Final = ".json"
MAX_SIZE: Final = 4 << 20
"""Bytes that a record may have: an environment of ten thousand packages takes half a megabyte."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of a stage. What is not known is None, or empty."""

    stage: str
    """Its address, such as `train` or `models/dver.yaml:train`."""
    started: float
    """Seconds since the epoch, as is `ended`."""
    ended: float
    commit: str | None = None
    """Git's HEAD when it began."""
    dirty: bool = False
    """Were files that Git tracks changed then?"""
    user: str | None = None
    """As Git knows who runs it: name and address."""
    host: str | None = None
    platform: str | None = None
    """Operating system, release and machine."""
    cpus: int | None = None
    gpus: tuple[str, ...] = ()
    """Name and driver of each."""
    python: str | None = None
    """Version of the `python` that commands find."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Version by name of what is installed for that."""
    seeds: Mapping[str, Any] = field(default_factory=dict)
    """Parameters whose name says that they are seeds, by file and key."""
    peak_memory: int | None = None
    """Bytes that the largest process held at once."""
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
    """The bytes of `record`; what is not known is left out."""
    said = {name: value for name, value in asdict(record).items() if value or name in _REQUIRED}
    return (json.dumps({**said, "version": VERSION}, indent=1, sort_keys=True) + "\n").encode()


def decode(content: bytes) -> RunRecord:
    """The record that `content` holds; keys that this version does not know are passed over. Raises CorruptError."""
    if len(content) > MAX_SIZE:
        raise CorruptError("a run record that is too large", why=f"{len(content)} bytes, at most {MAX_SIZE} are read")
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptError("a run record that is no JSON", why=str(error)) from None
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
        raise CorruptError("a run record with impossible values", why="it began or ended at no time")
    return RunRecord(**{**values, "gpus": tuple(map(str, values.get("gpus", ())))})
