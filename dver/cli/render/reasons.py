"""What is to be done for stages, and why: in words, and as JSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from dver.cli.render.changes import change_line, change_summary
from dver.cli.render.json_output import simplified
from dver.cli.render.terminal import Style, count, human_size, printable
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.pipelines.definition.param_files import ABSENT, NoValue
from dver.pipelines.engine.plan import Intent, StagePlan
from dver.pipelines.engine.reasons import (
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

if TYPE_CHECKING:
    from dver.store.trees.compare import TreeChange

_VALUE_WIDTH: Final = 60
_BEFORE_DIFFERENCE: Final = 20
"""Characters that are shown of what two long values have in common."""
_NAMED: Final = 3
"""Files of a directory that are named where not all are."""
_MOST_IN_JSON: Final = 1000


def step_lines(step: StagePlan, style: Style, *, every_file: bool = False) -> Iterator[str]:
    """What is to be done for a stage, and below it why; with `every_file`, all changed files of directories, too."""
    paint = style.yellow if step.intent is Intent.RUN else style.green
    yield f"{paint(step.intent.value)} {style.bold(printable(str(step.address)))}"
    for reason in step.reasons:
        yield f"  {reason_text(reason)}"
        if every_file and isinstance(reason, (DependencyChanged, OutputChanged)):
            for change in reason.files or ():
                yield f"    {change_line(change, style, _shown)}"


def step_json(step: StagePlan) -> dict[str, Any]:
    """A step for programs: each reason says what it is, and has its own fields."""
    return {
        "stage": str(step.address),
        "intent": step.intent.value,
        "reasons": [_reason_json(one) for one in step.reasons],
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(reason).__name__).lower()
    values = {field.name: getattr(reason, field.name) for field in fields(reason)}
    if isinstance(reason, Upstream):
        values = {"stages": [str(one) for one in reason.stages]}
    if isinstance(reason, (DependencyChanged, OutputChanged)) and reason.files is not None:
        # Many stages may read one directory, and each would name all of its files.
        values |= {"files": reason.files[:_MOST_IN_JSON], "changed": len(reason.files)}
    return {"reason": kind, **{name: simplified(one) for name, one in values.items() if one is not ABSENT}}


def reason_text(reason: Reason) -> str:
    """One line about a reason."""
    match reason:
        case NeverRun():
            return "it never ran"
        case CommandChanged(old, new):
            return f"its command changed: {_values(old, new)}"
        case FolderChanged(old, new):
            return f"it is run in another folder: {printable(old)} -> {printable(new)}"
        case DependencyChanged():
            return _dependency(reason)
        case DependencyMissing(path):
            return f"not there: {printable(path)}"
        case ParamChanged(file, key, old, new):
            return f"parameter {printable(key)} of {printable(file)}: {_values(old, new)}"
        case EnvChanged(name, old, new):
            return f"environment variable {printable(name)}{_set_or_not(old, new)}"
        case OutputMissing(path):
            return f"output not there: {printable(path)}"
        case OutputChanged(path, _, _, files) if files and all(one.status.value == "removed" for one in files):
            return f"{count(len(files), 'file')} missing from output {printable(path)}: {_names(files)}"
        case OutputChanged(path, old, new, files):
            return f"output is not as the stage left it: {printable(path)}{_difference(old, new, files)}"
        case OutputsDiffer(added, gone):
            parts = [f"new output {printable(one)}" for one in added] + [f"{printable(one)} is none" for one in gone]
            return "its outputs are others: " + ", ".join(parts)
        case Upstream(stages):
            return f"after {', '.join(printable(str(one)) for one in stages[:3])}" + (
                f" and {count(len(stages) - 3, 'more stage')}" if len(stages) > 3 else ""
            )
        case Always(declared):
            return "always_changed" if declared else "it has neither dependencies nor outputs"
        case Forced():
            return "--force"


def _set_or_not(old: str | NoValue | None, new: str | NoValue | None) -> str:
    """How a variable changed whose values are not recorded."""
    match old, new:
        case (NoValue.ABSENT, _):
            return ": new in `env`"
        case (_, NoValue.ABSENT):
            return ": no longer in `env`"
        case (None, _):
            return ": set, and was not"
        case (_, None):
            return ": not set, and was"
    return " changed"


def _dependency(reason: DependencyChanged) -> str:
    name = printable(reason.path)
    if reason.old is None:
        return f"new dependency: {name}"
    if reason.new is None:
        return f"no dependency any more: {name}"
    return f"changed: {name}{_difference(reason.old, reason.new, reason.files)}"


def _difference(old: LockedItem, new: LockedItem, files: Sequence[TreeChange] | None) -> str:
    if files:
        return f", {count(len(files), 'file')} ({change_summary(files)}): {_names(files)}"
    before, after = _measured(old), _measured(new)
    return f" ({before} -> {after})" if before != after else ""


def _names(files: Sequence[TreeChange]) -> str:
    names = ", ".join(_shown(change.path) for change in files[:_NAMED])
    return names + (", …" if len(files) > _NAMED else "")


def _measured(item: LockedItem) -> str:
    size = human_size(item.size)
    return f"{count(item.files, 'file')}, {size}" if item.kind is ObjectKind.TREE else size


def _shown(path: bytes) -> str:
    return printable(os.fsdecode(path))


def _values(old: Any, new: Any) -> str:
    """Both, shortened if they are long, but not to what they have in common."""
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
