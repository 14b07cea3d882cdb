"""The bytes of kept results of checks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import damaged

from dver.checks.result import RuleOutcome, RuleResult, Severity
from dver.core.errors import CorruptError, NewerVersionError
from dver.gates.result_format import decode, encode

results = st.builds(
    RuleResult,
    st.text(max_size=8),
    st.sampled_from(RuleOutcome),
    st.sampled_from(Severity),
    st.text(max_size=8),
    st.text(max_size=8),
    st.none() | st.text(max_size=8),
    st.none() | st.integers(0, 1 << 40),
    st.just(()),
    st.booleans(),
)
many = st.lists(results, max_size=4).map(tuple)
ONE = RuleResult("not-null", RuleOutcome.FAILED, Severity.CRITICAL, "no nulls", "3 nulls", "age", 3)


@given(many)
def test_results_survive_encoding(found: tuple[RuleResult, ...]) -> None:
    assert decode(encode(found)) == found


@given(damaged(many.map(encode)))
def test_damaged_results_raise_no_other_error(content: bytes) -> None:
    try:
        found = decode(content)
    except CorruptError:
        return
    assert encode(found) == content


def test_rows_of_the_data_are_not_kept() -> None:
    with_rows = RuleResult("unique", RuleOutcome.FAILED, Severity.WARNING, "unique", "2", rows=((("id", "secret"),),))
    assert b"secret" not in encode((with_rows,))


def test_results_of_a_later_version_are_refused() -> None:
    later = json.loads(encode((ONE,))) | {"version": 2}
    with pytest.raises(NewerVersionError):
        decode(json.dumps(later).encode())
