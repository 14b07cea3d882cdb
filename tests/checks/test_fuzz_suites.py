"""Suites are written by people: whatever a file has, it is rules or an error with a position."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import damaged

from dver.checks.suite.parse import parse_rules, parse_suite
from dver.core.errors import PipelineError
from dver.pipelines.definition.yaml_tree import Mark, Node

PAGE = Path(__file__).parents[2] / "docs" / "format" / "checks.md"
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
KEYS = [*re.findall(r"`(\w+)`", PAGE.read_text()), "min", "max", "value", "against", "order", "extra", "x"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["5 %", "7d", "integer", "v1", ""])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def node(value: object) -> Node:
    mark = Mark("f", 1, 1)
    if isinstance(value, dict):
        return Node({key: node(one) for key, one in value.items()}, mark, dict.fromkeys(value, mark))
    if isinstance(value, list):
        return Node(tuple(map(node, value)), mark)
    assert value is None or isinstance(value, (bool, int, float, str))
    return Node(value, mark)


@settings(max_examples=200, deadline=None)
@given(damaged(st.just(EXAMPLE.encode())))
def test_a_damaged_suite_is_rules_or_an_error(content: bytes) -> None:
    try:
        found = parse_suite(content, "f")
    except PipelineError:
        return
    assert all(one.rules for one in found)


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_any_value_is_rules_with_a_digest_or_an_error(value: object) -> None:
    from dver.checks.suite.rules import CheckSuite
    from dver.checks.wording import expected_text

    try:
        rules = parse_rules(node(value))
    except PipelineError:
        return
    assert CheckSuite(b"a", "f", rules).digest
    assert all(expected_text(one) and one.title for one in rules)
