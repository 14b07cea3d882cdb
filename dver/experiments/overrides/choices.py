"""The values of an override: one, or several as `0.1,0.01`, `choice(a,b)` or `range(3,9)`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from dver.core.errors import UsageError
from dver.experiments.overrides.override import FUNCTION
from dver.pipelines.definition.yaml_tree import parse_yaml, plain_scalar

MAX_VARIANTS: Final = 100_000
"""The maximum number of variants in a grid, and of values of one key."""

_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


def read_choices(text: str) -> tuple[Any, ...]:
    """The values that `text` stands for, at least one. Raises UsageError or PipelineError."""
    pieces = split_commas(text)
    if len(pieces) > 1 and not all(piece.strip() for piece in pieces):
        raise UsageError("a value is empty", fix="remove the comma, or put text with commas in quotes")
    found = tuple(value for piece in pieces for value in _expanded(piece.strip()))
    if not found:
        raise UsageError(f"{text} has no values")
    if len(found) > MAX_VARIANTS:
        raise _too_many(text)
    return found


def split_commas(text: str) -> list[str]:
    """`text` split at the commas that are in no quotes, brackets, braces or parentheses."""
    pieces, begin, closing, quote = [], 0, list[str](), ""
    fresh = True  # a quote opens at the beginning of a value only: `it's` is text
    at = 0
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\" and quote == '"':
                at += 1
            elif char == quote:
                quote = ""
        elif fresh and char in "\"'":
            quote = char
        elif char in _OPENING:
            closing.append(_OPENING[char])
        elif closing and char == closing[-1]:
            closing.pop()
        elif char == "," and not closing:
            pieces.append(text[begin:at])
            begin = at + 1
        fresh = char in "([{,:" or (fresh and char.isspace())
        at += 1
    # Brackets that do not close are text, unless a list or mapping begins: then YAML says what is wrong.
    return [text] if closing or quote else [*pieces, text[begin:]]


def read_value(text: str) -> Any:
    """One value: YAML if it begins with a bracket, brace or quote, otherwise a plain scalar.

    Raises UsageError or PipelineError.
    """
    if not text.startswith(("[", "{", '"', "'")):
        return plain_scalar(text, "value")
    value = parse_yaml(text.encode(), "value").plain()
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError("the value has half of a surrogate pair") from None
    return value


def _expanded(piece: str) -> Iterator[Any]:
    """The values of one piece: those of a function, or one."""
    match = FUNCTION.fullmatch(piece)
    if match is None:
        yield read_value(piece)
        return
    arguments = [one.strip() for one in split_commas(match[2])]
    if not all(arguments):
        raise UsageError(f"{piece}: an argument is empty")
    if match[1] == "range":
        yield from _range(piece, arguments)
    else:
        for one in arguments:
            yield read_value(one)


def _range(piece: str, arguments: list[str]) -> Iterator[int | float]:
    """The numbers from start up to stop, without stop, as in Python. Fractions are exact: 0.1, 0.2, 0.3."""
    try:
        numbers = [Decimal(one) for one in arguments]
    except InvalidOperation:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(one.is_finite() for one in numbers):
        raise UsageError(f"{piece}: expected range(start,stop) or range(start,stop,step)")
    start, stop = numbers[:2] if len(numbers) > 1 else (Decimal(0), numbers[0])
    step = numbers[2] if len(numbers) > 2 else Decimal(1)
    if step == 0:
        raise UsageError(f"{piece}: the step is 0")
    size = math.ceil((stop - start) / step)
    if size > MAX_VARIANTS:
        raise _too_many(piece)
    if size <= 0:
        raise UsageError(f"{piece} has no values", why=f"it ends before it starts, in steps of {step}")
    whole = all("." not in one and "e" not in one.lower() for one in arguments)
    for number in range(size):
        value = start + number * step
        yield int(value) if whole else float(value)


def _too_many(text: str) -> UsageError:
    return UsageError(f"{text} has too many values", why=f"a grid can have at most {MAX_VARIANTS:,} variants")
