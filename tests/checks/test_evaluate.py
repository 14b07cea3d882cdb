"""Each rule on a table that follows it, and on one that does not. Answers of profiles open no file."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_checks import FileData, checked, checked_rule, table

from dver.checks.result import RuleOutcome
from dver.profiles.tables import profile_table

PASSED, FAILED, ERROR = RuleOutcome.PASSED, RuleOutcome.FAILED, RuleOutcome.ERROR
NOW = 1_767_830_400.0
"""2026-01-08."""


@pytest.fixture(scope="module", params=["csv", "parquet"])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import datetime

    days: list[object] = [datetime.datetime(2026, 1, day) for day in (1, 2, 3, 4, 5)]
    if request.param == "csv":
        days = [f"2026-01-0{day}" for day in (1, 2, 3, 4, 5)]
    return table(
        tmp_path_factory.mktemp("people") / f"people.{request.param}",
        {
            "id": [1, 2, 3, 4, 5],
            "age": [30, 41, 28, None, 65],
            "country": ["DE", "FR", "DE", "DE", "AT"],
            "day": days,
            "ok": ["true", "false", "true", "true", "true"]
            if request.param == "csv"
            else [True, False, True, True, True],
            "score": [0.5, 1.5, 2.5, 3.5, 4.5],
        },
    )


@pytest.mark.parametrize(
    ("rules", "outcome", "found"),
    [
        ("rows: 5", PASSED, "5 rows"),
        ("rows: {min: 6}", FAILED, "5 rows"),
        ("schema: {columns: [id, age]}", PASSED, "6 columns"),
        ("schema: {columns: [id, age], extra: false}", FAILED, "also country, day, ok, score"),
        ("schema: {columns: [age, id], order: true}", FAILED, "in the order id, age"),
        ("schema: {columns: [age, id]}", PASSED, "6 columns"),
        ("schema: {columns: {id: text, nope: text}}", FAILED, "missing nope; id is integer, not text"),
        ("key: id", PASSED, "all different"),
        ("key: country", FAILED, "DE occurs 3 times"),
        ("key: [age, country]", FAILED, "1 null in age"),
        ("key: [id, country]", PASSED, "all different"),
        ("key: [nope]", ERROR, "no column 'nope'"),
        ("unreadable: 0", PASSED, "all readable"),
        ("columns: {id: {type: integer}}", PASSED, None),
        ("columns: {id: {type: number}}", PASSED, None),
        ("columns: {score: {type: integer}}", FAILED, None),
        ("columns: {country: {type: [text, time]}}", PASSED, None),
        ("columns: {day: {type: time}}", PASSED, None),
        ("columns: {ok: {type: boolean}}", PASSED, None),
        ("columns: {age: {nulls: 1}}", PASSED, "20 % nulls (1 of 5 rows)"),
        ("columns: {age: {nulls: 20 %}}", PASSED, None),
        ("columns: {age: {nulls: 19 %}}", FAILED, "20 % nulls (1 of 5 rows)"),
        ("columns: {age: {min: 28}}", PASSED, "smallest value 28"),
        ("columns: {age: {min: 29}}", FAILED, "smallest value 28"),
        ("columns: {age: {max: 65}}", PASSED, "greatest value 65"),
        ("columns: {age: {max: 64.5}}", FAILED, "greatest value 65"),
        ("columns: {country: {min: AT}}", PASSED, "smallest value AT"),
        ("columns: {country: {max: AT}}", FAILED, "greatest value FR"),
        ("columns: {day: {min: 2026-01-01}}", PASSED, "smallest value 2026-01-01"),
        ("columns: {day: {max: '2026-01-04T12:00:00'}}", FAILED, "greatest value 2026-01-05"),
        ("columns: {day: {max: soon}}", ERROR, "'soon' is not one"),
        ("columns: {country: {min: 3}}", ERROR, "the column has text values, and the limit is a number"),
        ("columns: {age: {min: x}}", ERROR, "the column has integer values, and the limit is text"),
        ("columns: {age: {mean: {min: 41, max: 41}}}", PASSED, "a mean of 41"),
        ("columns: {age: {mean: {min: 42}}}", FAILED, "a mean of 41"),
        ("columns: {ok: {mean: {min: 80 , max: 81}}}", FAILED, "a mean of 0.8"),
        ("columns: {country: {mean: {min: 1}}}", ERROR, "the column has text values, not numbers"),
        ("columns: {score: {deviation: {min: 1.58, max: 1.59}}}", PASSED, None),
        ("columns: {score: {quantiles: {0.5: {min: 2.5, max: 2.5}}}}", PASSED, "a quantile 0.5 of 2.5"),
        ("columns: {score: {quantiles: {0.5: {max: 2}}}}", FAILED, "a quantile 0.5 of 2.5"),
        ("columns: {score: {finite: true}}", PASSED, None),
        ("columns: {id: {unique: true}}", PASSED, "all different"),
        ("columns: {country: {unique: true}}", FAILED, "DE occurs 3 times"),
        ("columns: {age: {unique: true}}", PASSED, "all different"),
        ("columns: {country: {distinct: 3}}", PASSED, "3 distinct values"),
        ("columns: {country: {distinct: {min: 4}}}", FAILED, "3 distinct values"),
        ("columns: {country: {values: [AT, DE, FR]}}", PASSED, None),
        ("columns: {country: {values: [AT, DE]}}", FAILED, "also FR"),
        ("columns: {id: {values: [1, 2, 3, 4, 5]}}", PASSED, None),
        ("columns: {id: {values: ['1', 2, 3, 4, 5]}}", FAILED, "also 1"),
        ("columns: {ok: {values: [true]}}", FAILED, "also false"),
        ("columns: {country: {regex: '[A-Z]{2}'}}", PASSED, "all values match"),
        ("columns: {country: {regex: 'A.*'}}", FAILED, "also DE, FR"),
        ("columns: {country: {regex: '('}}", ERROR, "missing )"),
        ("columns: {country: {lengths: 2}}", PASSED, "lengths of 2"),
        ("columns: {country: {lengths: {min: 3}}}", FAILED, "lengths of 2"),
        ("columns: {id: {lengths: 1}}", ERROR, "which have no lengths"),
        ("columns: {day: {fresh: 3d}}", PASSED, "newest 2026-01-05"),
        ("columns: {day: {fresh: 2d}}", FAILED, "newest 2026-01-05"),
        ("columns: {id: {fresh: 2d}}", ERROR, "not times"),
        ("columns: {nope: {min: 2}}", ERROR, "no column 'nope'"),
        ("columns: {contry: {nulls: 0}}", ERROR, "no column 'contry'; did you mean 'country'?"),
        ("columns: {'x_*': {nulls: 0}}", ERROR, "no column matches 'x_*'"),
        ("collection: images\nrows: 5", ERROR, "no collection 'images'"),
    ],
)
def test_a_rule_is_answered_by_the_profile_without_opening_the_file(
    people: Path, rules: str, outcome: RuleOutcome, found: str | None
) -> None:
    data = FileData(people)
    result = checked_rule(data, rules, now=NOW)
    assert (result.outcome, result.scanned) == (outcome, False), result.found
    assert data.opened == 0
    if found is not None:
        assert found in result.found


@pytest.mark.parametrize(
    ("rules", "outcome", "found"),
    [
        ("expressions: age > 20", PASSED, "no failing rows"),
        ("expressions: day < '2026-01-05'", FAILED, "20 % failing rows (1 of 5 rows)"),
        ("expressions: {adult: age >= 30 OR country = 'FR'}", FAILED, "20 % failing rows (1 of 5 rows)"),
        ("sql: SELECT country FROM data GROUP BY country HAVING count(*) > 3", PASSED, "0 rows"),
        ("sql: SELECT country FROM data GROUP BY country HAVING count(*) > 2;", FAILED, "1 row"),
        ("sql: SELECT * FROM data WHERE epoch(day) < 0 -- comment", PASSED, "0 rows"),
        ("key: [country, ok]", FAILED, "2 rows with a value that occurs before"),
        ("key: [country, score]", PASSED, "all different"),
        ("columns: {id: {regex: '[0-4]'}}", FAILED, "20 % failing rows (1 of 5 rows)"),
    ],
)
def test_a_rule_without_an_answer_in_the_profile_reads_the_file_once(
    people: Path, rules: str, outcome: RuleOutcome, found: str
) -> None:
    data = FileData(people)
    result = checked_rule(data, rules)
    assert (result.outcome, result.found) == (outcome, found)
    assert data.opened == (0 if "score" in rules else 1)


def test_all_rules_share_one_scan(people: Path) -> None:
    data = FileData(people)
    found = checked(data, "expressions: [age > 0, score > 0]\nkey: [country, ok]\ncolumns: {id: {regex: '.'}}")
    assert data.opened == 1
    assert [one.scanned for one in found.results] == [True] * 4


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("expressions: age >", "the SQL cannot be parsed"),
        ("expressions: nope > 3", 'Binder Error: Referenced column "nope" not found'),
        ("expressions: '1) AS failed, 1 AS one FROM data --'", "the SQL cannot be parsed"),
        ("expressions: 'age > 0) OR (1=1'", "the SQL cannot be parsed"),
        ("expressions: '1=1) , (1=1'", "the SQL cannot be parsed"),
        ("expressions: 'COLUMNS(*) IS NOT NULL'", "the expression is not one true-or-false value"),
        ("sql: SELEC 1", "the SQL cannot be parsed"),
        ("sql: SELECT nope FROM data", 'Referenced column "nope" not found'),
        ("sql: DROP VIEW data", "the SQL is not one SELECT"),
        ("sql: SELECT 1; SELECT 2", "the SQL is not one SELECT"),
        ("sql: COPY (SELECT 1) TO 'written.csv'", "the SQL is not one SELECT"),
        ("sql: SELECT * FROM read_csv('/etc/passwd')", "Permission Error"),
        ("sql: SELECT * FROM read_text('/etc/passwd')", "Permission Error"),
        ("sql: SELECT * FROM glob('/*')", "Permission Error"),
        ("sql: ATTACH 'x.db'", "the SQL is not one SELECT"),
        ("sql: INSTALL httpfs", "the SQL is not one SELECT"),
        ("sql: SET memory_limit = '99GB'", "the SQL is not one SELECT"),
        ("sql: SELECT * FROM statement", "Table with name statement does not exist"),
        ("sql: SELECT id FROM data WHERE CAST(country AS INTEGER) > 3", "Could not convert string"),
    ],
)
def test_a_mistake_in_sql_is_an_error_of_that_rule_alone(people: Path, rules: str, found: str) -> None:
    result, good = checked(people, f"{rules}\nkey: [country, ok]").results[::-1][:2]
    assert (result.outcome, good.outcome) == (ERROR, FAILED)
    assert found in result.found
    assert not Path("written.csv").exists()


def test_an_error_while_rows_are_read_is_one_of_that_rule_alone(people: Path) -> None:
    good, bad = checked(people, "expressions: [age > 0, CAST(country AS INTEGER) > 3]").results
    assert (good.outcome, bad.outcome) == (PASSED, ERROR)
    assert "Could not convert string 'DE'" in bad.found


def test_failing_rows_have_their_number_and_values(people: Path) -> None:
    result = checked_rule(people, "columns: {age: {min: 35}}", rows=1)
    ((row,), rows) = result.rows, result.failed_rows
    assert row[:3] == (("row", "1"), ("age", "30"), ("id", "1"))
    assert (rows, result.scanned) == (None, True)
    found = checked_rule(people, "columns: {country: {unique: true}}", rows=10)
    assert [dict(one)["row"] for one in found.rows] == ["1", "3", "4"]
    assert [dict(one)["row"] for one in checked_rule(people, "key: age", rows=10).rows] == ["4"]
    assert checked_rule(people, "sql: SELECT id FROM data WHERE id > 3 ORDER BY id", rows=1).rows == ((("id", "4"),),)
    assert checked_rule(people, "columns: {age: {min: 3}}", rows=3).rows == ()
    assert [dict(one)["age"] for one in checked_rule(people, "columns: {age: {nulls: 0}}", rows=3).rows] == ["null"]


def test_a_pattern_is_a_rule_for_each_column_that_matches(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"x_a": [1], "x_b": [2], "y": [3]})
    assert [one.column for one in checked(path, "columns: {'x_*': {min: 1}}").results] == ["x_a", "x_b"]


def test_a_column_whose_name_looks_like_a_pattern_is_that_column(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"x*": [1], "xy": [-1]})
    assert checked_rule(path, "columns: {'x*': {min: 0}}").column == "x*"


def test_rows_are_compared_with_the_previous_version(tmp_path: Path) -> None:
    old = table(tmp_path / "old.csv", {"x": range(100)})
    before = profile_table(old, old.name, processes=1)
    new = FileData(table(tmp_path / "new.csv", {"x": range(111)}), before)
    assert checked_rule(new, "rows: {change: 10 %}").found == "111 rows after 100 (+11 %)"
    assert checked_rule(new, "rows: {change: 10 %}").outcome is FAILED
    assert checked_rule(new, "rows: {change: {min: 0 %, max: 11 %}}").outcome is PASSED
    assert checked_rule(FileData(old), "rows: {change: 10 %}").found == "100 rows; no previous version"


@pytest.mark.parametrize("rules", ["nulls: 0", "min: 1", "unique: true", "values: [a]", "regex: a", "type: integer"])
def test_a_table_without_rows_has_nothing_that_fails(tmp_path: Path, rules: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n")
    assert checked_rule(path, f"columns: {{x: {{{rules}}}}}").outcome is PASSED


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize(
    "rules", ["key: [x, y]", "expressions: [x > 1, x = y, 'null']", "sql: SELECT x FROM data WHERE x > 3"]
)
def test_a_table_without_rows_has_no_row_that_fails_in_a_scan(tmp_path: Path, name: str, rules: str) -> None:
    path = table(tmp_path / name, {"x": [], "y": []})
    assert {one.outcome for one in checked(path, rules, rows=1).results} == {PASSED}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_column_of_nulls_is_compared_with_values_of_every_type(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("x,y\n,1\n,2\n" if name == "a.csv" else '{"x": null, "y": 1}\n{"x": null, "y": 2}\n')
    rules = "expressions: [x > 1, x = 'a', x < TIMESTAMP '2026-01-01', x, length(x) > 3, x = y]"
    assert {one.found for one in checked(path, rules).results} == {"no failing rows"}
    assert checked_rule(path, "expressions: x IS NOT NULL").failed_rows == 2
    assert checked_rule(path, "key: [x, y]").found == "2 nulls in x"


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize("number", [100, 20_000])
def test_nan_and_infinities_are_no_distinct_values_in_a_profile_and_in_a_scan(
    tmp_path: Path, name: str, number: int
) -> None:
    path = table(tmp_path / name, {"x": [*map(float, range(number)), float("nan"), float("inf")]})
    result = checked_rule(path, f"columns: {{x: {{distinct: {number}}}}}")
    assert (result.outcome, result.scanned) == (PASSED, number == 20_000)


def test_infinities_and_nan_are_not_finite_and_infinities_have_an_order(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", {"x": [1.0, float("inf"), float("nan"), 3.0]})
    assert checked_rule(path, "columns: {x: {finite: true}}").found == "1 NaN and 1 infinity"
    assert checked_rule(path, "columns: {x: {max: 10}}").failed_rows == 1
    assert checked_rule(path, "columns: {x: {min: 1}}").outcome is PASSED


def test_quoted_names_and_values_are_not_sql(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"a""; DROP VIEW data; --",b\nit\'s,1\nit\'s,2\n')
    rules = 'columns: {\'a"; DROP VIEW data; --\': {regex: "it\'s", values: ["it\'s"]}}\nexpressions: b > 1'
    assert [one.outcome for one in checked(path, rules, rows=2).results] == [PASSED, PASSED, FAILED]


def test_without_the_libraries_the_error_names_the_extra(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from file_checks import suite_of

    from dver.checks.evaluation.evaluate import evaluate
    from dver.core.errors import UsageError

    profile = profile_table(people, people.name, processes=1)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as caught:
        evaluate(suite_of("rows: 5"), profile, FileData(people), path="people")
    assert caught.value.fix == 'pip install "dver[data]"'
