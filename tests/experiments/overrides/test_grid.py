"""Grids of overrides."""

from __future__ import annotations

from typing import Any

import pytest

from dver.core.errors import UsageError
from dver.experiments.overrides.choices import MAX_VARIANTS, read_choices, split_commas
from dver.experiments.overrides.grid import expand


def values(*texts: str) -> list[tuple[Any, ...]]:
    return [tuple(one.value for one in variant) for variant in expand(texts)]


def test_every_combination_is_a_variant_and_the_last_key_varies_fastest() -> None:
    assert values("lr=0.1,0.01", "depth=range(3,6)", "seed=7") == [
        (0.1, 3, 7),
        (0.1, 4, 7),
        (0.1, 5, 7),
        (0.01, 3, 7),
        (0.01, 4, 7),
        (0.01, 5, 7),
    ]


def test_without_several_values_there_is_one_variant() -> None:
    assert values("lr=0.1", "depth=[3, 4]") == [(0.1, [3, 4])]
    assert values() == [()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2", [1, 2]),
        ("a, b", ["a", "b"]),
        ("'a,b',c", ["a,b", "c"]),
        ("[1, 2],[3]", [[1, 2], [3]]),
        ("{a: 1, b: 2},{}", [{"a": 1, "b": 2}, {}]),
        ("null,true", [None, True]),
        ("choice(a,b)", ["a", "b"]),
        ("choice( 'a,b' , [1, 2] )", ["a,b", [1, 2]]),
        ("choice(5)", [5]),
        ("range(3)", [0, 1, 2]),
        ("range(3,9)", [3, 4, 5, 6, 7, 8]),
        ("range(3,9,2)", [3, 5, 7]),
        ("range(9,3,-3)", [9, 6]),
        ("range(0.1,0.5,0.1)", [0.1, 0.2, 0.3, 0.4]),
        ("range(1,2,0.5)", [1.0, 1.5]),
        ("range(0,2),10", [0, 1, 10]),
        ("it's,me", ["it's", "me"]),
        ("f(a,b),c", ["f(a,b)", "c"]),
        ("a(,b", ["a(,b"]),
    ],
)
def test_one_key_has_several_values(text: str, expected: list[Any]) -> None:
    assert list(read_choices(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "range(a,b)",
        "range(1,2,3,4)",
        "range(.inf)",
        "range(1,5,0)",
        "range()",
        "range(5,1)",
        "choice()",
        "choice(a,)",
        "a,,b",
        "range(1e9)",
        f"range({MAX_VARIANTS + 1})",
    ],
)
def test_values_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid value in"):
        expand([f"lr={text}"])


def test_quotes_inside_of_a_word_are_text() -> None:
    assert split_commas("it's,that's") == ["it's", "that's"]
    assert split_commas("""a,"b,\\",c",'d,'""") == ["a", '"b,\\",c"', "'d,'"]


def test_a_grid_of_five_thousand_has_every_variant_once() -> None:
    found = values("a=range(50)", "b=range(10)", "c=range(10)")
    assert len(found) == len(set(found)) == 5000
    assert (found[0], found[-1]) == ((0, 0, 0), (49, 9, 9))


def test_a_grid_beyond_the_limit_is_refused_before_it_exists() -> None:
    with pytest.raises(UsageError, match=r"the grid has 1,000,000,000 variants \(1000 x 1000 x 1000\)"):
        expand(["a=range(1000)", "b=range(1000)", "c=range(1000)"])


def test_a_deletion_has_one_value() -> None:
    with pytest.raises(UsageError, match="a key has only one"):
        expand(["~a=1,2"])
