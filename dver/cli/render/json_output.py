"""Results as JSON: the same fields as the dataclasses that operations return."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from dver.cli.errors import describe
from dver.core.oid import Oid

_LONE_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def encode(value: object) -> str:
    r"""`value` as indented JSON in UTF-8.

    An undecodable byte of a path becomes the escape of its surrogate (`\udcff` for 0xff), as in Python's `os.fsdecode`:
    the JSON is valid, and `os.fsencode` restores the byte.
    """
    text = json.dumps(simplified(value), indent=2, ensure_ascii=False)
    return _LONE_SURROGATES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def encode_list(items: Iterable[object]) -> str:
    """`items` as a JSON array with one item in each line: quicker to write than indented JSON, for long lists."""
    lines = ",\n".join(map(_encode_item, items))
    return _LONE_SURROGATES.sub(lambda match: f"\\u{ord(match[0]):04x}", f"[\n{lines}\n]" if lines else "[]")


def _encode_item(item: object) -> str:
    try:
        return json.dumps(item, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):  # it has more than JSON types, or numbers that are not in JSON
        return json.dumps(simplified(item), ensure_ascii=False)


def simplified(value: object) -> Any:
    """`value` as JSON types. Raises TypeError for values without an obvious form.

    An error, alone or in a result, is an object with `what`, `why`, `fix` and `exit_code`.
    """
    if isinstance(value, Enum):
        # Numbers of kinds have a meaning in binary formats only.
        return value.name.lower() if isinstance(value, int) else simplified(value.value)
    if isinstance(value, float) and not math.isfinite(value):  # not in JSON
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Oid):
        return str(value)
    if isinstance(value, (bytes, os.PathLike)):
        return os.fsdecode(value)
    if isinstance(value, BaseException):
        return simplified(describe(value))
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: simplified(getattr(value, field.name)) for field in fields(value) if field.compare}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return simplified(value._asdict())
    if isinstance(value, Mapping):
        return {_key(key): simplified(item) for key, item in value.items()}
    return _array(value)


def _key(key: object) -> str:
    text = simplified(key)
    return text if isinstance(text, str) else str(text)


def _array(value: object) -> list[Any]:
    if isinstance(value, (set, frozenset)):
        return sorted((simplified(item) for item in value), key=str)
    if isinstance(value, Iterable):
        return [simplified(item) for item in value]
    raise TypeError(f"no JSON form for {type(value).__name__}")
