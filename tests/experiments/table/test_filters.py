from __future__ import annotations

import math
from typing import Any

import pytest
from experimenting import BASELINE, row
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import UsageError
from dver.experiments.table.columns import Names, columns_of
from dver.experiments.table.filters import parse_filter
from dver.formats.experiment import Experiment, ExperimentStatus

ONE = row(
    1,
    {"auc": 0.9, "loss": math.nan},
    {"lr": 0.1, "train.depth": 3, "opt": "adam", "flag": True, "none": None, "odd name": 7, "lambda": 2, "text": "10"},
    message="größer",
    started=1_700_000_100.0,
    ended=1_700_000_160.0,
    host="box",
    trial=4,
)
NOTHING = row(2, status=ExperimentStatus.FAILED)


def matches(text: str, *rows: Experiment, revs: dict[str, str] | None = None) -> list[str]:
    known = rows or (ONE, NOTHING)
    test = parse_filter(text, Names(columns_of([ONE, *known])), revs)
    return [one.name for one in known if test(one)]


@pytest.mark.parametrize(
    "text",
    [
        "auc>0.8",
        "auc >= .9 and lr<0.2",
        "auc==9e-1",
        "0.05 < lr <= 0.1",
        "lr in [0.1, 0.2]",
        "lr in (0.1, 0.2,)",
        "lr not in [1]",
        "opt == 'adam'",
        'opt != "sgd"',
        "'dam' in opt",
        "opt < 'b'",
        "flag",
        "not not flag",
        "flag == true",
        "not flag == false",
        "none == null",
        "loss == nan",
        "depth = 3",
        "train.depth==3",
        "params.yaml:train.depth==3",
        "`odd name` == 7",
        "lambda > -inf",
        "lr > -1",
        "lr != 'x'",
        "text == '10'",
        "(auc > 0.95 or (lr < 0.5)) and not (opt == 'sgd')",
        "status == 'done'",
        "name == 'exp-1' and host == 'box' and trial == 4",
        "message == 'gr\u00f6\u00dfer'",
        "duration == 60",
        "created > '2020-01-31' and created < '2100-01-01 12:00'",
        "id == '00000000'",
        "baseline == 'main' and lr > 0",
        "baseline == 'aaaa' and lr > 0",
        "missing_or_not == 1 or lr > 0",
    ],
)
def test_a_filter_matches(text: str) -> None:
    extra = row(3, {"missing_or_not": 2})
    assert matches(text, ONE, NOTHING, extra, revs={"main": BASELINE})[:1] == ["exp-1"]


@pytest.mark.parametrize(
    "text",
    [
        "auc>0.9",
        "lr == true",
        "flag == 1",
        "text == 10",
        "text > 5",
        "lr > 'a'",
        "loss > 0",
        "not loss > 0",
        "opt",
        "none > 1",
        "lr in [1, 'x']",
        "exit_code == 0",
        "baseline == 'aaa'",
        "1 in lr",
    ],
)
def test_a_filter_does_not_match(text: str) -> None:
    assert matches(text, ONE) == []


@pytest.mark.parametrize("text", ["auc > 0", "not auc > 0", "auc != 1", "auc not in [1]", "flag", "not flag"])
def test_a_missing_value_never_matches(text: str) -> None:
    assert "exp-2" not in matches(text)


def test_a_missing_value_does_not_hide_what_another_test_finds() -> None:
    assert matches("auc > 5 or status == 'failed'") == ["exp-2"]
    assert matches("not (auc > 0 and status == 'done')") == ["exp-2"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the filter is empty"),
        ("auc >", "the filter ends too early at column 6"),
        ("auc > 0.9 lr", "unexpected 'lr' at column 11"),
        ("(auc > 1", "a parenthesis that is not closed at column 1"),
        ("auc > 1)", "unexpected ')' at column 8"),
        ("auc ! 1", "unexpected '!' at column 5"),
        ("auc > 'x", "a text without its end at column 7"),
        ("auc > - 'x'", "expected a number after '-' at column 7"),
        ("1", "1 is not a comparison, at column 1"),
        ("lr in [auc]", "a list of anything but numbers and texts at column 7"),
        ("lr in [1 2]", "a list that is not closed at column 7"),
        ("lr not 3", "expected `in` after `not` at column 8"),
        ("(lr > 1) > 2", "a comparison of a comparison"),
        ("created > 'soon'", "'soon' is not a date"),
        ("and", "unexpected 'and' at column 1"),
        ("1x > 2", "unexpected '1x' at column 1"),
        ("(" * 1000 + "lr > 1", "too many parentheses"),
        ("not " * 1000 + "lr > 1", "too many parentheses"),
    ],
)
def test_a_mistake_is_named_with_its_position(text: str, what: str) -> None:
    with pytest.raises(UsageError) as error:
        matches(text)
    assert what in error.value.what
    assert error.value.fix


def test_long_filters_are_no_deep_ones() -> None:
    assert matches(" and ".join(["lr > 0"] * 3000) + " or " + " or ".join(["lr < 0"] * 3000), ONE) == ["exp-1"]
    assert matches("lr < " + "9" * 5000, ONE) == ["exp-1"]


def test_an_unknown_name_is_refused_with_close_ones() -> None:
    with pytest.raises(UsageError) as error:
        matches("lr > 0 and acu > 0.5")
    assert error.value.what == "no parameter, metric or field is called 'acu', at column 12 of the filter"
    assert error.value.fix == "did you mean auc?"


def test_an_ambiguous_name_is_refused_with_a_full_one() -> None:
    both = row(1, {"lr": 1}, {"lr": 2})
    with pytest.raises(UsageError) as error:
        matches("lr > 1", both)
    assert error.value.fix == "use 'metrics.json:lr'"
    assert matches("params.yaml:lr > 1", both) == ["exp-1"]


def test_a_field_wins_over_a_parameter_of_the_same_name() -> None:
    one = row(1, params={"status": "x"})
    assert matches("status == 'done' and params.yaml:status == 'x'", one) == ["exp-1"]


def test_without_any_values_all_names_are_missing_values() -> None:
    assert parse_filter("auc > 0.5", Names(()))(NOTHING) is False


@given(st.text(alphabet="auclr<>=()[]'\"` .,1-+andornti", max_size=30))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    names = Names(columns_of([ONE]))
    try:
        test = parse_filter(text, names)
    except UsageError:
        return
    assert test(ONE) in (True, False)


values = st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none())


@given(values, st.floats())
def test_a_test_and_its_opposite_never_both_match(value: Any, other: float) -> None:
    one = row(1, {"m": value})
    for sign in ("<", "<=", ">", ">=", "==", "!="):
        text = f"m {sign} {other!r}"
        assert not (matches(text, one) and matches(f"not {text}", one))


@given(st.integers() | st.floats(allow_nan=False), st.integers() | st.floats(allow_nan=False))
def test_numbers_compare_as_in_python(value: float, other: float) -> None:
    one = row(1, {"m": value})
    expected = {
        "<": value < other,
        "<=": value <= other,
        ">": value > other,
        "==": value == other,
        "!=": value != other,
    }
    for sign, found in expected.items():
        assert bool(matches(f"m {sign} {other!r}", one)) == found
