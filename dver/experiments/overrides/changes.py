"""What overrides do to values. Pure: the values are those that `parse_values` reads from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final

from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.experiments.overrides.override import KeyPart, Override, OverrideAction, split_key, value_text
from dver.pipelines.definition.param_files import ABSENT, flatten

KeyPath = tuple[str | int, ...]
"""The keys of mappings and the indexes of lists that lead to a value."""

_CLOSE: Final = 3
"""The number of close matches in a message."""


class ChangeKind(Enum):
    """What happens at a path."""

    REPLACE = "replace"
    INSERT = "insert"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class ParamChange:
    """A change at a path. The last part of an inserted path is a new key, or the length of a list."""

    kind: ChangeKind
    path: KeyPath
    value: Any = None


def plan_change(values: Mapping[str, Any], override: Override) -> ParamChange | None:
    """The change that `override` makes; None if its key has its value already. Raises UsageError."""
    parts = split_key(override.key)
    path = find_path(values, parts)
    action = override.action
    if action is OverrideAction.DELETE:
        return _removal(values, override, path)
    if path is not None:
        if action is OverrideAction.ADD:
            plain = Override(override.file, override.key, override.value)
            raise UsageError(
                f"{override.file} already has the key {override.key!r}",
                why=f"its value is {value_text(value_at(values, path))}",
                fix=f"-S {quoted(plain.short_text)}",
            )
        is_same = same_values(value_at(values, path), override.value)
        return None if is_same else ParamChange(ChangeKind.REPLACE, path, override.value)
    if action is OverrideAction.SET:
        raise missing_key(values, override)
    return _insertion(values, override, parts)


def changed_values(values: Any, change: ParamChange) -> Any:
    """A copy of `values` with `change`."""
    return _changed(values, change.path, change)


def value_at(values: Any, path: KeyPath) -> Any:
    """The value at `path`."""
    for part in path:
        values = values[part]
    return values


def same_values(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal in type, too: 1, 1.0 and true differ, and NaN equals itself."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same_values(one, right[key]) for key, one in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_values, left, right))
    return type(left) is type(right) and repr(left) == repr(right)


def find_path(values: Any, parts: Sequence[KeyPart]) -> KeyPath | None:
    """The path of an existing key. The shortest keys that match come first, as where stages read parameters."""
    if not parts:
        return ()
    for key, rest in _first_keys(values, parts):
        found = find_path(values[key], rest)
        if found is not None:
            return (key, *found)
    return None


def missing_key(values: Mapping[str, Any], override: Override) -> UsageError:
    """The error for a key that does not exist, with close matches and the override that adds it."""
    near = get_close_matches(override.key, list(flatten(values)), _CLOSE)
    put = Override(override.file, override.key, override.value, OverrideAction.ADD)
    return UsageError(
        f"{override.file} has no key {override.key!r}",
        why=f"similar keys: {', '.join(near)}" if near else None,
        fix=None if override.value is ABSENT else f"-S {quoted(put.short_text)} adds it",
    )


def _first_keys(values: Any, parts: Sequence[KeyPart]) -> list[tuple[Any, Sequence[KeyPart]]]:
    """The keys or indexes of `values` that the first of `parts` stand for, each with the parts that remain."""
    if isinstance(values, list):
        index = _index(parts[0])
        return [] if index is None or not -len(values) <= index < len(values) else [(index % len(values), parts[1:])]
    if not isinstance(values, Mapping):
        return []
    found: list[tuple[Any, Sequence[KeyPart]]] = []
    for length in range(1, len(parts) + 1):
        if length > 1 and any(part.quoted for part in parts[:length]):
            break
        key = ".".join(part.text for part in parts[:length])
        if key in values:
            found.append((key, parts[length:]))
    return found


def _index(part: KeyPart) -> int | None:
    text = part.text.removeprefix("-")
    return int(part.text) if not part.quoted and text.isascii() and text.isdigit() and len(text) < 10 else None


def _removal(values: Mapping[str, Any], override: Override, path: KeyPath | None) -> ParamChange:
    if path is None:
        raise missing_key(values, Override(override.file, override.key, action=OverrideAction.DELETE))
    found = value_at(values, path)
    if override.value is not ABSENT and not same_values(found, override.value):
        plain = Override(override.file, override.key, action=OverrideAction.DELETE)
        raise UsageError(
            f"{override.key!r} in {override.file} is {value_text(found)}, not {value_text(override.value)}",
            fix=f"-S {quoted(plain.short_text)} deletes it",
        )
    return ParamChange(ChangeKind.REMOVE, path)


def _insertion(values: Mapping[str, Any], override: Override, parts: Sequence[KeyPart]) -> ParamChange:
    """Adds the key of `override` to the deepest mapping or list on its way that exists."""
    path, rest = _deepest(values, parts)
    container = value_at(values, path)
    first, *inner = rest
    value = override.value
    for part in reversed(inner):
        value = {part.text: value}
    if isinstance(container, list):
        if _index(first) != len(container):
            raise UsageError(
                f"{override.file} has no key {override.key!r}",
                why=f"the list has {len(container)} elements, with the indexes from 0",
                fix=f"use the index {len(container)} to append one",
            )
        return ParamChange(ChangeKind.INSERT, (*path, len(container)), value)
    if first.text in container:
        raise UsageError(
            f"{override.file} has no key {override.key!r}, and cannot get it",
            why=f"{first.text!r} is {value_text(container[first.text])}, not a mapping",
        )
    if not all(part.text for part in rest):
        raise UsageError(f"invalid key {override.key!r}", why="a part between dots is empty")
    return ParamChange(ChangeKind.INSERT, (*path, first.text), value)


def _deepest(values: Any, parts: Sequence[KeyPart]) -> tuple[KeyPath, Sequence[KeyPart]]:
    """The path of the deepest mapping or list on the way of `parts`, and the parts that remain."""
    best: tuple[KeyPath, Sequence[KeyPart]] = ((), parts)
    for key, rest in _first_keys(values, parts):
        if rest and isinstance(values[key], (Mapping, list)):
            path, left = _deepest(values[key], rest)
            if len(left) < len(best[1]):
                best = ((key, *path), left)
    return best


def _changed(values: Any, path: KeyPath, change: ParamChange) -> Any:
    key, *rest = path
    copy: Any = list(values) if isinstance(values, list) else dict(values)
    if rest:
        copy[key] = _changed(values[key], tuple(rest), change)
    elif change.kind is ChangeKind.REMOVE:
        del copy[key]
    elif isinstance(copy, list) and key == len(copy):
        copy.append(change.value)
    else:
        copy[key] = change.value
    return copy
