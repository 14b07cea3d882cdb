"""Reads overrides as the command line has them: `[FILE:][+|++|~]KEY=VALUE`."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dver.core.errors import DverError, UsageError
from dver.experiments.overrides.choices import read_choices
from dver.experiments.overrides.override import QUOTED, Override, OverrideAction, checked_file, split_key
from dver.pipelines.definition.param_files import ABSENT
from dver.pipelines.definition.stage import PARAMS_FILE
from dver.pipelines.definition.yaml_tree import MAX_DIGITS

_SIGN: Final = r"\+\+|\+|~"
_KEY_PART: Final = rf'(?:{QUOTED}|[^".=]*)'
_HEAD: Final = re.compile(
    rf'(?P<outer>{_SIGN})?(?:(?P<file>{QUOTED}(?=:)|[^":=]+):)?(?P<inner>{_SIGN})?'
    rf"(?P<key>{_KEY_PART}(?:\.{_KEY_PART})*)(?P<equals>=?)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class SweptOverride:
    """An override as typed, which can stand for several values."""

    choices: tuple[Override, ...]
    """One override for each value."""
    typed: str


def parse_overrides(texts: Sequence[str], *, default_file: str = PARAMS_FILE) -> tuple[Override, ...]:
    """The overrides that `texts` stand for, in order.

    Raises UsageError for a malformed one, for one with several values (see `grid.expand`), and for a repeated key.
    """
    found = parse_swept(texts, default_file=default_file)
    for one in found:
        if len(one.choices) > 1:
            head, _, value = one.typed.partition("=")
            raise UsageError(
                f"{one.typed!r} has {len(one.choices)} values; expected one",
                fix=f"put text with commas in quotes: {head}='\"{value}\"'" if '"' not in value else None,
            )
    return tuple(one.choices[0] for one in found)


def parse_swept(texts: Sequence[str], *, default_file: str = PARAMS_FILE) -> tuple[SweptOverride, ...]:
    """As `parse_overrides`, for overrides that can have several values."""
    found = tuple(_parse(text, default_file) for text in texts)
    seen: dict[tuple[str, str], str] = {}
    for one in found:
        first = one.choices[0]
        if (first.file, first.key) in seen:
            raise UsageError(
                f"{first.key!r} of {first.file} is set twice",
                why=f"{seen[first.file, first.key]!r} and {one.typed!r}",
                fix=f"give all values at once, such as {first.key}=1,2",
            )
        seen[first.file, first.key] = one.typed
    return found


def override_texts(params: Mapping[str, Any] | Iterable[str]) -> tuple[str, ...]:
    """Overrides as the command line has them; a mapping has values by `[FILE:][+|++]KEY`.

    Raises UsageError for a value that is not a JSON value.
    """
    if not isinstance(params, Mapping):
        return (params,) if isinstance(params, str) else tuple(params)
    found = []
    for key, value in params.items():
        file, inner, action = parse_key(key)
        found.append(Override(file, inner, _json_value(value, key), action).text)
    return tuple(found)


def parse_key(text: str, *, folder: str = "") -> tuple[str, str, OverrideAction]:
    """The file, the key and the action of `[FILE:][+|++|~]KEY`. FILE is relative to `folder`. Raises UsageError."""
    match = _HEAD.fullmatch(text)
    if match is None or match["equals"]:
        raise _malformed(text)
    return _head(match, text, PARAMS_FILE, folder)


def _parse(text: str, default_file: str) -> SweptOverride:
    match = _HEAD.match(text)
    if match is None or _has_surrogates(text):
        raise _malformed(text)
    file, key, action = _head(match, text, default_file)
    rest = text[match.end() :]
    if not match["equals"]:
        if rest or action is not OverrideAction.DELETE:
            raise _malformed(text)
        return SweptOverride((Override(file, key, ABSENT, action),), text)
    values = _values(rest, text)
    if action is OverrideAction.DELETE and len(values) > 1:
        raise UsageError(f"{text!r} has several values; a key has only one", fix=f"use ~{key}")
    return SweptOverride(tuple(Override(file, key, value, action) for value in values), text)


def _head(match: re.Match[str], text: str, default_file: str, folder: str = "") -> tuple[str, str, OverrideAction]:
    if match["outer"] and match["inner"]:
        raise _malformed(text)
    key = match["key"].strip()
    if not key:
        raise _malformed(text)
    split_key(key)
    file = match["file"]
    if file is None:
        file = default_file
    elif file.startswith('"'):
        file = json.loads(file, strict=False)
    action = OverrideAction(match["outer"] or match["inner"] or "")
    return checked_file(posixpath.join(folder, file) if folder and file else file), key, action


def _values(text: str, typed: str) -> tuple[Any, ...]:
    try:
        return read_choices(text)
    except DverError as error:
        raise UsageError(f"invalid value in {typed!r}", why=error.what, fix=error.fix) from None


def _json_value(value: Any, key: str) -> Any:
    """`value` as a JSON value: tuples become lists, dates text, and numbers of NumPy those of Python."""
    if isinstance(value, Mapping):
        return {str(one): _json_value(inner, key) for one, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(one, key) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise UsageError(f"{key!r} is set to a number of more than {MAX_DIGITS} digits")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UsageError(
        f"{key!r} is set to a value of type {type(value).__name__}", why="expected numbers, text, lists or mappings"
    )


def _has_surrogates(text: str) -> bool:
    """Whether an argument was not UTF-8."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def _malformed(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is not an override", why="expected [FILE:]KEY=VALUE", fix="-S lr=0.1, or see dver exp run --help"
    )
