"""Values in lock files: JSON on one line, and `.inf`, `-.inf` and `.nan` of YAML."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final

from dver.core.errors import CorruptError

INTEGER_DIGITS: Final = 400
"""The digits of the longest integer."""
_DEPTH: Final = 50
_LARGEST: Final = 10**INTEGER_DIGITS
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_JSON_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')
_YAML_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN|-?\.inf|\.nan')
_TO_YAML: Final = {"Infinity": ".inf", "-Infinity": "-.inf", "NaN": ".nan"}
_TO_JSON: Final = {word: one for one, word in _TO_YAML.items()}
_CONSTANTS: Final = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def encode_value(value: object) -> str:
    """Encode a value as one line. Raises CorruptError for a value that a lock file cannot have."""
    _refuse_the_large(value)
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    except (ValueError, TypeError) as error:
        raise _unwritable(str(error)) from None
    if "Infinity" in text or "NaN" in text:
        text = _JSON_WORD.sub(lambda match: _TO_YAML.get(match[0], match[0]), text)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def decode_value(text: str, pairs: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    """Decode a value. `pairs` makes mappings. Raises ValueError or RecursionError."""
    if ".inf" in text or ".nan" in text or "Infinity" in text or "NaN" in text:
        text = _YAML_WORD.sub(_json_word, text)
    return json.loads(text, parse_constant=_CONSTANTS.__getitem__, parse_int=_integer, object_pairs_hook=pairs)


def _json_word(match: re.Match[str]) -> str:
    if match[0] in _TO_YAML:
        raise ValueError(f"{match[0]} is no value")
    return _TO_JSON.get(match[0], match[0])


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > INTEGER_DIGITS:
        raise ValueError(f"an integer of more than {INTEGER_DIGITS} digits")
    return int(text)


def _refuse_the_large(value: object, depth: int = 0) -> None:
    if isinstance(value, int) and not -_LARGEST < value < _LARGEST:
        raise _unwritable(f"an integer of more than {INTEGER_DIGITS} digits")
    if depth > _DEPTH:
        raise _unwritable(f"it is nested more than {_DEPTH} times")
    if isinstance(value, (list, tuple)):
        for one in value:
            _refuse_the_large(one, depth + 1)
    elif isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise _unwritable("a key that is not text")
        for one in value.values():
            _refuse_the_large(one, depth + 1)


def _unwritable(why: str) -> CorruptError:
    return CorruptError("a value that a lock file cannot have", why=why)
