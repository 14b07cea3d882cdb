"""The section `monitors` of `dver.yaml`: with what live data is compared, and how (docs/format/dver-yaml.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dver.core.display import Displayed
from dver.formats.monitor_history import NAME_PATTERN
from dver.pipelines.definition.yaml_fields import flag, list_items, mapping, number, one_or_more, scalar_text, text
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at

PATHS: Final = ("reference", "input", "baseline", "labels")
"""The keys with paths, relative to the directory of the file; `reference` and `baseline` may have `@REV`."""
_TEXTS: Final = (
    *("model", "time", "window", "prediction", "score", "target", "key", "positive"),
    *("task", "numbers", "categories"),
)
_KEYS: Final = (*PATHS, *_TEXTS, "live", "ignore", "columns", "class_score", "false_alarms", "only_worse")
_COLUMN_KEYS: Final = ("method", "threshold")


@dataclass(frozen=True, slots=True, repr=False)
class MonitorDefinition(Displayed):
    """One entry of `monitors`."""

    name: str
    mark: Mark
    options: Mapping[str, Any] = field(default_factory=dict)
    """The options of `dver monitor`, by the names of `dver.monitoring.request_options`."""
    live: tuple[str, ...] = ()
    """The live data that jobs of CI compare. Paths are relative to the directory of the file."""


def read_monitors(node: Node | None) -> Mapping[str, MonitorDefinition]:
    """The monitors by name. Raises PipelineError with the position of the mistake."""
    if node is None or node.value is None:
        return {}
    found = mapping(node, "`monitors`")
    return {name: _monitor(name, one, node.keys.get(name, node.mark)) for name, one in found.items()}


def _monitor(name: str, node: Node, mark: Mark) -> MonitorDefinition:
    what = f"monitor {name!r}"
    if NAME_PATTERN.fullmatch(name) is None:
        raise error_at(mark, f"invalid name of a {what}", fix="use lower-case letters, digits, `.`, `_` and `-`")
    found = mapping(node, what, _KEYS)
    if ("reference" in found) == ("model" in found):
        raise error_at(mark, f"{what} needs either `reference` or `model`", fix="write one of the two")
    options: dict[str, Any] = {
        key: scalar_text(found[key], f"`{key}` of {what}")
        for key in (*PATHS, *_TEXTS)
        if key in found and found[key].value is not None
    }
    if "ignore" in found:
        options["ignore"] = tuple(text(one, f"`ignore` of {what}") for one in list_items(found["ignore"], "`ignore`"))
    if "false_alarms" in found:
        options["false_alarms"] = number(found["false_alarms"], f"`false_alarms` of {what}")
    if "only_worse" in found:
        options["only_worse"] = flag(found, "only_worse", default=False)
    if "class_score" in found:
        scores = mapping(found["class_score"], f"`class_score` of {what}")
        options["class_score"] = {one: text(column, f"`class_score` of {what}") for one, column in scores.items()}
    columns = mapping(found["columns"], f"`columns` of {what}") if "columns" in found else {}
    fields = {column: mapping(one, f"column {column!r} of {what}", _COLUMN_KEYS) for column, one in columns.items()}
    options["method"] = {
        column: text(one["method"], f"`method` of {column!r}") for column, one in fields.items() if "method" in one
    }
    options["threshold"] = {
        column: number(one["threshold"], f"`threshold` of {column!r}")
        for column, one in fields.items()
        if "threshold" in one
    }
    live = tuple(text(one, f"`live` of {what}") for one in one_or_more(found.get("live"), f"`live` of {what}"))
    return MonitorDefinition(name, mark, options, live)
