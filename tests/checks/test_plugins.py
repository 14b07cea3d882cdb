"""Plug-ins with the real libraries, and one of a package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from file_checks import FileData, checked, checked_rule, table

from dver.checks.result import RuleOutcome

SCHEMA = """
import pandera.pandas as pa
strict = pa.DataFrameSchema({"age": pa.Column(int, pa.Check.gt(0)), "name": pa.Column(nullable=False)})
loose = pa.DataFrameSchema({"age": pa.Column(int)})
class Model(pa.DataFrameModel):
    age: int
boom = 3
"""
STEPS = """
tbl: ignored.csv
steps:
- col_vals_gt: {columns: age, value: 0}
- rows_distinct
- col_exists: {columns: nope}
"""
PLUGIN = """
from dver.checks.plugins.plugin_data import PluginCheck

def check(data, text):
    rows = sum(batch.num_rows for batch in data.batches(2))
    negative = sum((batch.column(text).to_numpy() < 0).sum() for batch in data.batches(2))
    yield PluginCheck("positive", not negative, f"{negative} of {rows} in {data.files[0].name}", column=text)

def bad(data, text):
    raise KeyError(text)
"""


@pytest.fixture
def data(tmp_path: Path) -> FileData:
    (tmp_path / "schemas.py").write_text(SCHEMA)
    (tmp_path / "steps.yaml").write_text(STEPS)
    return FileData(table(tmp_path / "data.csv", {"age": [3, -4, 5], "name": ["a", "b", None]}), plugins_allowed=True)


def test_pandera_reports_each_check_that_fails(data: FileData) -> None:
    age, name = checked(data, "pandera: schemas.py:strict").results
    assert (age.rule, age.column, age.outcome, age.failed_rows) == (
        "pandera greater_than(0)",
        "age",
        RuleOutcome.FAILED,
        1,
    )
    assert age.found == "1 failure: -4"
    assert (name.rule, name.column) == ("pandera not_nullable", "name")


@pytest.mark.parametrize("text", ["schemas.py:loose", "schemas.py:Model", "schemas:loose"])
def test_pandera_passes_with_a_schema_or_a_model_of_a_file_or_module(data: FileData, text: str) -> None:
    sys.modules.pop("schemas", None)
    result = checked_rule(data, f"pandera: {text}")
    assert (result.outcome, result.found) == (RuleOutcome.PASSED, "the schema validates the data")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("schemas.py", "'schemas.py' names no schema"),
        ("nope.py:x", "nope.py cannot be imported: FileNotFoundError"),
        ("nope:x", "nope cannot be imported: ModuleNotFoundError"),
        ("schemas.py:nope", "schemas.py has no schema 'nope'"),
        ("schemas.py:boom", "schemas.py has no schema 'boom'"),
    ],
)
def test_a_schema_that_cannot_be_used_is_an_error(data: FileData, text: str, found: str) -> None:
    result = checked_rule(data, f"pandera: {text}")
    assert result.outcome is RuleOutcome.ERROR
    assert found in result.found


def test_pointblank_reports_each_step(data: FileData) -> None:
    above, distinct, exists = checked(data, "pointblank: {value: steps.yaml, severity: warning}").results
    assert (above.rule, above.column, above.outcome) == ("pointblank col_vals_gt", "age", RuleOutcome.FAILED)
    assert above.found == "1 of 3 test units failed"
    assert (distinct.outcome, exists.outcome) == (RuleOutcome.PASSED, RuleOutcome.FAILED)
    assert above.severity.value == "warning"


@pytest.mark.parametrize("text", ["- a", "steps: [nope]", ": : :", None])
def test_a_file_of_pointblank_that_cannot_be_used_is_an_error(data: FileData, text: str | None) -> None:
    path = data.path.parent / "bad.yaml"
    if text is not None:
        path.write_text(text)
    assert checked_rule(data, "pointblank: bad.yaml").outcome is RuleOutcome.ERROR


def test_nothing_runs_unless_it_is_allowed(data: FileData) -> None:
    data.plugins_allowed = False
    (data.path.parent / "schemas.py").write_text("open('ran', 'w')")
    for rules in ("pandera: schemas.py:strict", "pointblank: steps.yaml", "plugins: {other: x}"):
        result = checked_rule(data, rules)
        assert result.outcome is RuleOutcome.ERROR
        assert "dver config set --local checks.plugins true" in result.found
    assert not Path("ran").exists()
    assert data.opened == 0


def test_a_package_adds_a_plugin_by_its_entry_point(
    data: FileData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site"
    info = package / "positive-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: positive\nVersion: 1.0\n")
    entry_points = "[dver.checks]\npositive = positive_checks:check\nbad = positive_checks:bad\n"
    (info / "entry_points.txt").write_text(entry_points)
    (package / "positive_checks.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(package))
    result = checked_rule(data, "plugins: {positive: age}")
    assert (result.rule, result.outcome, result.found) == ("positive", RuleOutcome.FAILED, "1 of 3 in data.csv")
    assert "plug-in bad failed: KeyError: 'age'" in checked_rule(data, "plugins: {bad: age}").found
    assert "did you mean 'positive'?" in checked_rule(data, "plugins: {positiv: age}").found
