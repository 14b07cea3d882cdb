"""Changes in TOML files of parameters: comments, order and layout stay."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from dver.core.errors import UsageError
from dver.experiments.overrides.changes import ChangeKind, ParamChange
from dver.pipelines.definition.yaml_edits import by_hand


def edit_toml(content: bytes, name: str, change: ParamChange, after: Any) -> bytes:
    """The TOML file `name` with one change. The result is still to be verified.

    Raises UsageError for null, which TOML does not have, and PipelineError for a file that cannot be edited.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if change.kind is not ChangeKind.REMOVE and _has_null(change.value):
        raise UsageError(f"{name} cannot have null", why="TOML has no such value", fix="delete the key: -S '~KEY'")
    try:
        document: Any = tomlkit.parse(content)
        place = document
        *above, last = change.path
        for part in above:
            place = place[part]
        if change.kind is ChangeKind.REMOVE:
            del place[last]
        elif isinstance(last, int) and last == len(place):
            place.append(change.value)
        else:
            place[last] = _like(place[last], change.value) if change.kind is ChangeKind.REPLACE else change.value
        return tomlkit.dumps(document).encode()
    except (TOMLKitError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise by_hand(name, f"its layout is unusual ({error})") from None


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None


def _like(old: Any, value: Any) -> Any:
    """`value` as a date or time if the old value is one: other files have them as text."""
    if not isinstance(value, str):
        return value
    for kind in (datetime, date, time):
        if isinstance(old, kind):
            try:
                found = kind.fromisoformat(value)
            except ValueError:
                return value
            return found if found.isoformat() == value else value
    return value
