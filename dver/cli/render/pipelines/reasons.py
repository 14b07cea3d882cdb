"""Plans of stages and the reasons why they are out of date, as text and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final

from dver.cli.render.data.changes import change_line
from dver.cli.render.json_output import simplified
from dver.cli.render.terminal import Style, printable
from dver.pipelines.definition.param_files import ABSENT
from dver.pipelines.engine.plan import Intent, StagePlan
from dver.pipelines.engine.reason_text import reason_text
from dver.pipelines.engine.reasons import (
    DependencyChanged,
    OutputChanged,
    Reason,
    Upstream,
)

_MOST_IN_JSON: Final = 1000


def step_lines(step: StagePlan, style: Style, *, every_file: bool = False) -> Iterator[str]:
    """The planned action of a stage and its reasons; with `every_file`, also all changed files of directories."""
    paint = style.yellow if step.intent is Intent.RUN else style.green
    yield f"{paint(step.intent.value)} {style.bold(printable(str(step.address)))}"
    for reason in step.reasons:
        yield f"  {reason_text(reason)}"
        if every_file and isinstance(reason, (DependencyChanged, OutputChanged)):
            for change in reason.files or ():
                yield f"    {change_line(change, style, printable)}"


def step_json(step: StagePlan) -> dict[str, Any]:
    """A planned stage as JSON. Each reason has a code and its own fields."""
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
        # Many stages may read one directory, and each would list all its files.
        values |= {"files": reason.files[:_MOST_IN_JSON], "changed": len(reason.files)}
    return {"reason": kind, **{name: simplified(one) for name, one in values.items() if one is not ABSENT}}
