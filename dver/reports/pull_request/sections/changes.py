"""Changed values as facts, for the sections of parameters and metrics."""

from __future__ import annotations

from typing import Any, Final

from dver.core.public_text import MASK, is_secret_name
from dver.pipelines.compare.params_metrics import ValueTable, compare_sides
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.param_files import ABSENT
from dver.reports.pull_request.unread_files import UnreadFiles

FACTS_MAX: Final = 1_000
"""The most items of a list in JSON."""


def changed_values(table: ValueTable, unread: UnreadFiles) -> tuple[list[tuple[str, ValueChange]], int]:
    """The values that differ, each with its file, and the number of all values. Those of `unread` files are unknown."""
    if unread.has_pipeline:
        return [], 0
    files = {file: found for file, found in compare_sides(*table.sides).items() if not unread.has(file)}
    changed = [(file, _public(one)) for file, found in files.items() for one in found if one.differs]
    return changed, sum(map(len, files.values()))


def _public(change: ValueChange) -> ValueChange:
    """The change without its values if the key names a secret."""
    if not is_secret_name(change.key.rpartition(".")[2]):
        return change
    return ValueChange(change.key, *(one if one is ABSENT else MASK for one in (change.old, change.new)))


def change_facts(file: str, change: ValueChange) -> dict[str, Any]:
    """A change as JSON types."""
    found = {"path": file, "name": change.key, "old": change.old, "new": change.new}
    return {key: value for key, value in found.items() if value is not ABSENT}
