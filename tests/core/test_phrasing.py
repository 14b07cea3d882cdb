from __future__ import annotations

import shlex

import pytest

from dver.core.phrasing import count, human_size, join_limited, quoted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_234_567, "1,234,567 files")]
)
def test_a_count_has_the_noun_in_singular_or_plural(number: int, text: str) -> None:
    assert count(number, "file") == text


def test_an_irregular_plural_is_given() -> None:
    assert [count(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]


@pytest.mark.parametrize(
    ("names", "limit", "text"),
    [
        ([], 3, ""),
        (["a", "b", "c"], 3, "a, b, c"),
        (["a", "b", "c", "d"], 3, "a, b, c and 1 more"),
        (["a", "b", "c"] * 1001, 3, "a, b, c and 3,000 more"),
        (["a"], 1, "a"),
        (["a", "b", "c", "d"], 2, "a, b and 2 more"),
    ],
)
def test_a_list_names_some_and_counts_the_rest(names: list[str], limit: int, text: str) -> None:
    assert join_limited(names, limit) == text


def test_a_list_names_three_by_default() -> None:
    assert join_limited(["a", "b", "c", "d"]) == "a, b, c and 1 more"


@pytest.mark.parametrize(
    ("path", "text"), [("a/b.csv", "a/b.csv"), ("two words", "'two words'"), ("-f", "./-f"), ("a;b", "'a;b'")]
)
def test_a_path_is_quoted_as_one_argument(path: str, text: str) -> None:
    assert quoted(path) == text
    assert len(shlex.split(quoted(path))) == 1


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (9_949_999, "9.9 MB"),
        (9_950_000, "10 MB"),
        (12_345_678, "12 MB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2_000_000_000, "2.0 GB"),
        (3 * 10**12, "3.0 TB"),
        (4 * 10**18, "4000 PB"),
    ],
)
def test_sizes_are_decimal_and_short(size: int, shown: str) -> None:
    assert human_size(size) == shown
