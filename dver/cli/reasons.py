"""Why a stage is to be run, in words."""

from __future__ import annotations

import json
from typing import Any

from dver.cli.terminal import count, printable
from dver.pipeline.reasons import (
    ABSENT,
    Always,
    CommandChanged,
    DependencyChanged,
    DependencyMissing,
    EnvChanged,
    FolderChanged,
    Forced,
    NeverRun,
    OutputChanged,
    OutputMissing,
    OutputsDiffer,
    ParamChanged,
    Reason,
    Upstream,
)

_VALUE_WIDTH = 60


def told(reason: Reason) -> str:
    """One line about a reason."""
    match reason:
        case NeverRun():
            return "it never ran"
        case CommandChanged(old, new):
            return f"its command changed: {_value(old)} -> {_value(new)}"
        case FolderChanged(old, new):
            return f"it is run in another folder: {printable(old)} -> {printable(new)}"
        case DependencyChanged(path, None, _):
            return f"new dependency: {printable(path)}"
        case DependencyChanged(path, _, None):
            return f"no dependency any more: {printable(path)}"
        case DependencyChanged(path, _, _):
            return f"changed: {printable(path)}"
        case DependencyMissing(path):
            return f"not there: {printable(path)}"
        case ParamChanged(file, key, old, new):
            return f"parameter {printable(key)} of {printable(file)}: {_value(old)} -> {_value(new)}"
        case EnvChanged(name, old, new):
            return f"environment variable {printable(name)}: {_value(old)} -> {_value(new)}"
        case OutputMissing(path):
            return f"output not there: {printable(path)}"
        case OutputChanged(path):
            return f"output is not as the stage left it: {printable(path)}"
        case OutputsDiffer(added, gone):
            parts = [f"new output {printable(one)}" for one in added] + [f"{printable(one)} is none" for one in gone]
            return "its outputs are others: " + ", ".join(parts)
        case Upstream(stages):
            return f"after {', '.join(printable(str(one)) for one in stages[:3])}" + (
                f" and {count(len(stages) - 3, 'more stage')}" if len(stages) > 3 else ""
            )
        case Always():
            return "always_changed"
        case Forced():
            return "--force"


def _value(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 1] + "…"
