"""Tags of the model registry: GTO's names, and the details that dver adds to messages (docs/format/registry.md).

churn@v1.2.3      registers a version        churn@v1.2.3!     removes it from the registry
churn#prod#4      assigns a stage            churn#prod!#5     removes the version from the stage
churn@deprecated  deprecates the artifact    team=churn@v1.0.0 the artifact `churn` of `team/dver.yaml`
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.semantic_version import PATTERN as _SEMANTIC_VERSION

VERSION: Final = 1
_NAME: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9\-/_]*[a-zA-Z0-9])?"
_DIRECTORY: Final = r"[a-zA-Z0-9\-_./]+"
_ARTIFACT: Final = re.compile(rf"(?:{_DIRECTORY}:)?{_NAME}")
_STAGE: Final = re.compile(_NAME)
_TAG: Final = re.compile(
    rf"((?:{_DIRECTORY}=)?{_NAME})"  # the artifact
    rf"(?:(?:#({_NAME})|@(v{_SEMANTIC_VERSION}))(!?)|@(deprecated|created))"  # stage or version, `!`, or a word
    r"(?:#([0-9]{1,18}))?",
    re.ASCII,
)
_DETAILS: Final = "dver: "
"""The start of the line with the details, the last one of a message."""
MAX_MESSAGE: Final = 1 << 20
"""The largest message whose details are read, in bytes."""


class RegistryAction(Enum):
    """What a tag does. The names are those of GTO's events."""

    REGISTER = "registration"
    DEREGISTER = "deregistration"
    ASSIGN = "assignment"
    UNASSIGN = "unassignment"
    DEPRECATE = "deprecation"
    CREATE = "creation"


@dataclass(frozen=True, slots=True)
class RegistryTag:
    """The parts of a tag's name; `str` writes it."""

    artifact: str
    """Such as `churn`, or `team/models:churn` for an artifact of `team/models/dver.yaml`."""
    action: RegistryAction
    version: str | None = None
    """With its `v`; of registrations and deregistrations only."""
    stage: str | None = None
    number: int | None = None
    """The place among the numbered tags of the artifact."""

    @classmethod
    def parse(cls, name: str) -> RegistryTag | None:
        """The parts of the tag `name`; None for a tag that is not of the registry."""
        found = _TAG.fullmatch(name)
        if found is None:
            return None
        artifact, stage, version, cancels, word, number = found.groups()
        if word:
            action = RegistryAction.DEPRECATE if word == "deprecated" else RegistryAction.CREATE
        elif version:
            action = RegistryAction.DEREGISTER if cancels else RegistryAction.REGISTER
        else:
            action = RegistryAction.UNASSIGN if cancels else RegistryAction.ASSIGN
        return cls(artifact.replace("=", ":"), action, version, stage, int(number) if number else None)

    def __str__(self) -> str:
        if self.version is not None:
            rest = f"@{self.version}"
        elif self.stage is not None:
            rest = f"#{self.stage}"
        else:
            rest = "@deprecated" if self.action is RegistryAction.DEPRECATE else "@created"
        cancels = "!" if self.action in (RegistryAction.DEREGISTER, RegistryAction.UNASSIGN) else ""
        number = f"#{self.number}" if self.number is not None else ""
        return f"{self.artifact.replace(':', '=')}{rest}{cancels}{number}"


def is_artifact_name(text: str) -> bool:
    """Whether an artifact may have this name, with or without the directory of its `dver.yaml`."""
    return _ARTIFACT.fullmatch(text) is not None


def is_stage_name(text: str) -> bool:
    """Whether a stage of the registry may have this name."""
    return _STAGE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, repr=False)
class TagDetails(Displayed):
    """What dver records in the message of a tag. GTO's tags have none of it."""

    version: str | None = None
    """The version that an assignment is about; a commit may have several."""
    path: str | None = None
    """The artifact's path, relative to the top of the Git repository."""
    content: Oid | None = None
    """The object of the artifact; None if Git tracks the file."""
    size: int | None = None
    """In bytes."""
    type: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Numbers of the metrics files by `FILE:KEY`."""
    lineage: str | None = None
    """The digest of the stages that produced the artifact, as hexadecimal text."""
    experiment: str | None = None
    """The name of the registered experiment."""
    checks: Mapping[str, Any] = field(default_factory=dict)
    """Results of data checks."""


def encode_message(text: str, details: TagDetails) -> str:
    """The message of a tag: `text`, and the details in its last line."""
    known = {name: value for name in _ENCODED if (value := getattr(details, name))}
    if details.content is not None:
        known["content"] = str(details.content)
    line = json.dumps({**known, "format": VERSION}, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return f"{text.strip()}\n\n{_DETAILS}{line}\n"


def split_message(message: str) -> tuple[str, str]:
    """The text of a tag's message, and the encoded details; empty for a tag of another program."""
    text, separator, line = message.rstrip().rpartition(f"\n\n{_DETAILS}")
    return (text.strip(), line) if separator and "\n" not in line else (message.strip(), "")


def decode_details(line: str) -> TagDetails:
    """Decode the details of a tag. Ignores unknown keys. Raises CorruptError."""
    if not line:
        return TagDetails()
    try:
        known = json.loads(line) if len(line) <= MAX_MESSAGE else None
    except (ValueError, RecursionError) as error:
        raise CorruptError("the details of a registry tag are not JSON", why=str(error)) from None
    if not isinstance(known, dict) or type(known.get("format")) is not int:
        raise CorruptError("the details of a registry tag have no version")
    if known["format"] > VERSION:
        raise NewerVersionError.of_format("the details of a registry tag", known["format"], VERSION)
    values = {name: known[name] for name in _ENCODED if name in known}
    wrong = [name for name, value in values.items() if not _is_valid(name, value)]
    if wrong:
        raise CorruptError("the details of a registry tag have impossible values", why=", ".join(wrong))
    content = Oid.parse(str(known["content"])) if "content" in known else None
    return TagDetails(content=content, **values)


_ENCODED: Final[Mapping[str, type]] = {
    "version": str,
    "path": str,
    "size": int,
    "type": str,
    "metrics": dict,
    "lineage": str,
    "experiment": str,
    "checks": dict,
}


def _is_valid(name: str, value: Any) -> bool:
    if type(value) is not _ENCODED[name]:
        return False
    match value:
        case int():
            return value >= 0
        case dict() if name == "metrics":
            return all(type(one) in (int, float) and math.isfinite(one) for one in value.values())
    return True
