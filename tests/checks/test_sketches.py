"""Answers beyond what sketches keep exactly: approximate where that is enough, by a scan near the limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from file_checks import FileData, checked_rule, table

from dver.checks.result import RuleOutcome

ROWS = 20_000
PASSED, FAILED = RuleOutcome.PASSED, RuleOutcome.FAILED


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drawn = np.random.default_rng(7)
    ids = drawn.permutation(ROWS)
    columns = {"id": ids, "again": np.where(ids == 5, 6, ids), "some": ids % 5000, "name": [f"n{one}" for one in ids]}
    return table(tmp_path_factory.mktemp("numbers") / "numbers.parquet", columns)


@pytest.mark.parametrize(
    ("rules", "outcome", "scanned"),
    [
        ("columns: {id: {quantiles: {0.5: {min: 9000, max: 11000}}}}", PASSED, False),
        ("columns: {id: {quantiles: {0.5: {min: 12000}}}}", FAILED, False),
        ("columns: {id: {quantiles: {0.5: {max: 8000}}}}", FAILED, False),
        ("columns: {id: {quantiles: {0.5: {min: 9999, max: 9999}}}}", PASSED, True),
        ("columns: {id: {quantiles: {0.5: {min: 10000}}}}", FAILED, True),
        ("columns: {id: {quantiles: {0.5: {max: 9998}}}}", FAILED, True),
        ("columns: {id: {quantiles: {0: {min: 0, max: 0}}}}", PASSED, False),
        ("columns: {id: {quantiles: {1: {min: 19999, max: 19999}}}}", PASSED, False),
        ("columns: {some: {distinct: {min: 4000, max: 6000}}}", PASSED, False),
        ("columns: {some: {distinct: {max: 4000}}}", FAILED, False),
        ("columns: {some: {distinct: {min: 6000}}}", FAILED, False),
        ("columns: {some: {distinct: 5000}}", PASSED, True),
        ("columns: {some: {distinct: 5001}}", FAILED, True),
        ("columns: {id: {unique: true}}", PASSED, True),
        ("columns: {again: {unique: true}}", FAILED, True),
        ("columns: {some: {unique: true}}", FAILED, False),
        ("columns: {name: {unique: true}}", PASSED, True),
        ("key: [some, id]", PASSED, True),
        ("columns: {id: {values: [1, 2, 3]}}", FAILED, False),
        ("columns: {name: {regex: 'n[0-9]+'}}", PASSED, True),
        ("columns: {name: {lengths: {min: 2, max: 6}}}", PASSED, False),
    ],
)
def test_only_a_rule_near_the_error_of_the_sketch_is_settled_by_a_scan(
    numbers: Path, rules: str, outcome: RuleOutcome, scanned: bool
) -> None:
    data = FileData(numbers)
    result = checked_rule(data, rules)
    assert (result.outcome, result.scanned, data.opened) == (outcome, scanned, int(scanned)), result.found


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("columns: {id: {quantiles: {0.5: {min: 9000}}}}", "(rank to 1 %)"),
        ("columns: {some: {distinct: {min: 4000}}}", "distinct values (to 5 %)"),
        ("columns: {some: {unique: true}}", "occurs at least"),
    ],
)
def test_an_approximate_answer_says_so(numbers: Path, rules: str, found: str) -> None:
    assert found in checked_rule(numbers, rules).found


@pytest.mark.parametrize(
    "rules",
    [
        "min: 0",
        "max: 19999",
        "values: [1]",
        "unique: true",
        "quantiles: {0.5: {min: 3}}",
        "mean: {min: 9999.5, max: 9999.5}",
    ],
)
def test_a_private_column_is_checked_by_a_scan(numbers: Path, rules: str) -> None:
    result = checked_rule(numbers, f"columns: {{id: {{{rules}}}}}", private=frozenset(("id",)))
    assert (result.outcome is FAILED) == rules.startswith("values")
    assert result.scanned


def test_infinities_are_values_for_unique(tmp_path: Path) -> None:
    path = table(tmp_path / "numbers.parquet", {"a": [1.5, float("inf"), -float("inf")]})
    assert checked_rule(FileData(path), "columns: {a: {unique: true}}").outcome is PASSED
    path = table(tmp_path / "again.parquet", {"a": [1.5, float("inf"), float("inf")]})
    assert checked_rule(FileData(path), "columns: {a: {unique: true}}").outcome is FAILED


def test_the_newest_time_of_a_private_column_is_not_known(tmp_path: Path) -> None:
    path = table(tmp_path / "times.csv", {"at": ["2026-01-01"]})
    result = checked_rule(FileData(path), "columns: {at: {fresh: 1d}}", private=frozenset(("at",)))
    assert (result.outcome, result.found) == (
        RuleOutcome.ERROR,
        "the column is private, so its newest time is not known",
    )


@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ("columns: {code: {lengths: {max: 3}}}", FAILED),
        ('columns: {code: {min: "A"}}', FAILED),
        ("columns: {code: {max: '99'}}", FAILED),
        ("columns: {code: {unique: true}}", FAILED),
        ("columns: {code: {distinct: 2}}", PASSED),
    ],
)
def test_numbers_that_were_read_before_the_first_text_are_texts(
    tmp_path: Path, rules: str, outcome: RuleOutcome
) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code,other\n" + "123456789,1\n" * 70_000 + "AB1,1\n")
    data = FileData(path)
    result = checked_rule(data, rules)
    assert (result.outcome, data.opened) == (outcome, 1), result.found


def test_a_text_column_with_numbers_from_the_start_is_not_scanned(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code,other\nAB1,1\n" + "123,1\n" * 70_000)
    data = FileData(path)
    assert checked_rule(data, "columns: {code: {lengths: {max: 3}}}").outcome is PASSED
    assert not data.opened


@pytest.mark.parametrize("percent", [29, 57, 58, 7])
def test_a_limit_in_percent_is_inclusive(tmp_path: Path, percent: int) -> None:
    path = tmp_path / "nulls.csv"
    path.write_text("a,b\n" + ",1\n" * percent + "1,1\n" * (100 - percent))
    assert checked_rule(FileData(path), f"columns: {{a: {{nulls: {percent} %}}}}").outcome is PASSED
    assert checked_rule(FileData(path), f"columns: {{a: {{nulls: {percent - 0.1} %}}}}").outcome is FAILED


@pytest.mark.parametrize(
    ("content", "rules", "found"),
    [
        ("a,b\n1,1\nq,1\n", "columns: {a: {values: [1, q]}}", "also 1; 1 is text in this column: write it in quotes"),
        (
            "a,b\n1,1\n2,1\n",
            'columns: {a: {values: ["1", 2]}}',
            "also 1; 1 is no text in this column: write it without quotes",
        ),
    ],
)
def test_a_value_of_another_type_gets_a_hint(tmp_path: Path, content: str, rules: str, found: str) -> None:
    path = tmp_path / "values.csv"
    path.write_text(content)
    assert checked_rule(FileData(path), rules).found == found


def test_a_limit_in_parts_of_a_percent_is_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "nulls.csv"
    path.write_text("a,b\n" + ",1\n" * 7 + "1,1\n" * 993)
    assert checked_rule(FileData(path), "columns: {a: {nulls: 0.7 %}}").outcome is PASSED


@pytest.mark.parametrize("rule", ["mean", "deviation"])
def test_the_mean_and_deviation_of_a_private_column_are_not_shown(numbers: Path, rule: str) -> None:
    texts = [
        checked_rule(numbers, f"columns: {{id: {{{rule}: {{{limit}}}}}}}", private=frozenset(("id",))).found
        for limit in ("min: 1", "max: 1")
    ]
    assert texts == ["in the range", "outside the range"]


def test_integers_that_a_profile_rounds_are_compared_exactly(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", {"x": [2**53 + 1]})
    assert checked_rule(path, f"columns: {{x: {{max: {2**53}}}}}").failed_rows == 1
    assert checked_rule(path, f"columns: {{x: {{max: {2**53 + 1}}}}}").outcome is PASSED


def test_quantiles_by_counting_agree_with_sorting(tmp_path: Path) -> None:
    drawn = np.random.default_rng(3)
    values = np.round(drawn.normal(size=3000), 2)
    path = table(tmp_path / "a.parquet", {"x": values})
    for rank in (0.01, 0.1, 0.25, 0.5, 0.9, 0.999):
        exact = float(np.quantile(values, rank, method="inverted_cdf"))
        for limits, outcome in (
            (f"min: {exact}, max: {exact}", PASSED),
            (f"min: {exact + 0.01}", FAILED),
            (f"max: {exact - 0.01}", FAILED),
        ):
            result = checked_rule(path, f"columns: {{x: {{quantiles: {{{rank}: {{{limits}}}}}}}}}")
            assert result.outcome is outcome, (rank, limits, result.found)
