"""The reasons why a stage is out of date as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dver.core.phrasing import count, human_size, printable
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.pipelines.definition.param_files import ABSENT, NoValue
from dver.pipelines.engine.reasons import (
    Always,
    CommandChanged,
    DependencyChanged,
    DependencyMissing,
    EnvChanged,
    ExternalChanged,
    ExternalMissing,
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
from dver.store.trees.compare import change_summary

if TYPE_CHECKING:
    from dver.store.trees.compare import TreeChange

_VALUE_WIDTH: Final = 60
_BEFORE_DIFFERENCE: Final = 20
"""Characters of the common prefix of two long values."""
_NAMED: Final = 3
"""The number of files of a directory that are named."""


def reason_text(reason: Reason) -> str:
    """A reason in one line."""
    match reason:
        case NeverRun():
            return "never ran"
        case CommandChanged(old, new):
            return f"command changed: {_values(old, new)}"
        case FolderChanged(old, new):
            return f"directory changed: {printable(old)} -> {printable(new)}"
        case DependencyChanged():
            return _dependency(reason)
        case DependencyMissing(path):
            return f"missing: {printable(path)}"
        case ExternalChanged(url, old, new):
            return _external(url, old, new)
        case ExternalMissing(url):
            return f"missing: {_address(url)}"
        case ParamChanged(file, key, old, new):
            return f"parameter {printable(key)} of {printable(file)}: {_values(old, new)}"
        case EnvChanged(name, old, new):
            return f"environment variable {printable(name)}{_set_or_not(old, new)}"
        case OutputMissing(path):
            return f"output missing: {printable(path)}"
        case OutputChanged(path, _, _, files) if files and all(one.status.value == "removed" for one in files):
            return f"{count(len(files), 'file')} missing from output {printable(path)}: {_names(files)}"
        case OutputChanged(path, old, new, files):
            return f"output changed: {printable(path)}{_difference(old, new, files)}"
        case OutputsDiffer(added, gone):
            parts = [f"{printable(one)} added" for one in added] + [f"{printable(one)} removed" for one in gone]
            return "outputs changed: " + ", ".join(parts)
        case Upstream(stages):
            return f"after {', '.join(printable(str(one)) for one in stages[:3])}" + (
                f" and {count(len(stages) - 3, 'more stage')}" if len(stages) > 3 else ""
            )
        case Always(declared):
            return "always_changed" if declared else "no dependencies and no outputs"
        case Forced():
            return "--force"


def _set_or_not(old: str | NoValue | None, new: str | NoValue | None) -> str:
    """The change of a variable without its values."""
    match old, new:
        case (NoValue.ABSENT, _):
            return ": new in `env`"
        case (_, NoValue.ABSENT):
            return ": no longer in `env`"
        case (None, _):
            return ": now set"
        case (_, None):
            return ": no longer set"
    return " changed"


def _dependency(reason: DependencyChanged) -> str:
    name = printable(reason.path)
    if reason.old is None:
        return f"new dependency: {name}"
    if reason.new is None:
        return f"no longer a dependency: {name}"
    return f"changed: {name}{_difference(reason.old, reason.new, reason.files)}"


def _external(url: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"new dependency: {_address(url)}"
    return f"no longer a dependency: {_address(url)}" if new is None else f"changed: {_address(url)}"


def _address(url: str) -> str:
    from dver.remote.urls.url_info import shown  # `dver status` rarely needs it

    return printable(shown(url))


def _difference(old: LockedItem, new: LockedItem, files: Sequence[TreeChange] | None) -> str:
    if files:
        return f", {count(len(files), 'file')} ({change_summary(files)}): {_names(files)}"
    before, after = _measured(old), _measured(new)
    return f" ({before} -> {after})" if before != after else ""


def _names(files: Sequence[TreeChange]) -> str:
    names = ", ".join(printable(change.path) for change in files[:_NAMED])
    return names + (", …" if len(files) > _NAMED else "")


def _measured(item: LockedItem) -> str:
    size = human_size(item.size)
    return f"{count(item.files, 'file')}, {size}" if item.kind is ObjectKind.TREE else size


def _values(old: Any, new: Any) -> str:
    """Both values, shortened around their difference."""
    before, after = _value(old), _value(new)
    if max(len(before), len(after)) > _VALUE_WIDTH:
        begin = max(0, _in_common(before, after) - _BEFORE_DIFFERENCE)
        before, after = (_cut(text, begin) for text in (before, after))
    return f"{before} -> {after}"


def _in_common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def _cut(text: str, begin: int) -> str:
    shown = ("…" if begin else "") + text[begin:]
    return shown if len(shown) <= _VALUE_WIDTH else shown[: _VALUE_WIDTH - 1] + "…"


def _value(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    if isinstance(value, str):
        return printable(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)
