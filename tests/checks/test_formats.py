"""A scan reads each format, and gives values the types of the profile."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from file_checks import checked, checked_rule, table

from dver.checks.result import RuleOutcome

RULES = """
expressions:
  - age + 1 > 0
  - day <= TIMESTAMP '2026-01-31'
  - ok OR NOT ok
columns: {name: {regex: '[a-z]+'}, age: {nulls: 1}}
"""
ROWS = [
    {"name": "a", "age": 1, "day": "2026-01-01", "ok": True},
    {"name": "b", "age": None, "day": "2026-01-31", "ok": False},
]


def csv_bytes(delimiter: str = ",") -> bytes:
    lines = (("name", "age", "day", "ok"), ("a", "1", "2026-01-01", "true"), ("b", "NA", "2026-01-31", "false"))
    return "".join(delimiter.join(one) + "\n" for one in lines).encode()


def arrow_file(path: Path) -> None:
    import datetime

    import pyarrow as pa
    from pyarrow import feather

    rows = [{**one, "day": datetime.datetime.fromisoformat(str(one["day"]))} for one in ROWS]
    found = pa.Table.from_pylist(rows)
    if path.suffix == ".arrows":
        with pa.ipc.new_stream(str(path), found.schema) as writer:
            writer.write_table(found)
    else:
        feather.write_feather(found, path, compression="uncompressed")


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.csv.gz", "a.csv.zst", "a.jsonl", "a.arrow", "a.arrows", "a.feather"]
)
def test_every_format_can_be_scanned(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith((".arrow", ".arrows", ".feather")):
        arrow_file(path)
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(one) + "\n" for one in ROWS))
    else:
        content = csv_bytes("\t" if name.endswith(".tsv") else ",")
        compress = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
        path.write_bytes(compress(content))
    found = checked(path, RULES, rows=1).results
    assert [one.outcome for one in found] == [RuleOutcome.PASSED] * 5, [one.found for one in found]
    bad = checked_rule(path, "expressions: age IS NOT NULL", rows=1)
    assert [dict(one)["row"] for one in bad.rows] == ["2"]


def test_times_with_an_offset_are_compared_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("day\n2026-01-01T01:00:00+02:00\n")
    assert checked_rule(path, "columns: {day: {max: '2025-12-31T23:00:00'}}").outcome is RuleOutcome.PASSED
    assert checked_rule(path, "expressions: day = TIMESTAMP '2025-12-31 23:00:00'").outcome is RuleOutcome.PASSED


def test_leading_zeros_are_part_of_what_an_expression_matches(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("zip\n01234\n99999\n")
    assert checked_rule(path, "columns: {zip: {regex: '[0-9]{5}'}}").outcome is RuleOutcome.PASSED
    assert checked_rule(path, "columns: {zip: {regex: '[1-9].*'}}").failed_rows == 1


def test_a_damaged_file_is_an_error_of_the_rules_that_read_it(tmp_path: Path) -> None:
    from file_checks import FileData, suite_of

    from dver.checks.evaluation.evaluate import evaluate
    from dver.profiles.tables import profile_table

    path = tmp_path / "a.parquet"
    import pyarrow as pa
    import pyarrow.parquet as parquet

    parquet.write_table(pa.table({"x": [1, 2]}), path)
    profile = profile_table(path, path.name)
    path.write_bytes(path.read_bytes()[:40])
    found = evaluate(suite_of("rows: 2\nexpressions: x > 0"), profile, FileData(path), path="a.parquet").results
    assert [one.outcome for one in found] == [RuleOutcome.PASSED, RuleOutcome.ERROR]


def test_names_that_differ_only_in_case_are_not_mixed_up(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        path = table(tmp_path / name, {"X": [1, 2], "x": [3, 1], "y": [1, 1]})
        profiled = "columns: {X: {max: 2}, x: {min: 1, max: 3}}"
        assert all(one.ok for one in checked(path, profiled).results)
        scanned = checked_rule(path, "columns: {x: {regex: '[13]'}}")
        assert "another one differs only in case" in scanned.found
        assert checked_rule(path, "expressions: y = 1").outcome is RuleOutcome.PASSED


def test_empty_and_repeated_names_of_a_csv_file_are_read_by_position(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,,x\n1,2,9\n3,4,9\n")
    found = checked(path, "columns: {'': {regex: '[24]', max: 4}, x: {regex: '[13]'}}\nexpressions: x < 4").results
    assert [one.outcome.value for one in found] == ["passed", "error", "passed", "passed"]


def test_rows_that_begin_with_a_number_sign_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("tag,n,note\n#12,500,a\n#13,600,b\n#14,700,c\n" + "12,1,x\n" * 50)
    found = checked(path, "expressions: n < 100\nsql: SELECT * FROM data WHERE n > 100", rows=1).results
    assert [(one.outcome, one.failed_rows) for one in found] == [(RuleOutcome.FAILED, 3)] * 2
    assert [dict(one.rows[0])["tag"] for one in found] == ["#12"] * 2


def test_a_json_text_that_looks_like_a_date_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": "2026-01-01"}\n{"x": "soon"}\n')
    assert checked_rule(path, "columns: {x: {regex: '2026.*|soon'}}").outcome is RuleOutcome.PASSED


def test_texts_of_json_are_scanned_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    values = [7, True, *(f"q{at}" for at in range(400))]
    rows = [{"x": one, "day": f"2026-01-01T00:00:00.{at:03}Z"} for at, one in enumerate(values)]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    rules = "columns: {x: {regex: 'q?\\d+|true'}, day: {regex: '.*Z'}}\nexpressions: length(x) < 5"
    assert [one.found for one in checked(path, rules).results] == ["no failing rows"] * 3
    bad = checked_rule(path, "columns: {x: {regex: 'q.*'}}", rows=3)
    assert (bad.failed_rows, [dict(one)["x"] for one in bad.rows]) == (2, ["7", "true"])


def test_values_of_json_have_the_types_of_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"day": f"2026-01-0{at}", "it's": at / 2, "n": {"x y": at}, "l": [at], "B": at > 1} for at in (1, 2)]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    expressions = ["day < TIMESTAMP '2026-01-02'", '"it\'s" < 1', "n['x y'] = 1", "l[1] = 1 AND len(l) = 1", "NOT B"]
    found = checked(path, f"expressions: {json.dumps(expressions)}").results
    assert [one.failed_rows for one in found] == [1] * 5


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_a_cell_of_many_megabytes_is_scanned(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    cell = "é" * (10_000_000 if name.endswith(".jsonl") else 2_000_000)
    content = f'x,y\n1,"{cell}"\n2,y\n' if ".csv" in name else f'{{"x": 1, "y": "{cell}"}}\n{{"x": 2, "y": "y"}}\n'
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    assert [one.found for one in checked(path, "expressions: x > 0\ncolumns: {y: {regex: 'é*|y'}}").results] == [
        "no failing rows"
    ] * 2
    (row,) = checked_rule(path, "expressions: x > 1", rows=1).rows
    assert len(dict(row)["y"]) == 200


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_with_thousands_of_columns_is_scanned(tmp_path: Path, suffix: str) -> None:
    columns = {f"c{at}": [at, 1, 1] for at in range(3000)}
    path = tmp_path / f"a{suffix}"
    if suffix == ".jsonl":
        path.write_text(
            "".join(json.dumps({name: one[row] for name, one in columns.items()}) + "\n" for row in range(3))
        )
    else:
        table(path, columns)
    rules = "expressions: [c2999 * 2 IS NOT DISTINCT FROM C99 * 2, c98 < 2]\n"
    rules += "columns: {c2998: {regex: '1|2998'}, 'c12*': {regex: '.*'}}"
    found = checked(path, rules, rows=1).results
    assert [one.failed_rows for one in found[-2:]] == [1, 1]
    assert list(dict(found[-1].rows[0]).items())[:3] == [("row", "1"), ("c0", "0"), ("c1", "1")]
    assert {one.found for one in found[:-2]} == {"no failing rows"}
    assert len(found) == 2 + 1 + 111


def test_sql_about_thousands_of_columns_of_text_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {f"c{at}": [1] for at in range(2001)})
    found = checked(path, "sql: SELECT * FROM data\nexpressions: [COLUMNS(*) > 0, c7 > 1]").results
    refused = "SQL cannot read a table of text with 2,001 columns"
    assert [one.found.partition(":")[0] for one in found] == [refused, "100 % failing rows (1 of 1 row)", refused]


def test_empty_lines_of_a_csv_file_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a\n1\n\n""\n3\n"#N/A"\n\n')
    found = checked(path, "rows: 4\nexpressions: a IS NOT NULL\ncolumns: {a: {nulls: 2}}", rows=3).results
    assert [one.failed_rows for one in found] == [None, None, 2]
    assert [dict(one)["row"] for one in found[2].rows] == ["2", "4"]


@pytest.mark.parametrize(
    ("rule", "failed_rows"),
    [
        (r"regex: '\d\d\.\d\d|x'", None),
        ("values: ['01.50', x]", None),
        ("values: ['1.5', x]", 300_000),
        ("lengths: {min: 5}", 1),
        ("min: '01.50'", None),
        ("max: '1'", 1),
    ],
)
def test_a_scan_of_numbers_and_late_texts_has_them_as_they_are_written(
    tmp_path: Path, rule: str, failed_rows: int | None
) -> None:
    from file_checks import FileData, suite_of

    from dver.checks.evaluation.scan import scan
    from dver.profiles.tables import profile_table

    path = tmp_path / "a.csv"
    path.write_text("z,y\n" + "01.50,1\n" * 300_000 + "x,1\n")
    collection = profile_table(path, path.name, processes=1).collections[0]
    (asked,) = suite_of(f"columns: {{z: {{{rule}}}}}").rules
    answers, _ = scan({0: (asked, collection.column("z"))}, {}, collection, FileData(path), 0)
    assert (answers[0].outcome is RuleOutcome.PASSED, answers[0].failed_rows) == (failed_rows is None, failed_rows)


def test_many_files_are_one_table(tmp_path: Path) -> None:
    from contextlib import contextmanager

    from file_checks import FileData, suite_of

    from dver.checks.data_access import DataFile
    from dver.checks.evaluation.evaluate import evaluate
    from dver.profiles.merging import merge
    from dver.profiles.tables import profile_table

    paths = [table(tmp_path / f"{at}.csv", {"x": [at], "y": [1]}) for at in range(200)]
    paths[7].write_text("y,x\n1,7\n")

    class ManyFiles(FileData):
        @contextmanager
        def tables(self, collection: str):
            yield [DataFile(one, one.name) for one in paths]

    profile = merge([profile_table(one, one.name, processes=1) for one in paths])
    suite = suite_of("expressions: x < 199\nkey: y\nsql: SELECT x FROM data GROUP BY x HAVING count(*) > 1")
    key, expression, sql = evaluate(suite, profile, ManyFiles(paths[0]), path="x", rows=2).results
    assert (expression.failed_rows, sql.failed_rows) == (1, None)
    assert [dict(one)["file"] for one in key.rows] == ["0.csv", "1.csv"]
    assert dict(expression.rows[0])["file"] == "199.csv"
