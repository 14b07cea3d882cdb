"""Patterns of paths in suites."""

from __future__ import annotations

import pytest

from dver.checks.suite.path_patterns import PathPattern


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "deep/a.csv", False),
        ("**/*.csv", "a.csv", True),
        ("**/*.csv", "very/deep/a.csv", True),
        ("a/**/b", "a/b", True),
        ("a/**/**/b", "a/x/y/b", True),
        ("a/**/b", "a/x/c", False),
        ("data/**", "data", False),
        ("data/**", "data/deep/a", True),
        ("**", "any/thing", True),
        ("a**b", "axxb", True),
        ("a**b", "ax/xb", False),
        ("p?.csv", "p1.csv", True),
        ("p?.csv", "p/.csv", False),
        ("[ab]", "b", True),
        ("[^ab]", "b", False),
        ("[!]x]", "a", True),
        ("a.csv", "aXcsv", False),
        ("*", "line\nbreak", True),
    ],
)
def test_patterns_match_whole_paths(pattern: str, path: str, expected: bool) -> None:
    assert PathPattern(pattern).matches(path) is expected


@pytest.mark.parametrize(
    ("pattern", "directory", "expected"),
    [
        ("*.csv", "a.csv", False),
        ("data/*.csv", "data", True),
        ("data/*.csv", "other", False),
        ("data/*.csv", "data/deep", False),
        ("data/**", "data/very/deep", True),
        ("**/*.csv", "very/deep", True),
        ("*/deep/x", "data/deep", True),
    ],
)
def test_a_pattern_may_match_below_a_directory(pattern: str, directory: str, expected: bool) -> None:
    assert PathPattern(pattern).may_match_below(directory) is expected


def test_a_reversed_range_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="reversed"):
        PathPattern("data/[z-a].csv")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 60 + "b", "a" * 255),
        ("**/*a/" * 30 + "b", "a/" * 1000 + "c"),
        ("**/" * 500 + "x", "a/" * 2000 + "y"),
    ],
)
def test_no_pattern_backtracks_without_end(pattern: str, path: str) -> None:
    # With an expression that backtracks, each of these takes longer than the tests may.
    assert not PathPattern(pattern).matches(path)
