"""Expressions of GitHub Actions (`${{ … }}`), as far as workflows of dver use them. Importable from every test."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"(?P<text>'(?:[^']|'')*')|(?P<operator>&&|\|\||==|!=|!|[(),])|(?P<name>[A-Za-z_][\w.-]*)|(?P<space>\s+)"
)
_WORDS = {"&&": " and ", "||": " or ", "!": " not "}
_STATUS = ("success", "failure", "cancelled", "always")


def evaluate(expression: str, context: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """The value of an expression. Unknown names are None, as on GitHub."""
    known = {"contains": lambda items, item: item in items, "fromJSON": json.loads, **functions}
    parts, at = [], 0
    while at < len(expression):
        token = _TOKEN.match(expression, at)
        assert token is not None, f"cannot read {expression[at:]!r}"
        at = token.end()
        if token["text"]:
            parts.append(repr(token["text"][1:-1].replace("''", "'")))
        elif token["operator"]:
            parts.append(_WORDS.get(token["operator"], token["operator"]))
        elif token["name"]:
            is_call = expression[at : at + 1] == "("
            parts.append(f"call[{token['name']!r}]" if is_call else f"look_up({token['name']!r})")
    names = {"__builtins__": {}, "call": known, "look_up": lambda name: _look_up(name, context)}
    return eval("".join(parts).strip(), names)


def is_true(condition: str | None, context: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> bool:
    """Whether an `if` holds. Without a function of status, it implies success()."""
    text = (condition or "success()").strip().removeprefix("${{").removesuffix("}}").strip()
    value = evaluate(text, context, functions)
    if not any(f"{one}()" in text for one in _STATUS):
        value = value and functions["success"]()
    return bool(value)


def interpolate(text: str, context: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> str:
    """The text with the values of its expressions."""

    def value(found: re.Match[str]) -> str:
        known = evaluate(found[1].strip(), context, functions)
        return "" if known is None else str(known)

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


def _look_up(name: str, context: Mapping[str, Any]) -> Any:
    found: Any = context
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
