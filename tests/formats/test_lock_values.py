from __future__ import annotations

import math
from typing import Any

import pytest

from dver.core.errors import CorruptError
from dver.formats.lock_values import INTEGER_DIGITS, decode_value, encode_value


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (0.1, "0.1"),
        ({"b": 1, "a": [True]}, '{"a": [true], "b": 1}'),
        (math.inf, ".inf"),
        ([-math.inf], "[-.inf]"),
        ("NaN and .inf", '"NaN and .inf"'),
        ({"NaN": math.inf, "x": '"Infinity"'}, '{"NaN": .inf, "x": "\\"Infinity\\""}'),
        ("é", '"é"'),
        ("\x7f\u2028\ufeff", '"\\u007f\\u2028\\ufeff"'),
        ("\udce9", '"\\udce9"'),
        (10**INTEGER_DIGITS - 1, "9" * INTEGER_DIGITS),
    ],
)
def test_a_value_is_one_line_and_reads_back(value: Any, text: str) -> None:
    assert encode_value(value) == text
    assert decode_value(text, dict) == value


def test_nan_reads_back() -> None:
    assert encode_value([math.nan]) == "[.nan]"
    assert math.isnan(decode_value("[.nan]", dict)[0])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (10**INTEGER_DIGITS, "an integer of more than 400 digits"),
        ([{"a": -(10**INTEGER_DIGITS)}], "an integer of more than 400 digits"),
        (nested(60), "it is nested more than 50 times"),
        ({1: 2}, "a key that is not text"),
        ([{"a": {None: 1}}], "a key that is not text"),
        ({1, 2}, "Object of type set is not JSON serializable"),
    ],
)
def test_a_value_that_no_lock_file_can_have_is_refused(value: object, why: str) -> None:
    with pytest.raises(CorruptError) as caught:
        encode_value(value)
    assert (caught.value.what, caught.value.why) == ("a value that a lock file cannot have", why)


@pytest.mark.parametrize(
    "text", ["", "{", "Infinity", "[-Infinity]", "NaN", ".inf.nan", "1" * (INTEGER_DIGITS + 1), "'a'", "1 2"]
)
def test_invalid_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no value|Expecting|Extra data|more than 400 digits"):
        decode_value(text, dict)


def test_mappings_are_made_from_their_pairs() -> None:
    assert decode_value('{"a": 1, "a": 2}', list) == [("a", 1), ("a", 2)]
